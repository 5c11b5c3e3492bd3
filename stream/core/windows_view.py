"""What readers see of a windows partition: its running windows and live counts as immutable snapshots."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.live import LiveCounts
from stream.core.pane import Level
from stream.core.progress import Progress
from stream.core.running import NONE_BEFORE, RunningWindow
from stream.core.segment import Segment
from stream.core.snapshot import AlertSnapshot, SegmentSnapshot, Snapshot
from stream.core.stock import with_stocks

_NOTHING: Mapping[int, int] = {}


class Gauge(NamedTuple):
    """One running window; ``length_ms`` is its name in snapshots, alert rules and settings."""

    length_ms: int
    level: Level
    window: RunningWindow[Segment]


class WindowsView:
    """Keeps the snapshots of all segments and renews those that changed."""

    def __init__(
        self,
        config: CoreConfig,
        gauges: Sequence[Gauge],
        progress: Progress,
        live: LiveCounts,
        live_slots: Iterable[int],
        stocks: Mapping[int, int],
    ) -> None:
        """``stocks``: slot -> metric id."""
        self._compared = frozenset(config.compare_windows_ms)
        self._gauges = gauges
        self._progress = progress
        self._live = live
        self._live_slots = sorted(live_slots)
        self._stocks = stocks
        self._segments: dict[str, SegmentSnapshot] = {}

    def changed(self) -> set[Segment]:
        """Segments whose running windows changed since the last renewal."""
        found: set[Segment] = set()
        return found.union(*(gauge.window.changed for gauge in self._gauges))

    def needed(self) -> dict[int, int]:
        """Number of a level -> the minute from which on its running windows need its panes."""
        needed: dict[int, int] = {}
        for _, level, window in self._gauges:
            first = window.needs * level.width
            needed[level.number] = min(first, needed.get(level.number, first))
        return needed

    def renew(
        self,
        segments: Mapping[str, Segment],
        now_ms: int,
        watermark_ms: int,
        alerts: tuple[AlertSnapshot, ...],
        too_late: Mapping[str, Mapping[int, int]],
    ) -> Snapshot:
        """The snapshot of now."""
        changed = self.changed()
        changed.update(segments[raw.decode()] for raw in self._live.changed)
        if changed:
            renewed = dict(self._segments)
            for segment in changed:
                one = self._segment(segment)
                if any(one.seen.values()) or any(count for count, _ in one.live.values()):
                    renewed[segment.name] = one
                else:
                    renewed.pop(segment.name, None)
            self._segments = renewed
            for gauge in self._gauges:
                gauge.window.changed.clear()
            self._live.changed.clear()
        return Snapshot(now_ms, watermark_ms, self._segments, alerts, too_late)

    def shows(self, segment: Segment) -> bool:
        """Whether a segment is in the snapshot."""
        return segment.name in self._segments

    def _segment(self, segment: Segment) -> SegmentSnapshot:
        windows: dict[int, Mapping[int, int]] = {}
        before: dict[int, Mapping[int, int]] = {}
        seen: dict[int, frozenset[int]] = {}
        for length_ms, level, window in self._gauges:
            ids = window.seen(segment)
            if not ids or window.last is None:
                continue
            seen[length_ms] = ids
            first = (window.last - window.panes + 1) * level.width
            tally = dict(window.tallies.get(segment, _NOTHING))
            windows[length_ms] = with_stocks(tally, self._stocks, self._live, segment.raw, first)
            first -= window.panes * level.width
            # A window that begins before the floor is not whole: facts of it had been forgotten when it was built.
            if length_ms in self._compared and first * MINUTE_MS >= self._progress.floor_ms:
                earlier = window.before.get(segment, NONE_BEFORE)
                before[length_ms] = with_stocks(earlier.tally, self._stocks, self._live, segment.raw, first)
        live: dict[int, tuple[int, int]] = {}
        for slot in self._live_slots:
            count, oldest = self._live.count(segment.raw, slot)
            live[slot] = (count, oldest * MINUTE_MS if oldest >= 0 else -1)
        return SegmentSnapshot(segment.name, tuple(segment.labels.items()), windows, seen, live, before)
