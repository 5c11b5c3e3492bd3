"""What the windows take in memory, estimated from the settings alone, before anything has run."""

from typing import NamedTuple

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig

SEGMENTS = 1_000
ROW_BYTES = 500
"""A packed row of all metrics with its key and its place in the dictionary; busy windows with wide histograms take more."""


class Estimate(NamedTuple):
    """Most rows and bytes that a number of busy segments come to."""

    segments: int
    rows: int
    bytes: int


def gauge_pane_ms(window_ms: int) -> int:
    """Width of the panes that a running window is made of."""
    if window_ms <= 6 * HOUR_MS:
        return MINUTE_MS
    if window_ms <= 48 * HOUR_MS:
        return 15 * MINUTE_MS
    return HOUR_MS if window_ms <= 60 * DAY_MS else DAY_MS


def estimate(config: CoreConfig, segments: int = SEGMENTS) -> Estimate:
    """The upper bound: every segment has a measure in every window that is kept."""
    kept_ms: dict[
        int, int
    ] = {}  # width of a level -> how far back it is kept; levels of one width are shared
    for window_ms in config.rollup_windows_ms:
        kept_ms[window_ms] = window_ms + config.horizons_ms[window_ms] + config.lateness_ms
    for window_ms in config.gauge_windows_ms:
        pane_ms = gauge_pane_ms(window_ms)
        kept_ms[pane_ms] = max(kept_ms.get(pane_ms, 0), 2 * window_ms + config.lateness_ms)
    rows = segments * sum(-(-kept // width) for width, kept in kept_ms.items())
    return Estimate(segments, rows, rows * ROW_BYTES)
