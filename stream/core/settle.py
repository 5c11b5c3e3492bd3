"""From facts that changed to what is said about them: old measures out, new ones in, follow-ups opened and withdrawn."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from stream.core.answers import Answers, AnswerSaid, answers_of
from stream.core.config import CoreConfig
from stream.core.delta_sums import DeltaSums
from stream.core.entity import TICKETS, Kind
from stream.core.first_replies import READS as FIRST_REPLIES_READS
from stream.core.first_replies import Said, first_replies, is_watched
from stream.core.followup import READS as FOLLOWUP_READS
from stream.core.followup import Followup, Followups, followups
from stream.core.followup import forget as forget_surveys
from stream.core.measure import Measure
from stream.core.metric import Metric
from stream.core.watermark import NONE_MS


class Entry:
    """A decoded ticket, or customer, and what was said of it last."""

    __slots__ = ("answers", "emitted", "first", "followups", "stale", "ticket")

    def __init__(
        self,
        ticket: Any,
        emitted: list[Sequence[Measure] | None],
        said: Sequence[Followup] | None,
        first: Sequence[Said] | None,
    ) -> None:
        self.ticket = ticket
        self.emitted = emitted
        """Per metric the measures that the windows know; None: not asked yet."""
        self.followups = said
        """Those that are open; None: not asked yet."""
        self.first = first
        """What was said of first replies; None: not asked yet."""
        self.answers: Sequence[AnswerSaid] = ()
        """Those that were said to the customers stage; asked together with follow-ups."""
        self.stale = 0
        """Bit per metric, and one more each for follow-ups and first replies: the ticket has moved on from what was said."""


class Settler:
    """Compares what the facts say with what was said, metric by metric, and only where a fact was touched that it reads."""

    def __init__(self, config: CoreConfig, metrics: Sequence[Metric], kind: Kind) -> None:
        """Of the metrics those are asked that are of this kind of entity."""
        self._config = config
        metrics = [metric for metric in metrics if metric.entity == kind.entity]
        watched = is_watched(metrics)
        reads = [*(metric.reads for metric in metrics), FOLLOWUP_READS]
        self._followup_bit = 1 << len(metrics)
        self._first_bit = 1 << len(reads) if watched else 0
        reads += [FIRST_REPLIES_READS] * watched
        self.masks = {
            event: sum(1 << i for i, read in enumerate(reads) if read & groups)
            for event, groups in kind.groups_of.items()
        }
        """Event class -> bits of what it can change."""
        self._each: Final = [(i, metric, metric.slot(0), metric.measures) for i, metric in enumerate(metrics)]
        self._new = kind.new
        self._nothing_open: Sequence[Followup] | None = None if kind is TICKETS else ()
        self.sums = DeltaSums()
        self.followups = Followups(config)
        self.answers = Answers()
        self.rekeys = config.answers and kind is TICKETS
        """Whether its answers are said to the customers stage."""
        self._empty: list[Sequence[Measure] | None] = [()] * len(metrics)
        self._unknown: list[Sequence[Measure] | None] = [None] * len(metrics)

    def fresh(self) -> Entry:
        """A ticket of which nothing is known and nothing was said."""
        return Entry(self._new(), self._empty.copy(), (), ())

    def known(self, ticket: Any) -> Entry:
        """A ticket from its row: what was said of it is what its facts say, when somebody asks."""
        return Entry(ticket, self._unknown.copy(), self._nothing_open, None)

    def forget(self, entry: Entry) -> None:
        """Facts went that nothing is said of any more: what was said of the others is what they say."""
        entry.emitted = self._unknown.copy()

    def remember(self, entry: Entry, mask: int, key: bytes = b"") -> None:
        """Take what was said, before the facts change under it. ``key``: a ticket's row key."""
        if mask & self._followup_bit and entry.followups is None:
            entry.followups = followups(entry.ticket, self._config)
            if self.rekeys:
                entry.answers = answers_of(entry.ticket, key, self._config)
        if mask & self._first_bit and entry.first is None:
            entry.first = first_replies(entry.ticket, self._config)
        emitted = entry.emitted
        for i, metric, _, _ in self._each:
            if mask >> i & 1 and emitted[i] is None:
                emitted[i] = metric.says(entry.ticket, self._config)

    def settle(self, entry: Entry, mask: int, too_late_ms: int, key: bytes) -> None:
        """Old measures out, new ones in. Measures before ``too_late_ms`` are counted and left out."""
        ticket = entry.ticket
        emitted = entry.emitted
        config = self._config
        gone = ticket.gone
        for i, metric, base, measures in self._each:
            if mask >> i & 1:
                old = emitted[i] or ()
                new = metric.left_out(ticket, config) if gone else measures(ticket, config)
                if old == new:
                    continue
                emitted[i] = new
                self.sums.difference(metric, base, old, new, NONE_MS if metric.timeless else too_late_ms)
        if mask & self._first_bit:
            before = entry.first or ()
            now = first_replies(ticket, config)
            if before != now:
                entry.first = now
                self.sums.first_replies(ticket.tenant, before, now, too_late_ms)
        if self.rekeys and mask & self._followup_bit:
            answers = answers_of(ticket, key, config)
            if answers != entry.answers:
                self.answers.difference(entry.answers, answers)
                entry.answers = answers

    def follow_up(self, stale: Iterable[tuple[bytes, Entry]], too_late_ms: int) -> None:
        """Open and withdraw follow-ups of tickets that have moved on."""
        bit = self._followup_bit
        for key, entry in stale:
            if entry.stale & bit:
                old = entry.followups or ()
                new = followups(entry.ticket, self._config)
                if old != new:
                    entry.followups = stands = self.followups.difference(key, old, new, too_late_ms)
                    if len(stands) < len(new):
                        opened = {one.survey_id for one in stands}
                        forget_surveys(
                            entry.ticket, {one.survey_id for one in new if one.survey_id not in opened}
                        )

    def expire(self, key: bytes, entity: Any) -> None:
        """A row is forgotten: nothing of it stays open."""
        if self._nothing_open is None:
            self.followups.expire(key, followups(entity, self._config))

    def say_all(self, ticket: Any, entry: Entry | None, key: bytes) -> None:
        """Say all measures of a ticket as if none had ever been said. Follow-ups belong to no generation: theirs stand."""
        for i, metric, base, _ in self._each:
            said = metric.says(ticket, self._config)
            self.sums.difference(metric, base, (), said, NONE_MS)
            if entry is not None:
                entry.emitted[i] = said
        if self._first_bit:
            first = first_replies(ticket, self._config)
            self.sums.first_replies(ticket.tenant, (), first, NONE_MS)
            if entry is not None:
                entry.first = first
        if self.rekeys:
            answers = answers_of(ticket, key, self._config)
            self.answers.difference((), answers)
            if entry is not None:
                entry.answers = answers
