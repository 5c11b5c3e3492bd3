"""What the windows take in memory, estimated from the settings alone, before anything has run."""

from typing import NamedTuple

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.pane import levels

SEGMENTS = 1_000
ROW_BYTES = 500
"""A packed row of all metrics with its key and its place in the dictionary; busy windows with wide histograms take more."""


class Estimate(NamedTuple):
    """Most rows and bytes that a number of busy segments come to."""

    segments: int
    rows: int
    bytes: int


def estimate(config: CoreConfig, segments: int = SEGMENTS) -> Estimate:
    """The upper bound: every segment has a measure in every window that is kept."""
    lateness = config.lateness_ms // MINUTE_MS
    rows = segments * sum(
        (level.width + (level.horizon or 0) + lateness) // level.width + 1 for level in levels(config)
    )
    return Estimate(segments, rows, rows * ROW_BYTES)
