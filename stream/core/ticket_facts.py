"""The facts of one entity as plain data, in the shape of its row.

Rows are MessagePack arrays, and short, because there is one per ticket. Every ``at`` counts milliseconds from
``Facts.base_ms``. Lists are kept in one canonical order, so that equal facts are equal rows.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Protocol, TypeVar

import msgspec

from stream.core.fact import KEY_BYTES, Fact, Order

ROW_VERSION = 2
ID_BYTES = KEY_BYTES + 1
"""Per reply: its natural key and the short form of its order (0: the text stands in ``reply_texts``)."""

UNCHANGED = 0
Holder = str | int | None
"""What an assignment says about one holder: a name, None for nobody, or :data:`UNCHANGED`."""


class Creation(Fact, gc=False):
    """The standing ``ticket.created``; ``at`` is 0, segments are sorted by name."""

    channel: str
    team: str | None
    queue: str | None
    requester: str | None
    created_by: int
    priority: int
    kind: str | None
    segments: dict[str, str] | None
    calendar: str | None


class StatusChange(Fact, gc=False):
    """One per (status, time)."""

    status: int
    agent: str | None


class Assignment(Fact, gc=False):
    """One per (time, content)."""

    agent: Holder
    team: Holder
    queue: Holder


class Escalation(Fact, gc=False):
    """One per (time, content)."""

    tier: str | None
    reason: str | None


class Merge(Fact, gc=False):
    """The latest ``ticket.merged``."""

    into: str


class Deletion(Fact, gc=False):
    """The latest of ``ticket.deleted`` and ``ticket.restored``."""

    kind: int


class Entered(Fact, gc=False):
    """A visit's beginning."""

    queue: str


class Left(Fact, gc=False):
    """A visit's end."""

    queue: str
    outcome: int
    agent: str | None


class Handled(Fact, gc=False):
    """An agent's work on a visit, in milliseconds."""

    agent: str
    talk_ms: int
    hold_ms: int
    after_ms: int


class Visit(msgspec.Struct, array_like=True, gc=False):
    """One visit of one queue."""

    key: bytes
    entered: Entered | None = None
    left: Left | None = None
    handled: Handled | None = None


class Retraction(Fact, gc=False):
    """The latest retraction of a reply."""

    key: bytes
    reason: int


class Review(Fact, gc=False):
    """The latest scores of a review: (name, score, max, weight) per criterion."""

    key: bytes
    agent: str | None
    criteria: list[tuple[str, int, int, int]]


class Sent(Fact, gc=False):
    """A ``survey.sent``; ``what`` is kind * 16 + scale."""

    what: int
    customer: str | None
    channel: str | None
    expires: str | None


class Answer(Fact, gc=False):
    """The standing answer of a survey's highest revision; ``what`` is kind * 16 + scale."""

    what: int
    score: int | None
    label: int
    customer: str | None
    agent: str | None
    team: str | None
    touchpoint: str | None

    @property
    def kind(self) -> int:
        """Code of :data:`stream.core.fact.KINDS`."""
        return self.what >> 4

    @property
    def scale(self) -> int:
        """Position in :data:`stream.core.fact.SCALES`, or ``NO_SCALE``."""
        return self.what & 15


class Survey(msgspec.Struct, array_like=True, gc=False):
    """One survey."""

    key: bytes
    sent: Sent | None = None
    answer: Answer | None = None
    revisions: list[int] = []
    """``[revision, earliest at, revision, earliest at, ...]``, ascending by revision."""
    retracted_at: int | None = None
    expired_at: int | None = None

    @property
    def first_at(self) -> int | None:
        """When it was first answered, in any revision."""
        return min(self.revisions[1::2], default=None)

    @property
    def withdrawn(self) -> bool:
        """Whether a retraction stands: it takes all revisions begun by then; a higher one brings it back."""
        until = self.retracted_at
        if until is None:
            return False
        revisions = self.revisions
        if not revisions:
            return True
        pairs = zip(revisions[::2], revisions[1::2], strict=True)
        return revisions[-2] <= max((revision for revision, at in pairs if at <= until), default=-1)


class BadSurvey(msgspec.Struct, array_like=True, gc=False):
    """A survey whose standing answer is bad, with its id in full: a follow-up needs it."""

    key: bytes
    survey_id: str


class Rare(msgspec.Struct, array_like=True, gc=False):
    """What most tickets do not have."""

    assignments: list[Assignment] = []
    visits: list[Visit] = []
    retractions: list[Retraction] = []
    merged: Merge | None = None
    deletion: Deletion | None = None
    escalations: list[Escalation] = []
    reviews: list[Review] = []
    bad_surveys: list[BadSurvey] = []


class Facts(msgspec.Struct, array_like=True, gc=False):
    """Everything known of one ticket, or of a customer's surveys that belong to no ticket."""

    version: int = ROW_VERSION
    base_ms: int = 0
    """The creation in epoch milliseconds; 0 while it is unknown."""
    creation: Creation | None = None
    reply_at: list[int] = []
    """Per reply ``at * 8 + code``, ascending in the order of facts; code = author * 2 + public."""
    reply_ids: bytes = b""
    """Per reply :data:`ID_BYTES` bytes."""
    reply_voices: list[int] = []
    """Per reply who spoke: 0 nobody that is kept, else 1 + a position in ``voices``."""
    voices: bytes = b""
    """Keys of authors, sorted: of those of what agents and bots told the customer."""
    statuses: list[StatusChange] = []
    surveys: list[Survey] = []
    rare: Rare | None = None
    reply_texts: list[str] = []
    """Per reply the text of its order, or ""; empty where no reply has one."""
    gone: bool = False
    """Merged, or deleted and not restored: it has no measures."""
    tenant: str = ""
    """Not in the row: its key says it."""

    def find_reply(self, key: bytes) -> int:
        """Position of a reply by its natural key, -1 if it is unknown."""
        ids = self.reply_ids
        found = ids.find(key)
        while found > 0 and found % ID_BYTES:
            found = ids.find(key, found + 1)
        return found // ID_BYTES if found >= 0 else -1

    def reply_order(self, index: int) -> Order:
        """The order of one reply."""
        start = index * ID_BYTES + KEY_BYTES
        return self.reply_ids[start] or self.reply_texts[index]

    def move_base(self, base_ms: int) -> None:
        """Count every ``at`` from another instant."""
        shift = self.base_ms - base_ms
        if not shift:
            return
        self.base_ms = base_ms
        eighths = shift * 8
        self.reply_at = [at + eighths for at in self.reply_at]
        for survey in self.surveys:
            survey.revisions[1::2] = [at + shift for at in survey.revisions[1::2]]
            if survey.retracted_at is not None:
                survey.retracted_at += shift
            if survey.expired_at is not None:
                survey.expired_at += shift
        for fact in self._facts():
            if fact is not None:
                fact.at += shift

    def latest_ms(self) -> int:
        """Time of the latest fact in epoch milliseconds."""
        latest = self.reply_at[-1] >> 3 if self.reply_at else 0
        for status in self.statuses:
            latest = max(latest, status.at)
        for survey in self.surveys:
            for fact in (survey.sent, survey.answer):
                if fact is not None and fact.at > latest:
                    latest = fact.at
            latest = max(latest, survey.retracted_at or 0, survey.expired_at or 0, *survey.revisions[1::2])
        if self.rare is not None:
            latest = max([latest, *(fact.at for fact in self._rare_facts() if fact is not None)])
        return self.base_ms + max(latest, 0)

    def _facts(self) -> Iterator[Fact | None]:
        yield from self.statuses
        for survey in self.surveys:
            yield survey.sent
            yield survey.answer
        yield from self._rare_facts()

    def _rare_facts(self) -> Iterator[Fact | None]:
        rare = self.rare
        if rare is not None:
            yield from (rare.merged, rare.deletion)
            yield from rare.assignments
            yield from rare.retractions
            yield from rare.escalations
            yield from rare.reviews
            for visit in rare.visits:
                yield from (visit.entered, visit.left, visit.handled)


class Keyed(Protocol):
    """What has a natural key."""

    key: bytes


AnyKeyed = TypeVar("AnyKeyed", bound=Keyed)


def keyed(items: list[AnyKeyed], key: bytes) -> tuple[int, AnyKeyed | None]:
    """Where an item of a list sorted by key is, or would be."""
    index = bisect_left(items, key, key=lambda item: item.key)
    return index, items[index] if index < len(items) and items[index].key == key else None


def rare_of(facts: Facts) -> Rare:
    """What a ticket has of the things that most tickets do not have, from now on."""
    if facts.rare is None:
        facts.rare = Rare()
    return facts.rare
