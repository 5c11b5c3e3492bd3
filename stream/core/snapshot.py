"""What the windows stage shows to readers outside the event loop: immutable values, replaced and never changed."""

from collections.abc import Mapping
from typing import NamedTuple

from stream.core.bot_rule import FirstReplies


class SegmentSnapshot(NamedTuple):
    """One segment's running windows and live counts at one instant."""

    segment: str
    labels: tuple[tuple[str, str], ...]
    windows: Mapping[int, Mapping[int, int]]
    """Gauge window in ms -> slot (``Metric.slot`` numbering) -> sum, of stocks what there was at its start.
    A window that emptied less than one window length ago is there with an empty tally (its count is
    exposed as 0); after that it is absent (its series end)."""
    seen: Mapping[int, frozenset[int]]
    """Gauge window in ms -> ids of the metrics that have or lately had a measure in it."""
    live: Mapping[int, tuple[int, int]]
    """Slot of a live metric -> (count, instant in ms of the oldest, to the pane's width; -1 where count is 0)."""
    before: Mapping[int, Mapping[int, int]] = {}
    """As ``windows``, of the window of equal length directly before each; only of lengths whose figures are compared with it."""


class AlertSnapshot(NamedTuple):
    """State of one alert rule on one segment."""

    name: str
    severity: str
    labels: tuple[tuple[str, str], ...]
    firing: bool


class Suspect(NamedTuple):
    """An author who looks like a bot that is counted as an agent, in the days that were looked at."""

    tenant: str
    author: str
    """Its key in hexadecimal (:func:`stream.core.fact.author_key`)."""
    replies: FirstReplies
    sum_ms: int
    """Of the author's first replies."""
    of_sum_ms: int
    """Of all first replies of the tenant."""
    taken_over_sum_ms: int
    """From creation to the first reply of anybody else, on the author's tickets."""
    since_ms: int
    until_ms: int

    @property
    def mean_seconds(self) -> float:
        """The tenant's mean first reply time as it is."""
        return self.of_sum_ms / self.replies.of / 1000

    @property
    def n_without(self) -> int:
        """First replies there would be if the author were a bot."""
        return self.replies.of - self.replies.n + self.replies.taken_over

    @property
    def mean_seconds_without(self) -> float:
        """The tenant's mean first reply time if the author were a bot."""
        return (self.of_sum_ms - self.sum_ms + self.taken_over_sum_ms) / self.n_without / 1000


class Snapshot(NamedTuple):
    """All segments that one windows partition owns."""

    now_ms: int
    """Where running windows end and ages are measured from: the clock, or the watermark with ``clock=event``; -1 for none."""
    watermark_ms: int
    segments: Mapping[str, SegmentSnapshot]
    alerts: tuple[AlertSnapshot, ...]
    too_late: Mapping[str, Mapping[int, int]] = {}
    """Metric -> rollup window in ms -> measures that its windows no longer took, over all segments, as of the last flush."""
    suspects: tuple[Suspect, ...] = ()
    unwatched: int = 0
    """First replies of authors beyond the limit, of whom nobody looks whether they are bots."""
