"""The customers stage: facts per customer in, differences of measures out. All of it is the tickets stage's, over other facts.

Where a metric asks for it, the answers of all their tickets come in, too, over an internal topic (:mod:`stream.core.answers`): until
all partitions of tickets have said theirs, this stage's watermark, its part of a new generation and its end wait for them.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from stream.core.answers import AnswerSaid, Heard, decode_answers
from stream.core.entity import CUSTOMERS
from stream.core.pane import too_late_before_ms
from stream.core.record import Flush, Record
from stream.core.tickets_meta import Meta
from stream.core.tickets_shard import SETTLE_AT, TicketsShard


class CustomersShard(TicketsShard):
    """Pure state machine of one partition of the customers topic; implements :class:`stream.core.record.Shard`."""

    kind = CUSTOMERS
    _closing = False
    """The end of the input was reported; of answers it may still be to come."""

    def _load_meta(self, meta: Meta, admitted: dict[str, list[str]]) -> None:
        super()._load_meta(meta, admitted)
        self._heard = Heard(self._config, meta.heard)

    def apply(self, topic: str, records: Sequence[Record], end: int, now_ms: int) -> None:
        """Take in one batch of events or of answers. Raises as its base does, and DamagedRowError or GenerationError."""
        if topic != self._config.topics.answers:
            super().apply(topic, records, end, now_ms)
            return
        old_ms = self._forgotten_before_ms()
        for record in records:
            where = f"{topic} partition {record.partition} offset {record.offset}"
            batch = decode_answers(record.value, where, self._config.generation)
            for one in batch.answers:
                self._take_in(one, old_ms)
            self._heard.take(batch)
            self._newest_ms = max(self._newest_ms, record.timestamp)
        self.positions[topic] = end
        self._progressed = True
        self._close_when_heard()
        if len(self._stale) >= SETTLE_AT:
            self._settle()

    def _take_in(self, said: AnswerSaid, old_ms: int) -> None:
        key = f"c{said.tenant}\0{said.customer}".encode()
        entry = self._entries.get(key)
        if entry is None:
            entry = self._load(key)
        if entry.ticket.base_ms < old_ms:
            entry = self._young(key, entry, old_ms)
        mask = self._settler.masks[AnswerSaid]
        if None in entry.emitted:
            self._settler.remember(entry, mask)
        if entry.ticket.take_in(said):
            entry.stale |= mask
            self._stale[key] = self._dirty[key] = entry

    @property
    def building(self) -> str:
        """As its base's; then for whom it waits."""
        own = super().building
        if own or self._heard.complete:
            return own
        return f"generation {self._config.generation}: the answers of {self._heard.left} partitions of tickets are to come"

    def close_input(self) -> None:
        """End of the customers' own input; the end of all is when all tickets have come to theirs."""
        self._closing = True
        self._close_when_heard()

    def _close_when_heard(self) -> None:
        closed = self._closing and self._heard.closed
        if closed != self.closed:
            self.closed = closed
            self._progressed = True

    def _advance(self, now_ms: int, at_end: Mapping[str, bool]) -> bool:
        own = [at_end.get(topic, False) for topic in self._topics]
        return self._watermark.advance(now_ms, own, self._heard.holding_ms)

    def _late_before_ms(self) -> int:
        """Answers that are said again belong to the past of windows that are being built."""
        return super()._late_before_ms() if self._heard.complete else -1

    def _complete(self) -> bool:
        return super()._complete() and self._heard.complete

    def flush(self, now_ms: int) -> Flush:
        """As its base's; answers that no pair in any window can need any more are left out of the rows that it writes."""
        self._settle()
        if self._scan is None:
            before_ms = too_late_before_ms(self._config, self._watermark.watermark_ms)
            for entry in self._dirty.values():
                if entry.ticket.forget_answers(before_ms):
                    self._settler.forget(entry)  # what is gone was said, and stands
        return super().flush(now_ms)

    def _meta(self) -> Meta:
        return replace(super()._meta(), heard=self._heard.sources)
