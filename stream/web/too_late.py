"""What is said when measures come too late for every window: figures that stay empty would be silence otherwise."""

import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger(__name__)

LOG_SECONDS = 60.0
"""At most one line in this time."""

HINTS = {
    "wall": (
        "old events are replayed with STREAM_CLOCK=event (and a new STREAM_APP_ID, if they have been read already); "
        "STREAM_CORRECTION_HORIZON says how late is too late"
    ),
    "event": "STREAM_CORRECTION_HORIZON says how late is too late",
}


class TooLate:
    """Watches the counters of the source partitions: what rose while this process looked."""

    def __init__(self, clock: str, now: Callable[[], float] = time.monotonic) -> None:
        self._hint = HINTS[clock]
        self._now = now
        self._seen: dict[int, Mapping[str, int]] = {}
        self._rose: Counter[str] = Counter()
        self._said = 0
        self._said_at = -LOG_SECONDS
        self.notes: tuple[str, ...] = ()
        """For people on call; replaced, never changed: any thread may read it."""

    def see(self, partition: int, counts: Mapping[str, int]) -> None:
        """Take metric -> measures of one partition, as committed; what was there when it came is another worker's news."""
        before = self._seen.get(partition, counts)
        self._seen[partition] = counts
        if counts is not before and counts != before:
            for metric, number in counts.items():
                self._rose[metric] += max(0, number - before.get(metric, 0))
            self.notes = (self._note(),)
        if self._rose.total() > self._said and self._now() - self._said_at >= LOG_SECONDS:
            self._said, self._said_at = self._rose.total(), self._now()
            log.warning("events.too_late", measures=dict(sorted(self._rose.items())), hint=self._hint)

    def _note(self) -> str:
        measures = ", ".join(f"{metric} {number:,}" for metric, number in sorted(self._rose.items()))
        return f"measures came too late for every window since this worker started: {measures}; {self._hint}"
