"""The tickets stage: facts per ticket in, differences of measures out. All state of one source partition.

One path for everything: before the first change of a ticket its current measures are remembered ("emitted"), the events are merged,
and at the next settling the old measures are taken out and the new ones put in. New, late, repeated, corrected, merged and retracted
differ only in what the facts say. Only metrics that read a touched group of facts are looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from stream.core.config import CoreConfig
from stream.core.dead_letters import DeadLetters
from stream.core.decode import Accepted, Decoder, Skipped
from stream.core.delta import DeltaBatch, encode_delta
from stream.core.entity import TICKETS, Entity, Kind
from stream.core.labels import LabelBook, readmitted
from stream.core.metric import Metric
from stream.core.pane import too_late_before_ms
from stream.core.record import Flush, Output, Record
from stream.core.retention import Retention
from stream.core.scan import Scan
from stream.core.settle import Entry, Settler
from stream.core.state_shape import is_older, shape
from stream.core.tickets_meta import (
    LABELS_KEY,
    META_KEY,
    Meta,
    UnknownRowError,
    encode_labels,
    encode_meta,
    take_meta,
)
from stream.core.watermark import NONE_MS, SourceWatermark

SETTLE_AT = 2_000
"""Unsettled tickets at which measures are taken without waiting for the flush: bounds the flush's pause, not its result."""

CACHE_LIMIT = 20_000
"""Decoded tickets kept between flushes; the rest live as bytes only."""

FORGET_AT_LEAST = 1_000
"""Rows that a flush looks at for retention even when it writes fewer."""

SCAN_ROWS = 4_000
"""Rows whose measures a flush says anew while a generation is built: bounds the flush's pause to a third of a second or so."""


class TicketsShard:
    """Pure state machine of one partition of tickets, replies and surveys; implements :class:`stream.core.record.Shard`."""

    kind: ClassVar[Kind] = TICKETS
    """What it keeps facts of: all that is different about :mod:`stream.core.customers_shard`."""

    def __init__(
        self,
        config: CoreConfig,
        partition: int,
        metrics: Sequence[Metric],
        reference_ms: int | None = None,
    ) -> None:
        """``reference_ms`` is what future times are measured against instead of the record's timestamp (``backfill``)."""
        self.rows: dict[bytes, bytes] = {}
        self.rows_missing = 0
        self.partition = partition
        self._config = config
        self._settler = Settler(config, metrics, self.kind)
        self._decoder = Decoder(config)
        self._reference_ms = reference_ms
        self._topics = {topic: i for i, topic in enumerate(self.kind.sources(config))}
        self._entries: dict[bytes, Entry] = {}
        self._stale: dict[bytes, Entry] = {}
        self._dirty: dict[bytes, Entry] = {}
        self._gone: set[bytes] = set()
        """Rows that are left out since the last flush because their entities were heard of too late."""
        self._sums = self._settler.sums
        self._dead = DeadLetters(config)
        self._newest_ms = NONE_MS
        self._progressed = False
        self.closed = False
        self._shape = shape(config, metrics)
        self._retention = Retention(config)
        self._scan: Scan | None = None
        self._labels_kept = False
        """Whether there is a row of admitted labels."""
        self._load_meta(Meta(), {})

    def ready(self) -> None:
        """Rows are complete: read the meta row. Raises UnknownRowError, GenerationError or ShapeChangedError.

        Under a new generation a scan of all rows begins, which the flushes carry on; it resumes where an earlier one stopped.
        """
        where = f"{self.kind.name} partition {self.partition}"
        loaded = len(self.rows) - 1
        self._labels_kept = LABELS_KEY in self.rows
        found = take_meta(self.rows, where)
        if found is None:
            self.rows_missing = -(loaded + 1)  # rows that say nothing of how far they came
        else:
            meta, admitted = found
            self.rows_missing = meta.rows - loaded if meta.rows >= 0 else 0
            own = self._config.generation
            older = is_older(meta.shape, meta.generation, self._shape, own, f"the state of {where}")
            if older:
                admitted = readmitted(admitted, self._config)
            self._load_meta(meta, admitted)
            self._labels.changed = (
                older  # one row with the new meta row: a scan that is killed goes on with the same values
            )
            after = b"" if older else meta.scanned_to
            if after is not None:
                self._scan = Scan(self.rows, after)
        self._retention.index(self.rows)
        self._progressed = True  # the windows stage hears of every partition, also of an empty one

    def _load_meta(self, meta: Meta, admitted: dict[str, list[str]]) -> None:
        self.positions = dict(meta.positions)
        self.counts = {topic: dict(meta.counts.get(topic, {})) for topic in self._topics}
        self._sums.too_late = dict(meta.too_late)
        self.forgotten = meta.forgotten
        self._retention.latest_ms = meta.forgotten_ms
        self._watermark = SourceWatermark(
            self._config, meta.highest_ms or [NONE_MS] * len(self._topics), meta.watermark_ms
        )
        self._sent_ms = meta.watermark_ms
        self._rebuilt_at = meta.rebuilt_at
        self._labels = LabelBook(self._config, admitted)
        self._dead.load(meta.refused, meta.truncated)
        self._remember_counters()

    @property
    def feed(self) -> int:
        """Its number among all partitions that feed the windows stage."""
        return self.kind.first_feed(self._config) + self.partition

    @property
    def watermark_ms(self) -> int:
        """Event time that this partition has passed, -1 for none."""
        return self._watermark.watermark_ms

    @property
    def too_late(self) -> Mapping[str, int]:
        """Metric -> instants at which something came too late for every window."""
        return self._sums.too_late

    @property
    def building(self) -> str:
        """How far this partition's part of a new generation has come, empty when it is complete."""
        scan = self._scan
        if scan is None:
            behind = sum(
                max(0, end - self.positions.get(topic, 0)) for topic, end in self._rebuilt_at.items()
            )
            return f"generation {self._config.generation}: {behind} events to read again" if behind else ""
        rows = max(1, len(self.rows))
        done = 100 * (rows - min(rows, scan.left)) // rows
        return f"generation {self._config.generation}: {done} % of {len(self.rows)} rows"

    @property
    def overflowed(self) -> Mapping[str, int]:
        """Label -> distinct label sets that the cardinality guard sent to ``__other__`` since start."""
        return self._labels.overflowed

    def apply(self, topic: str, records: Sequence[Record], end: int, now_ms: int) -> None:
        """Merge one batch of a source topic; see :class:`stream.core.record.Shard`. Raises DeadLetterLimitError."""
        decode = self._decoder.decode
        reference_ms = self._reference_ms
        clock_ms = now_ms if self._config.clock == "wall" and reference_ms is None else None
        masks = self._settler.masks
        remember = self._settler.remember
        key_of = self.kind.key_of
        entries = self._entries
        stale = self._stale
        dirty = self._dirty
        counts: dict[str, int] = {}
        highest_ms = NONE_MS
        applied = duplicate = 0
        old_ms = self._forgotten_before_ms()
        for record in records:
            decoded = decode(record, reference_ms, clock_ms)
            if type(decoded) is not Accepted:
                if type(decoded) is Skipped:
                    outcome = f"skipped:{decoded.reason}"
                else:
                    outcome = f"dead_lettered:{decoded.reason}"
                    self._dead.add(record, decoded)
                counts[outcome] = counts.get(outcome, 0) + 1
                continue
            time_ms, event = decoded
            key = key_of(event)
            entry = entries.get(key)
            if entry is None:
                entry = self._load(key)
            if entry.ticket.base_ms < old_ms:
                entry = self._young(key, entry, old_ms)
            mask = masks[type(event)]
            if None in entry.emitted or entry.followups is None:
                remember(entry, mask, key)
            news = entry.ticket.merge(time_ms, event)
            if news == 1:
                applied += 1
                entry.stale |= mask
                stale[key] = dirty[key] = entry
            else:
                duplicate += 1
                if news:  # said again by an event that ranks higher: the row differs, the measures do not
                    dirty[key] = entry
            if time_ms > highest_ms:  # noqa: PLR1730 - max() would be a call per event
                highest_ms = time_ms
        if len(records) > 0:  # a range of markers alone is not falsy
            self._newest_ms = max(self._newest_ms, records[-1].timestamp)
        if applied:
            counts["applied"] = applied
        if duplicate:
            counts["duplicate"] = duplicate
        total = self.counts[topic]
        for outcome, number in counts.items():
            total[outcome] = total.get(outcome, 0) + number
        self.positions[topic] = end
        self._watermark.observe(self._topics[topic], highest_ms, now_ms)
        self._progressed = True
        if len(stale) >= SETTLE_AT:
            self._settle()

    def tick(self, now_ms: int, at_end: Mapping[str, bool]) -> None:
        """Advance the watermark; idleness is silence at the end of a topic. Once closed, time alone is no news to anyone."""
        if self._advance(now_ms, at_end) and not self.closed:
            self._progressed = True

    def _advance(self, now_ms: int, at_end: Mapping[str, bool]) -> bool:
        return self._watermark.advance(now_ms, [at_end.get(topic, False) for topic in self._topics])

    def close_input(self) -> None:
        """End of input: the next flush tells every delta partition that this source holds nothing back any more."""
        if not self.closed:
            self.closed = True
            self._progressed = True

    def changed(self) -> bool:
        """Whether a flush would write anything but positions."""
        return bool(
            self._progressed
            or self._dirty
            or self._dead.outputs
            or self._sums
            or self._settler.followups
            or self._settler.answers
            or self._scan is not None
        )

    def flush(self, now_ms: int) -> Flush:
        """Rows of changed tickets, one delta record per delta partition, dead letters. Synchronous: one instant."""
        self._settle()
        if self._scan is not None:
            self._say_all(self._scan)
        rows: list[tuple[bytes, bytes | None]] = []
        for key, entry in self._dirty.items():
            raw = self.kind.encode(entry.ticket)
            self.rows[key] = raw
            rows.append((key, raw))
            self._retention.note(key, entry.ticket)
        rows.extend((key, None) for key in sorted(self._gone) if key not in self.rows)
        self._gone.clear()
        rows.extend(self._forget())
        self._dirty.clear()
        outputs = self._dead.take()
        outputs.extend(self._settler.followups.take(now_ms))
        outputs.extend(self._deltas())
        if self._labels.changed:  # after the deltas: naming segments admits values
            admitted = {name: list(values) for name, values in self._labels.admitted.items()}
            rows.append((LABELS_KEY, encode_labels(admitted)))
            self._labels.changed = False
            self._labels_kept = True
        rows.append((META_KEY, encode_meta(self._meta())))
        self._remember_counters()
        self._newest_ms = NONE_MS
        self._progressed = False
        self._evict()
        return Flush(rows, outputs)

    def _remember_counters(self) -> None:
        self.flushed_counts = {topic: dict(counts) for topic, counts in self.counts.items()}
        self.flushed_too_late = dict(self._sums.too_late)
        self.flushed_truncated = dict(self._dead.truncated)

    def _forget(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Tombstones of tickets that nothing can change any more, in step with the rows that are written."""
        if self._scan is not None:
            return
        limit = max(FORGET_AT_LEAST, 2 * len(self._dirty))
        going = self._retention.take(self.rows, self._ticket, self._watermark.watermark_ms, limit)
        for key, entity in going.items():
            self._let_go(key, entity)
            yield key, None

    def _let_go(self, key: bytes, entity: Entity) -> None:
        self._settler.expire(key, entity)
        self._retention.let_go(entity)
        self.rows.pop(key, None)
        self._entries.pop(key, None)
        self.forgotten += 1

    def _forgotten_before_ms(self) -> int:
        """Entities whose latest fact is older count as forgotten, -1: none does."""
        if self._scan is not None:
            return NONE_MS
        return too_late_before_ms(self._config, self._watermark.watermark_ms)

    def _young(self, key: bytes, entry: Entry, old_ms: int) -> Entry:
        """The entry of an entity that is heard of, a fresh one where nothing can change what was known of it.

        Its row may still be there: rows go a few at a time, and later after a restart. What is said must not depend on that.
        """
        entity = entry.ticket
        if not entity.tenant or not self._retention.is_over(entity, old_ms):
            return entry
        if entry.stale:
            self._settle()
        self._dirty.pop(key, None)
        if key in self.rows:
            self._gone.add(key)
        self._let_go(key, entity)
        return self._load(key)

    def _load(self, key: bytes) -> Entry:
        raw = self.rows.get(key)
        if raw is None:
            entry = self._settler.fresh()
            if self._scan is not None:
                self._scan.add(key)
        else:
            entry = self._settler.known(self._ticket(key, raw))
        self._entries[key] = entry
        return entry

    def _ticket(self, key: bytes, raw: bytes) -> Entity:
        try:
            return self.kind.decode(raw, key)
        except (msgspec.DecodeError, ValueError) as exc:
            raise UnknownRowError(
                f"a {self.kind.entity} row of partition {self.partition} cannot be read ({exc}); "
                "it is damaged or was written by a newer version"
            ) from exc

    def _settle(self) -> None:
        """Say what has changed about the tickets that have moved on."""
        if not self._stale:
            return
        too_late_ms = self._late_before_ms()
        self._settler.follow_up(self._stale.items(), too_late_ms)
        scan = self._scan
        if scan is not None:  # nothing is too late: the windows stage knows which windows it still keeps
            too_late_ms = NONE_MS
        settle = self._settler.settle
        for key, entry in self._stale.items():
            mask = entry.stale
            entry.stale = 0
            if scan is None or key <= scan.after:  # else the scan will say all of it
                settle(entry, mask, too_late_ms, key)
        self._stale.clear()

    def _late_before_ms(self) -> int:
        """By the last flush's watermark, as the windows stage does: one commit may span more than a horizon, all of it in order."""
        return too_late_before_ms(self._config, self._sent_ms)

    def _complete(self) -> bool:
        """Whether all measures have been said under this generation."""
        if all(self.positions.get(topic, 0) >= end for topic, end in self._rebuilt_at.items()):
            self._rebuilt_at = {}
        return self._scan is None and not self._rebuilt_at

    def _say_all(self, scan: Scan) -> None:
        """The next rows of the scan say all their measures, as if they had never said any."""
        for key in scan.take(SCAN_ROWS):
            entry = self._entries.get(key)
            raw = self.rows.get(key)
            if entry is not None:
                entry.stale = 0
                self._settler.say_all(entry.ticket, entry, key)
            elif raw is not None:  # not kept: the cache is for tickets of which something is heard
                self._settler.say_all(self._ticket(key, raw), None, key)
        if not scan.left:
            self._scan = None

    def _deltas(self) -> list[Output]:
        """One or more records per delta partition; progress is true only with the last one, so that one alone carries it."""
        config = self._config
        bare = DeltaBatch(
            generation=config.generation,
            source_partition=self.feed,
            source_partitions=config.feeds,
            watermark_ms=self._sent_ms,
            idle=False,
            closed=False,
            newest_ms=self._newest_ms,
            segments={},
            complete=False,
            forgotten_ms=self._retention.latest_ms,
        )
        self._sent_ms = self._watermark.watermark_ms
        last = replace(
            bare,
            watermark_ms=self._sent_ms,
            idle=self._watermark.idle,
            closed=self.closed,
            complete=self._complete(),
        )
        outputs = self._settler.answers.take(config, bare, last) if self._settler.rekeys else []
        first_replies = self._sums.take_first_replies(self._labels, config.delta_partitions)
        for partition, pieces in enumerate(self._sums.take(self._labels, config.delta_partitions)):
            batches = [replace(bare, segments=piece) for piece in pieces[:-1]]
            batches.append(replace(last, segments=pieces[-1], first_replies=first_replies[partition]))
            outputs += [
                Output(config.topics.deltas, partition, None, encode_delta(batch), []) for batch in batches
            ]
        return outputs

    def _meta(self) -> Meta:
        return Meta(
            generation=self._config.generation,
            watermark_ms=self._watermark.watermark_ms,
            highest_ms=self._watermark.highest_ms,
            positions=self.positions,
            counts=self.counts,
            too_late=self._sums.too_late,
            forgotten=self.forgotten,
            shape=self._shape,
            scanned_to=None if self._scan is None else self._scan.after,
            forgotten_ms=self._retention.latest_ms,
            rebuilt_at=self._rebuilt_at,
            refused=self._dead.blocks,
            truncated=self._dead.truncated,
            rows=len(self.rows) + self._labels_kept,
        )

    def _evict(self) -> None:
        excess = len(self._entries) - CACHE_LIMIT
        if excess > 0:
            for key in list(self._entries)[:excess]:
                del self._entries[key]
