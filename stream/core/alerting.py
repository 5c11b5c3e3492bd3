"""When the rules of a partition are judged: in event time at every end of a pane, on the wall clock at every flush."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from stream.core.alert import AlertBook
from stream.core.config import AlertRule, CoreConfig
from stream.core.judge import JudgedWindow
from stream.core.live import LiveCounts, minutes_of
from stream.core.metric import Metric
from stream.core.publisher import figures, metric_for
from stream.core.record import Output
from stream.core.segment import Segment
from stream.core.snapshot import AlertSnapshot
from stream.core.stock import with_stocks
from stream.core.tally import METRIC_SHIFT, own_tallies
from stream.core.window_store import WindowStore
from stream.core.windows_view import Gauge

Rows = list[tuple[bytes, bytes | None]]


class Alerting:
    """All rules on all segments of a partition. Times in milliseconds."""

    def __init__(
        self,
        config: CoreConfig,
        rows: dict[bytes, bytes],
        metrics: Sequence[Metric],
        gauges: Sequence[Gauge],
        live: LiveCounts,
    ) -> None:
        self._book = AlertBook(config, rows)
        self._metrics = {rule.name: metric_for(rule.metric, metrics, rule.profile) for rule in config.alerts}
        self._gauges = gauges
        self._rows = rows
        self._live = live
        self._stocks = {
            metric.slot(metric.stock): metric.id
            for metric in self._metrics.values()
            if metric is not None and metric.stock is not None
        }
        self._rules: dict[str, tuple[AlertRule, ...]] = {}
        self._event_time = config.clock == "event"
        lengths = {rule.window_ms for rule in config.alerts} if self._event_time else ()
        self._windows = [
            JudgedWindow(length_ms, level, running.panes, self._stocks.keys())
            for length_ms, level, running in gauges
            if length_ms in lengths
        ]
        self._fed: dict[str, list[tuple[JudgedWindow, frozenset[int]]]] = {}
        self._unjudged: list[set[str]] = [set() for _ in gauges]

    # --- segments and rows --------------------------------------------------------------------------------------------

    def load(self, key: bytes, raw: bytes) -> None:
        """Take in a row. Raises DamagedRowError."""
        self._book.load(key, raw)

    def segments(self) -> set[str]:
        """Segments on which a rule has a state."""
        return self._book.segments()

    def watch(self, segment: Segment) -> None:
        """A segment is shown from now on."""
        rules = self._book.watch(segment.name, segment.labels)
        if rules:
            self._rules[segment.name] = rules
        fed = []
        for window in self._windows:
            found = [self._metrics[rule.name] for rule in rules if rule.window_ms == window.length_ms]
            ids = frozenset(metric.id for metric in found if metric is not None)
            if ids:
                fed.append((window, ids))
        if fed:
            self._fed[segment.name] = fed

    def forget(self, segment: Segment) -> bool:
        """A segment is gone; True if a rule watched it."""
        self._fed.pop(segment.name, None)
        if self._rules.pop(segment.name, None) is None:
            return False
        self._book.forget(segment.name)
        return True

    def resume(self, store: WindowStore, judged_ms: int) -> None:
        """Go on where an earlier process had judged to, on the panes that are kept."""
        for window in self._windows:
            window.at = max(judged_ms, 0) // window.width_ms
            level = window.level
            for start, segments in store.starts[level.number].items():
                for segment in segments:
                    for fed, ids in self._fed.get(segment.name, ()):
                        kept = store.window(level, start, segment) if fed is window else None
                        if kept is not None:
                            self._feed(window, ids, segment.name, start, kept.tally)
        if self._stocks and self._fed:
            for raw, minute, slot, count in minutes_of(self._rows, self._stocks):
                for window, ids in self._fed.get(raw.decode(), ()):
                    self._feed(window, ids, raw.decode(), minute, {slot: count})
        self.judge_all()

    def judge_all(self) -> None:
        """Every rule is to be judged as soon as it can be, whether or not its figure changes."""
        for one in (*self._unjudged, *(window.dirty for window in self._windows)):
            one.update(self._rules)

    # --- in event time ------------------------------------------------------------------------------------------------

    def collect(self, segment: str, minutes: Mapping[int, Sequence[int]], before: Sequence[int]) -> None:
        """Take in a delta's minutes of one segment; ``before``: by level, the minute before which they are too late."""
        for window, ids in self._fed.get(segment, ()):
            first = before[window.level.number]
            for minute, pairs in minutes.items():
                if minute >= first or self._stocks:
                    tally = dict(zip(pairs[::2], pairs[1::2], strict=True))
                    if minute < first:  # stocks are never too late
                        tally = {slot: tally[slot] for slot in self._stocks.keys() & tally}
                    self._feed(window, ids, segment, minute, tally)

    def _feed(
        self,
        window: JudgedWindow,
        ids: frozenset[int],
        segment: str,
        minute: int,
        tally: Mapping[int, int],
    ) -> None:
        own = {slot: amount for slot, amount in tally.items() if amount and slot >> METRIC_SHIFT in ids}
        if own:
            window.add(segment, minute, own)

    def drop_before(self, floors: Sequence[int]) -> None:
        """Forget panes that could not be built under this generation; ``floors``: by level, in minutes."""
        for window in self._windows:
            window.drop_before(floors[window.level.number])

    def advance(self, watermark_ms: int) -> None:
        """Judge every end of a pane that the watermark has passed."""
        for window in self._windows:
            for at_ms, segments in window.steps(watermark_ms, partial(self._book.due_ms, window.length_ms)):
                for name in segments:
                    self._judge(name, window.length_ms, window.sums(name), at_ms)

    def finish(self, end_ms: int) -> int:
        """The input has ended: judge up to its end. Returns the instant that this is."""
        end_ms = max([end_ms, *(window.data_end_ms for window in self._windows)])
        self.advance(end_ms)
        for window in self._windows:
            at_ms, segments = window.rest()
            for name in segments:
                self._judge(name, window.length_ms, window.sums(name), at_ms)
        return end_ms

    # --- on the wall clock --------------------------------------------------------------------------------------------

    def note_changes(self) -> None:
        """Keep what changed for the next flush: a snapshot in between lets go of it."""
        if not self._event_time:
            for gauge, unjudged in zip(self._gauges, self._unjudged, strict=True):
                unjudged.update(segment.name for segment in gauge.window.changed)

    def note_stocks(self, segments: Iterable[Segment]) -> None:
        """Stocks of these segments changed, whenever: what there was when a window began may be something else."""
        if self._stocks and not self._event_time:
            for unjudged in self._unjudged:
                unjudged.update(segment.name for segment in segments)

    def _judge_changed(self, end_ms: int, segments: Mapping[str, Segment]) -> None:
        self.note_changes()
        for (length_ms, level, window), unjudged in zip(self._gauges, self._unjudged, strict=True):
            due = unjudged | self._book.due_ms(length_ms).keys()
            unjudged.clear()
            for name in sorted(due & self._rules.keys()):
                segment = segments[name]
                tally: Mapping[int, int] = window.tallies.get(segment, {})
                if self._stocks and window.last is not None:
                    first = (window.last - window.panes + 1) * level.width
                    tally = with_stocks(tally, self._stocks, self._live, segment.raw, first)
                self._judge(name, length_ms, tally, end_ms)

    # --- both ---------------------------------------------------------------------------------------------------------

    def _judge(self, segment: str, length_ms: int, tally: Mapping[int, int], at_ms: int) -> None:
        for rule in self._rules.get(segment, ()):
            metric = self._metrics[rule.name]
            if rule.window_ms == length_ms and metric is not None:
                own = own_tallies(tally, (metric.id,))[metric.id]
                found = [one for one in figures(metric, own) if one.metric == rule.metric]
                self._book.judge(rule, segment, found[0] if found else None, at_ms)

    def due(self, end_ms: int) -> bool:
        """Whether there is something to write though nothing has come in."""
        return self._book.unwritten or (not self._event_time and self._book.due(end_ms))

    def flush(self, end_ms: int, now_ms: int, segments: Mapping[str, Segment]) -> tuple[Rows, list[Output]]:
        """Rows and alert events of what was judged, in the order of event time."""
        if not self._event_time and end_ms >= 0:
            self._judge_changed(end_ms, segments)
        return self._book.flush(end_ms, now_ms)

    def snapshot(self) -> tuple[AlertSnapshot, ...]:
        """One per rule and segment that it watches."""
        return self._book.snapshot()
