"""What the windows take in memory, estimated from the settings alone, before anything has run."""

from collections.abc import Sequence
from typing import NamedTuple

from stream.core.config import DAY_MS, MINUTE_MS, CoreConfig
from stream.core.metric import Metric
from stream.core.pane import levels

SEGMENTS = 1_000
ROW_BYTES = 360
"""A packed row with its key and its place in the dictionary, without its metrics."""
METRIC_BYTES = 20
"""More for each metric, each profile's counted apart: measured over the windows of a segment with 60 contacts an hour that everything
happens to. With ten times as many, histograms are wider and rows twice as large."""
RUNNING_BYTES = 18_000
"""The sums of a metric in a running window of a day or more and in the one before it, on average over the default metrics with 400 contacts
an hour. Shorter ones: a fifth."""


class Estimate(NamedTuple):
    """Rows and bytes that a number of busy segments come to."""

    segments: int
    metrics: int
    """Metrics with windows, each as often as there are profiles that count it."""
    rows: int
    bytes: int


def estimate(config: CoreConfig, metrics: Sequence[Metric], segments: int = SEGMENTS) -> Estimate:
    """Of segments that have a measure in every window that is kept. ``metrics`` are those that are computed."""
    lateness = config.lateness_ms // MINUTE_MS
    rows = segments * sum(
        (level.width + (level.horizon or 0) + lateness) // level.width + 1 for level in levels(config)
    )
    counted = sum(not metric.live for metric in metrics)
    running = sum(
        RUNNING_BYTES if length_ms >= DAY_MS else RUNNING_BYTES // 5 for length_ms in config.gauge_windows_ms
    )
    return Estimate(
        segments,
        counted,
        rows,
        rows * (ROW_BYTES + METRIC_BYTES * counted) + segments * running * counted,
    )
