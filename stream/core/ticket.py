"""The facts of one entity: merged from its events in any order, read by the metrics, kept as one row.

An entity is a ticket, or the surveys of a customer that are about no ticket. Rules of repetition, order and
correction are those of the event contract; :mod:`stream.core.ticket_merge` has one function per event type.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Final

import msgspec

from schemas import events as ev
from stream.core.config import PAIR_WITHIN_MS, CoreConfig
from stream.core.fact import (
    AGENT,
    AUTHOR_BYTES,
    CLOSED,
    CUSTOMER,
    DELETIONS,
    KEY_BYTES,
    PUBLIC_AGENT,
    PUBLIC_BOT,
    PUBLIC_CUSTOMER,
    SOLVED,
)
from stream.core.measure import Labels
from stream.core.ticket_facts import ID_BYTES, ROW_VERSION, Entered, Facts, Survey
from stream.core.ticket_merge import MERGES
from stream.core.ticket_v1 import of_version_1

_SPAM: Final = DELETIONS["spam"]

GROUPS: Final = (
    "creation",
    "assignment",
    "removal",
    "status",
    "escalation",
    "visit",
    "handling",
    "reply",
    "survey",
    "expiry",
    "review",
)
"""Groups of facts. A metric names those that it reads; others' events do not make it look at a ticket
again."""

GROUPS_OF: Final[dict[type[ev.Event], frozenset[str]]] = {
    event: frozenset((group,))
    for event, group in (
        (ev.TicketCreated, "creation"),
        (ev.TicketAssigned, "assignment"),
        (ev.TicketStatusChanged, "status"),
        (ev.TicketEscalated, "escalation"),
        (ev.TicketMerged, "removal"),
        (ev.TicketDeleted, "removal"),
        (ev.TicketRestored, "removal"),
        (ev.TicketQueueEntered, "visit"),
        (ev.TicketQueueLeft, "visit"),
        (ev.TicketHandled, "handling"),
        (ev.ReplyAdded, "reply"),
        (ev.ReplyRetracted, "reply"),
        (ev.SurveySent, "survey"),
        (ev.SurveyAnswered, "survey"),
        (ev.SurveyRetracted, "survey"),
        (ev.SurveyExpired, "expiry"),
        (ev.ReviewScored, "review"),
    )
}
"""Event class -> the groups of facts that it can change."""

ALWAYS: Final = frozenset(("creation", "assignment", "removal"))
"""What every metric reads: where a measure counts (its labels) and whether the ticket counts at all."""


class Ticket(Facts, array_like=True, gc=False):
    """Facts with what is asked of them. A fresh one knows nothing."""

    def merge(self, time_ms: int, event: ev.Event) -> int:
        """Take in one event of this entity; ``time_ms`` is its time in epoch milliseconds.

        0: a repetition (or long overruled), nothing changed. 1: something changed. 2: a repetition, told by
        an event that ranks higher among those of its millisecond: the row changed, what it says did not.
        Raises KeyError for a type that no entity here has.
        """
        if not self.tenant:
            self.tenant = event.data.tenant  # type: ignore[attr-defined]  # all of MERGES have it
        return MERGES[type(event)](self, time_ms, event)

    def labels_at(self, instant_ms: int, config: CoreConfig) -> Labels:
        """Who held the ticket at an instant: the creation's labels and the assignments up to and with it.

        An assignment that is dated before the creation comes after it all the same: clocks differ, causes do
        not.
        """
        creation = self.creation
        channel = team = queue = agent = None
        if creation is not None:
            channel = creation.channel
            team = creation.team
            queue = creation.queue
        rare = self.rare
        if rare is not None and rare.assignments:
            at = instant_ms - self.base_ms
            for assignment in rare.assignments:
                if assignment.at > at:
                    break
                if not isinstance(assignment.agent, int):
                    agent = assignment.agent
                if not isinstance(assignment.team, int):
                    team = assignment.team
                if not isinstance(assignment.queue, int):
                    queue = assignment.queue
        names = config.segment_labels
        if not names:
            return (self.tenant, team, channel, queue, agent)
        segments = (creation and creation.segments) or {}
        return (self.tenant, team, channel, queue, agent, *[segments.get(name) for name in names])

    def answer_labels(self, survey: Survey, config: CoreConfig) -> Labels:
        """Labels of a survey's answer: team and agent named in it, else the holders when it first came."""
        labels = self.labels_at(self.base_ms + (survey.first_at or 0), config)
        answer = survey.answer
        if answer is None or (answer.team is None and answer.agent is None):
            return labels
        return (
            labels[0],
            answer.team or labels[1],
            labels[2],
            labels[3],
            answer.agent or labels[4],
            *labels[5:],
        )

    @property
    def settled(self) -> bool:
        """Whether its last status is solved or closed."""
        statuses = self.statuses
        return bool(statuses) and statuses[-1].status in (SOLVED, CLOSED)

    def reach_ms(self, config: CoreConfig) -> int:
        """For how long after them its facts can decide what is said of later ones: an answer is compared with the next one."""
        return PAIR_WITHIN_MS if config.answers and any(one.answer for one in self.surveys) else 0

    def may_go(self, config: CoreConfig) -> bool:
        """Whether nothing about the ticket is live, so that age alone decides how long it is kept.

        Open tickets stay, and so does whatever counts as waiting, even on a ticket that was never seen to be created: what was put
        into a live count must be known as long as it can be taken out.
        """
        if self.gone:
            return True
        if self.waiting_visits():
            return False
        return self.settled or (self.creation is None and self.waiting_since(config) is None)

    def waiting_since(self, config: CoreConfig) -> int | None:
        """When the first message came that no agent has answered, from ``base_ms``."""
        creation = self.creation
        since = 0 if creation is not None and creation.created_by == CUSTOMER else None
        for at in self.replies(config):
            code = at & 7
            if code == PUBLIC_AGENT:
                since = None
            elif code == PUBLIC_CUSTOMER and since is None:
                since = at >> 3
        return since

    def waiting_visits(self) -> list[Entered]:
        """Visits of queues that have begun and not ended."""
        rare = self.rare
        if rare is None:
            return []
        return [visit.entered for visit in rare.visits if visit.entered is not None and visit.left is None]

    def why_gone(self) -> int:
        """Of a ticket that is gone: position in :data:`stream.core.measure.GONE`; merged weighs more than deleted."""
        rare = self.rare
        if rare is None or rare.merged is not None or rare.deletion is None:
            return 0
        return 2 if rare.deletion.kind == _SPAM else 1

    def shorten_orders(self) -> None:
        """Orders as version 1 kept them, two bytes of a random UUID, as this one does."""
        for fact in (self.creation, *self._facts()):
            if fact is not None and isinstance(fact.order, int):
                fact.order = fact.order >> 8 or 1

    def replies(self, config: CoreConfig) -> list[int]:
        """Replies that stand, in order, as ``reply_at`` has them; what ``config.bot_authors`` told the customer is a bot's."""
        rare = self.rare
        if (rare is None or not rare.retractions) and not config.bot_authors:
            return self.reply_at
        return [at for at, _ in self.spoken(config)]

    def spoken(self, config: CoreConfig) -> Iterable[tuple[int, int]]:
        """:meth:`replies`, each with its speaker as ``reply_voices`` has them."""
        pairs: Iterable[tuple[int, int]] = zip(self.reply_at, self.reply_voices, strict=False)
        rare = self.rare
        if rare is not None and rare.retractions:
            until = {retraction.key: retraction.at for retraction in rare.retractions}
            ids = self.reply_ids
            pairs = [
                (at, speaker)
                for index, (at, speaker) in enumerate(pairs)
                if at >> 3 > until.get(ids[index * ID_BYTES : index * ID_BYTES + KEY_BYTES], (at >> 3) - 1)
            ]
        if not config.bot_authors:
            return pairs
        bots = config.bot_authors.get(self.tenant)
        return pairs if bots is None else self._unmasked(pairs, bots)

    def _unmasked(
        self, pairs: Iterable[tuple[int, int]], bots: Container[bytes]
    ) -> Iterator[tuple[int, int]]:
        """What some authors said as agents was said by bots.

        An agent's ticket begins with an agent's message, whoever that is said to be: it is no reply, and stays what it is.
        """
        masked = {
            1 + i // AUTHOR_BYTES
            for i in range(0, len(self.voices), AUTHOR_BYTES)
            if self.voices[i : i + AUTHOR_BYTES] in bots
        }
        opening = self.creation is not None and self.creation.created_by == AGENT
        for at, speaker in pairs:
            if at & 7 != PUBLIC_AGENT:
                yield at, speaker
            else:
                yield (at + PUBLIC_BOT - PUBLIC_AGENT if speaker in masked and not opening else at), speaker
                opening = False


class RowVersionError(ValueError):
    """A row that this version cannot read."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Ticket).decode
_HEADS: Final = {n: bytes((0x90 | len(Facts.__struct_fields__) - n,)) for n in (3, 4)}
"""How MessagePack begins an array without its last ``n`` fields."""
_tenants: dict[bytes, str] = {}
_TENANTS_KEPT: Final = 10_000


def encode_ticket(ticket: Ticket) -> bytes:
    """A ticket as its row: without the last fields of :class:`Facts` where they say nothing, as nearly always."""
    tenant = ticket.tenant
    ticket.tenant = ""
    row = _encode(ticket)
    ticket.tenant = tenant
    if ticket.gone or ticket.reply_texts:
        return row
    left_out = 3 if ticket.rare is not None else 4  # a byte each
    return _HEADS[left_out] + row[1:-left_out]


def decode_ticket(row: bytes, key: bytes) -> Ticket:
    """A ticket from its row and the row's key. Raises msgspec.DecodeError for damage, RowVersionError for another version."""
    version = row[1] if len(row) > 1 else ROW_VERSION
    if version == ROW_VERSION:
        ticket = _decode(row)
    elif version == 1:
        ticket = msgspec.convert(of_version_1(row), Ticket)
        ticket.shorten_orders()
    else:
        raise RowVersionError(f"the row has version {version}, this program reads {ROW_VERSION}")
    tenant = key[1 : key.find(0)]
    known = _tenants.get(tenant)
    if known is None:
        if len(_tenants) >= _TENANTS_KEPT:
            _tenants.clear()
        known = _tenants[tenant] = tenant.decode()
    ticket.tenant = known
    return ticket


def entity_key(event: ev.Event) -> bytes:
    """The row key of an event's entity: ``t`` tenant NUL ticket id, or ``c`` tenant NUL customer id."""
    data = event.data  # type: ignore[attr-defined]  # every class of MERGES has data with these
    ticket_id = data.ticket_id
    if ticket_id is not None:
        return f"t{data.tenant}\0{ticket_id}".encode()
    return f"c{data.tenant}\0{data.customer_id}".encode()
