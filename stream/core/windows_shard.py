"""The windows stage: differences of measures in, rollups and alerts out, running windows to read. All state of one partition.

Deltas are collected as they come and settled at the flush: added to every level whose window still takes them, and to the running
windows. Then the watermark decides which windows are final, what changed is published, and what has expired is deleted.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import partial

from stream.core.alerting import Alerting
from stream.core.author_days import AuthorDays
from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.delta import decode_delta
from stream.core.intake import Intake
from stream.core.leftovers import AT_ONCE, Leftovers
from stream.core.live import LiveCounts
from stream.core.metric import Metric
from stream.core.pane import (
    ALERT_KIND,
    AUTHORS_KIND,
    LIVE_KIND,
    META_KEY,
    PANE_KIND,
    ROLLUP_KIND,
    RowKey,
    levels,
    oldest_start,
    parse_key,
)
from stream.core.progress import NONE_MS, Progress
from stream.core.publisher import Publisher
from stream.core.record import Flush, Output, Record
from stream.core.running import RunningWindow
from stream.core.segment import Segment, Tallies, segment_labels
from stream.core.snapshot import Snapshot
from stream.core.state_shape import shape
from stream.core.stock import StockChanges
from stream.core.tally import DamagedRowError
from stream.core.window_store import WindowStore, widen
from stream.core.windows_view import Gauge, WindowsView


class WindowsShard:
    """Pure state machine of one partition of the deltas topic; implements :class:`stream.core.record.Shard`."""

    def __init__(self, config: CoreConfig, partition: int, metrics: Sequence[Metric]) -> None:
        """Raises WindowLengthError or AlertRuleError."""
        self.rows: dict[bytes, bytes] = {}
        self.rows_missing = 0
        self.partition = partition
        self._config = config
        self._where = f"windows partition {partition} ({config.topics.deltas})"
        chosen = tuple(metrics)
        self._metrics = {metric.id: metric for metric in chosen if not metric.live}
        self._stocks = {metric.slot(metric.stock): metric.id for metric in chosen if metric.stock is not None}
        self._shown_live = frozenset(
            metric.slot(one.slot) for metric in chosen if metric.live for one in metric.live_series
        )
        self._live_slots = self._shown_live | self._stocks.keys()
        self._shape = shape(config, chosen)
        self._levels = levels(config)
        self._chosen = chosen
        self.snapshot = Snapshot(NONE_MS, NONE_MS, {}, ())
        self._start()

    def _start(self) -> None:
        """What is derived from the rows, or from none."""
        config = self._config
        settles = {metric.settle_ms // MINUTE_MS for metric in self._metrics.values()}
        self.progress = Progress(config)
        self.positions = self.progress.positions
        self._store = WindowStore(self._levels, self.rows, sorted(settles), config.generation, self._metrics)
        self._live = LiveCounts(self.rows, oldest_start(config), self._stocks)
        self.authors = AuthorDays(config, self.rows)
        self._publisher = Publisher(config, self._metrics, self._store, self._live)
        self._gauges = [
            Gauge(level.width * panes * MINUTE_MS, level, RunningWindow(panes))
            for level in self._levels
            for panes in level.gauges
        ]
        self._alerts = Alerting(config, self.rows, self._chosen, self._gauges, self._live)
        self._view = WindowsView(
            config, self._gauges, self.progress, self._live, self._shown_live, self._stocks
        )
        self._segments: dict[str, Segment] = {}
        self._intake = Intake(
            self._levels,
            self.progress,
            self._metrics,
            self._live_slots,
            self._segment,
            self._alerts.collect,
        )
        self._too_late: dict[str, dict[int, int]] = {}
        self._now_ms = 0
        self._input_closed = False
        self._progressed = False
        self._held_back = self.progress.building
        self._useless = Leftovers()

    def ready(self) -> None:
        """Rows are complete: index them, rebuild running windows and live counts.

        Under a new generation tallies begin anew when they are read, live counts and first replies at once; rows without a use are
        deleted, a few at each flush. Raises DamagedRowError, GenerationError or ShapeChangedError, which say what to do.
        """
        self._start()
        rows = self.rows
        raw = rows.get(META_KEY)
        older = raw is not None and self.progress.load(raw, self._where, self._shape)
        if raw is None:
            self.rows_missing = -len(rows)  # rows that say nothing of how far they came
        else:
            self.rows_missing = self.progress.rows - (len(rows) - 1) if self.progress.rows >= 0 else 0
        self.progress.shape = self._shape
        self._held_back = self.progress.building
        self._progressed = older
        by_kind = {(level.kind, level.width): level for level in self._levels}
        segments: dict[bytes, Segment | None] = {}
        found = []
        useless = []
        for key, value in rows.items():
            if key == META_KEY:
                continue
            if key[:1] == ALERT_KIND:
                self._alerts.load(key, value)
                continue
            kind, width, start, name = self._parse(key)
            if kind in AT_ONCE:
                if older:
                    useless.append(key)
                elif kind == LIVE_KIND:
                    self._live.load(width, start, name, value)
                else:
                    self.authors.load(start, name, value)
                continue
            if name not in segments:
                segments[name] = self._configured(name)
            segment = segments[name]
            level = by_kind.get((kind, width))
            if level is None or segment is None:
                useless.append(key)
            else:
                found.append((level, start, segment, key))
        for key in useless:
            del rows[key]
        self._useless = Leftovers(useless)
        self._store.index_loaded(found)
        for raw_name in self._live.segments:
            self._segment(raw_name.decode())
        self._live.fold(self.progress.watermark_ms // MINUTE_MS)
        self._slide()
        for alerted in self._alerts.segments():
            self._segment(alerted)
        self._note_too_late()
        self._alerts.resume(self._store, max(self.progress.watermark_ms, self.progress.judged_ms))
        self._refresh_snapshot()

    def _parse(self, key: bytes) -> RowKey:
        try:
            found = parse_key(key)
        except struct.error as exc:
            raise DamagedRowError(f"{self._where} holds a row with a damaged key: {exc}") from exc
        if found.kind not in (ROLLUP_KIND, PANE_KIND, LIVE_KIND, AUTHORS_KIND):
            raise DamagedRowError(f"{self._where} holds a row of a kind that is not known: {found.kind!r}")
        return found

    def _configured(self, name: bytes) -> Segment | None:
        """A row's segment, None if its labels are no grouping set any more."""
        labels = frozenset(segment_labels(name.decode())) - {"tenant"}
        if all(labels != frozenset(grouping) for grouping in self._config.groupings):
            return None
        return self._segment(name.decode())

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def watermark_ms(self) -> int:
        """Event time that all source partitions have passed, -1 for none."""
        return self.progress.watermark_ms

    @property
    def closed(self) -> bool:
        """Whether the input has ended: every window is final."""
        return self._input_closed or self.progress.closed

    @property
    def _end_ms(self) -> int:
        """Where running windows end and ages are measured from; -1 while unknown."""
        if self._config.clock == "wall":
            return self._now_ms or NONE_MS
        return self.progress.newest_watermark_ms if self.closed else self.progress.watermark_ms

    # --- deltas in ----------------------------------------------------------------------------------------------------

    def apply(self, topic: str, records: Sequence[Record], end: int, now_ms: int) -> None:
        """Take in a fetched batch of deltas. Raises GenerationError or DamagedRowError, naming the offset."""
        self._now_ms = max(self._now_ms, now_ms)
        progress = self.progress
        position = progress.positions.get(topic, 0)
        for record in records:
            if record.offset < position:  # contained in the rows: only without transactions
                continue
            where = f"{topic} partition {record.partition} offset {record.offset}"
            try:
                batch = decode_delta(record.value or b"")
            except ValueError as exc:
                raise DamagedRowError(f"{where} is not a delta record: {exc}") from exc
            if progress.counts(batch, where):
                limit_ms = progress.limit_ms(batch)
                if batch.segments:
                    self._intake.collect(batch, limit_ms)
                if batch.first_replies:
                    self.authors.add(batch.first_replies, limit_ms, self._intake.floor(self.authors.level))
            if progress.advance(batch):
                self._progressed = True
                if not self._held_back and not progress.building:
                    self._alerts.advance(progress.watermark_ms)
            progress.counters["deltas"] += 1
        progress.positions[topic] = max(position, end)

    def _segment(self, name: str) -> Segment:
        segment = self._segments.get(name)
        if segment is None:
            segment = self._segments[name] = Segment(name)
            self._alerts.watch(segment)
        return segment

    # --- settling -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Add what has come in to all levels, running windows and live counts."""
        levels_ = self._levels
        live_slots = self._live_slots
        stocks = StockChanges(self._stocks)
        for segment in self._intake.take():
            pending = segment.pending
            segment.pending = {}
            live: Tallies = {}
            for minute, tally in pending.items():
                if not live_slots.isdisjoint(tally):
                    live[minute] = {slot: tally.pop(slot) for slot in live_slots if slot in tally}
            if live:
                self._live.add(segment.raw, live)
                stocks.note(segment, live)
                for minute in live:
                    if not pending[minute]:
                        del pending[minute]
            wide: list[Tallies] = []
            for level in levels_:
                source = pending if level.feed is None else wide[level.feed]
                tallies = source if level.width == 1 and level.number == 0 else widen(source, level.width)
                wide.append(tallies)
                self._merge(level.number, segment, tallies)
            if segment.extra:
                for index, tallies in segment.extra.items():
                    self._merge(index, segment, tallies)
                segment.extra = {}
        if stocks.found:
            self._store.touch_after(stocks.found)
            self._alerts.note_stocks(stocks.found)

    def _merge(self, index: int, segment: Segment, tallies: Tallies) -> None:
        level = self._levels[index]
        self._store.merge(level, segment, tallies)
        if level.gauges:
            for _, of, running in self._gauges:
                if of is level:
                    for start, tally in tallies.items():
                        running.grow(segment, start // level.width, tally)

    def _slide(self) -> bool:
        end_ms = self._end_ms
        if end_ms < 0:
            return False
        moved = False
        for _, level, running in self._gauges:
            last = (end_ms - 1) // (level.width * MINUTE_MS)
            moved |= running.slide(last, partial(self._store.panes, level))
        return moved

    def tick(self, now_ms: int, at_end: Mapping[str, bool]) -> None:
        """Let running windows and ages follow the clock."""
        self._now_ms = max(self._now_ms, now_ms)
        if self._config.clock == "wall" and self.snapshot.now_ms != self._now_ms:
            if self._intake.pending:  # panes that leave must hold what running windows hold
                self._settle()
            if self._slide():
                self._progressed = True
            self._alerts.note_changes()  # of what was settled, too: the next snapshot lets go of it
            self._refresh_snapshot()

    def close_input(self) -> None:
        """The end of the input: the next flush publishes every window as final."""
        if not self._input_closed:
            self._input_closed = True
            self._progressed = True

    def changed(self) -> bool:
        """Whether a flush would write anything but positions."""
        return bool(
            self._intake.pending
            or self._progressed
            or self._store.dirty
            or self._live.dirty()
            or self.authors.dirty
            or self._useless
            or (not self.progress.building and self._publishes())
        )

    def _publishes(self) -> bool:
        """Whether time alone has something to publish."""
        return bool(
            self._held_back
            or self._alerts.due(self._end_ms)
            or self._store.has_due(self.watermark_ms // MINUTE_MS)
            or (self._store.deferred and self._publisher.due(self._now_ms, self.watermark_ms))
        )

    # --- rows and outputs out -----------------------------------------------------------------------------------------

    def flush(self, now_ms: int) -> Flush:
        """Everything that follows from what was applied, at one instant: rows, rollups, alerts, and a new snapshot."""
        self._now_ms = max(self._now_ms, now_ms)
        self._settle()
        self._slide()
        progress = self.progress
        watermark = progress.watermark_ms // MINUTE_MS
        rows = self._useless.take()
        outputs: list[Output] = []
        empty: list[Segment] = []
        if not progress.building:
            if self._held_back:
                empty = self._let_go(rows)
            outputs = self._publisher.publish(now_ms, progress.watermark_ms, self.closed)
        progress.counters["rollups"] += len(outputs)
        gone = self._store.expire(watermark, self._view.needed(), rows)
        self._store.flush(rows)
        self._live.fold(watermark)
        self._live.flush(rows)
        self.authors.flush(watermark, rows)
        if not progress.building:
            if self.closed and self._config.clock == "event":
                # Never back: a process that was told nothing new knows no end of its own.
                end_ms = max(progress.judged_ms, progress.newest_watermark_ms)
                progress.judged_ms = self._alerts.finish(end_ms)
            alert_rows, alerts = self._alerts.flush(self._end_ms, now_ms, self._segments)
            rows += alert_rows
            outputs += alerts
            progress.counters["alerts"] += len(alerts)
        self._note_too_late()
        progress.rows = len(self.rows) + len(self._useless) - (META_KEY in self.rows)
        meta = self.rows[META_KEY] = progress.encode()
        rows.append((META_KEY, meta))
        self._progressed = False
        self._refresh_snapshot()
        if not progress.building:
            self._forget([*gone, *empty])
        return Flush(rows, outputs)

    def _let_go(self, rows: list[tuple[bytes, bytes | None]]) -> list[Segment]:
        """Every source has said all its measures: what was built is published from here on.

        Not the windows of which facts have been forgotten: their last figures stay as they are. Returns segments without windows.
        """
        self._held_back = False
        progress = self.progress
        progress.floor_ms = max((one.forgotten_ms for one in progress.sources.values()), default=NONE_MS) + 1
        for level in self._levels:
            self._store.drop_before(level, self._intake.floor(level), rows)
        for gauge in self._gauges:
            gauge.window.last = None  # what was dropped has to leave the sums
        self._slide()
        self.authors.drop_before(self._intake.floor(self.authors.level), rows)
        self._store.touch_open(progress.watermark_ms // MINUTE_MS)
        self._alerts.drop_before([self._intake.floor(level) for level in self._levels])
        self._alerts.judge_all()
        self._alerts.advance(progress.watermark_ms)
        return [segment for segment in self._segments.values() if not segment.windows]

    def _forget(self, gone: Sequence[Segment]) -> None:
        """Drop segments of which nothing is left."""
        alerts = False
        for segment in gone:
            if (
                not segment.windows
                and segment.raw not in self._live.segments
                and not self._view.shows(segment)
            ):
                self._segments.pop(segment.name, None)
                alerts |= self._alerts.forget(segment)
        if alerts:
            self._refresh_snapshot()

    @property
    def building(self) -> str:
        """What the figures wait for while a generation is built, empty when they do not."""
        if not self.progress.building:
            return ""
        done, sources = self.progress.complete_sources()
        return f"generation {self._config.generation}: {done} of {sources} source partitions"

    def _note_too_late(self) -> None:
        """Readers get the counts of the last flush: those of the moment would fall back after a crash."""
        counted = {metric: dict(windows) for metric, windows in self.progress.too_late.items()}
        if counted != self._too_late:
            self._too_late = counted

    def _refresh_snapshot(self) -> None:
        end_ms, watermark_ms, alerts = self._end_ms, self.progress.watermark_ms, self._alerts.snapshot()
        if self.progress.building:  # half-built figures are none
            self.snapshot = Snapshot(end_ms, watermark_ms, {}, alerts, self._too_late)
            return
        self.snapshot = self._view.renew(
            self._segments, end_ms, watermark_ms, alerts, self._too_late
        )._replace(suspects=self.authors.suspects(), unwatched=self.authors.unwatched())
