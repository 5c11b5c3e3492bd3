"""What deltas bring to a windows partition, collected by segment until it is settled, and what comes too late for which windows."""

from collections.abc import Callable, Mapping, Sequence

from stream.core.config import MINUTE_MS
from stream.core.delta import DeltaBatch
from stream.core.loops import add
from stream.core.metric import Metric
from stream.core.pane import Level
from stream.core.progress import NONE_MS, Progress
from stream.core.segment import Segment
from stream.core.tally import metric_ids, own_tallies
from stream.core.window_store import accumulate

Watch = Callable[[str, Mapping[int, Sequence[int]], Sequence[int]], None]
"""Told of the minutes of every segment, with the minutes by level before which they are too late."""


class Intake:
    """Fills the segments' ``pending`` and ``extra``; counts what windows no longer take."""

    def __init__(
        self,
        levels: Sequence[Level],
        progress: Progress,
        metrics: Mapping[int, Metric],
        live_slots: frozenset[int],
        segment: Callable[[str], Segment],
        watch: Watch,
    ) -> None:
        """``metrics``: id -> metric, without live ones; ``segment`` finds or makes one."""
        self._levels = levels
        self._progress = progress
        self._metrics = metrics
        self._live_slots = live_slots
        self._segment = segment
        self._watch = watch
        self.pending: dict[str, Segment] = {}
        """Segments for which something has come in."""

    def take(self) -> list[Segment]:
        """The segments for which something has come in; they are the caller's to settle."""
        found = list(self.pending.values())
        self.pending = {}
        return found

    def collect(self, batch: DeltaBatch, limit_ms: int) -> None:
        """Take in a batch; ``limit_ms`` is the watermark that decides what is too late."""
        before = [max(level.late_before(limit_ms), self.floor(level)) for level in self._levels]
        counts_late = self._progress.is_complete(batch.source_partition)
        from_minute = max(before, default=-1)
        pending = self.pending
        entries = 0
        for name, minutes in batch.segments.items():
            segment = pending.get(name)
            if segment is None:
                segment = pending[name] = self._segment(name)
            entries += len(minutes)
            self._watch(name, minutes, before)
            for minute, pairs in accumulate(segment, minutes, from_minute).items():
                tally = dict(zip(pairs[::2], pairs[1::2], strict=True))
                self._collect_old(segment, minute, tally, before, counts_late)
        self._progress.counters["entries"] += entries

    def floor(self, level: Level) -> int:
        """The minute before which windows could not be built under this generation; -1 for none."""
        floor_ms = self._progress.floor_ms
        return -(-floor_ms // (level.width * MINUTE_MS)) * level.width if floor_ms > 0 else NONE_MS

    def _collect_old(
        self, segment: Segment, minute: int, tally: dict[int, int], before: Sequence[int], counts_late: bool
    ) -> None:
        """A minute that is too late for at least one level: each level on its own. Live counts are never too late.

        ``counts_late``: not while the past is said again; then most of it is older than what is kept.
        """
        live = {slot: amount for slot, amount in tally.items() if slot in self._live_slots}
        if live:
            add(segment.pending.setdefault(minute, {}), live)
            for slot in live:
                del tally[slot]
        if not tally:
            return
        counts: dict[int, int] = {}
        for level in self._levels:
            start = minute - minute % level.width
            if minute >= before[level.number]:
                add(segment.extra.setdefault(level.number, {}).setdefault(start, {}), tally)
            elif level.rollup and counts_late:
                counts = counts or self._measures(tally)
                for metric_id, measures in counts.items():
                    self._progress.count_too_late(
                        self._metrics[metric_id].full_name, level.width * MINUTE_MS, measures
                    )

    def _measures(self, tally: Mapping[int, int]) -> dict[int, int]:
        """Metric id -> about how many measures a difference stands for; at least one."""
        sizes = {slot: abs(amount) for slot, amount in tally.items()}
        own = own_tallies(sizes, metric_ids(sizes) & self._metrics.keys())
        return {
            metric_id: max([1, *(figure.n for figure in self._metrics[metric_id].figures(amounts))])
            for metric_id, amounts in own.items()
        }
