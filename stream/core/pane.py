"""Which sums are kept: LEVELS of tallies of one width each, for rollups and for the panes that running windows slide by.

All windows are [start, end), UTC, aligned to the epoch. Inside the windows stage times are minutes since the epoch.
"""

import struct
from typing import NamedTuple

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig

FOREVER = -1
"""A horizon without end."""

GAUGE_LENGTHS = 2
"""Panes are kept for the running window and for the one before it: what was measured there is shown as empty for one more length."""

META_KEY = b"\0meta"
ROLLUP_KIND, PANE_KIND, LIVE_KIND, ALERT_KIND, AUTHORS_KIND = b"w", b"p", b"l", b"a", b"f"

_PANE_OF = ((6 * HOUR_MS, MINUTE_MS), (48 * HOUR_MS, 15 * MINUTE_MS), (60 * DAY_MS, HOUR_MS))
_HEAD = struct.Struct(">cII")


class WindowLengthError(ValueError):
    """A window length that panes cannot be cut for; the message names the setting."""


class Level(NamedTuple):
    """Tallies of one width. ``width`` and ``horizon`` in minutes, ``horizon`` None for ever, ``gauges`` in panes."""

    number: int
    kind: bytes
    width: int
    horizon: int | None
    """How long after its end a tally still takes corrections, and how long its row stays."""
    rollup: bool
    gauges: tuple[int, ...]
    """Lengths in panes of the running windows that slide by this level's tallies."""
    feed: int | None
    """Number of the widest level whose tallies add up to this one's; None: minutes do."""

    def late_before(self, watermark_ms: int) -> int:
        """The minute before which a measure is too late for this level."""
        if self.horizon is None or watermark_ms < 0:
            return FOREVER
        return max((watermark_ms // MINUTE_MS - self.horizon) // self.width * self.width, FOREVER)

    def key(self, start: int, segment: bytes) -> bytes:
        """Row key of the tally that starts at minute ``start``."""
        return _HEAD.pack(self.kind, self.width, start) + segment


class RowKey(NamedTuple):
    """A tally's row key in parts; ``width`` and ``start`` in minutes."""

    kind: bytes
    width: int
    start: int
    segment: bytes


def parse_key(key: bytes) -> RowKey:
    """Take a row key apart. Raises struct.error for a key that is too short."""
    kind, width, start = _HEAD.unpack_from(key)
    return RowKey(kind, width, start, key[_HEAD.size :])


def live_key(width: int, start: int, segment: bytes) -> bytes:
    """Row key of live counts that began in ``[start, start + width)``, in minutes."""
    return _HEAD.pack(LIVE_KIND, width, start) + segment


def pane_ms(gauge_ms: int) -> int:
    """Width of the panes that a running window slides by: the widest that suits its length and divides it."""
    allowed = [width for limit, width in _PANE_OF if gauge_ms <= limit][:1] or [DAY_MS]
    widths = [width for width in (DAY_MS, HOUR_MS, 15 * MINUTE_MS, MINUTE_MS) if width <= allowed[0]]
    for width in widths:
        if gauge_ms % width == 0:
            return width
    raise WindowLengthError(
        f"STREAM_GAUGE_WINDOWS: {gauge_ms} ms is not a whole number of minutes; use for example 5m, 1h or 24h"
    )


def horizon_ms(config: CoreConfig, rollup_ms: int) -> int:
    """How long a rollup window is revised after its end; a window without a horizon of its own has the longest."""
    found = config.horizons_ms.get(rollup_ms)
    if found is not None:
        return found
    values = config.horizons_ms.values()
    return FOREVER if FOREVER in values else max(values, default=0)


def oldest_start(config: CoreConfig) -> int | None:
    """How far behind the watermark a window that is kept may begin, in minutes; None for ever."""
    found = levels(config)
    horizons = [level.horizon for level in found]
    return (
        None if None in horizons else max((level.width + (level.horizon or 0) for level in found), default=0)
    )


def levels(config: CoreConfig) -> tuple[Level, ...]:
    """All levels, the finest first. Raises WindowLengthError for lengths that are not whole minutes.

    A running window uses the rollup level of its panes' width where that is kept long enough, else a level of panes of its own:
    a rollup's horizon is never prolonged by a gauge.
    """
    gauges: dict[int, list[int]] = {}
    for length in sorted(set(config.gauge_windows_ms)):
        gauges.setdefault(pane_ms(length) // MINUTE_MS, []).append(length // MINUTE_MS)
    plain: list[tuple[int, bytes, int | None, bool, tuple[int, ...]]] = []
    for length in sorted(set(config.rollup_windows_ms)):
        if length <= 0 or length % MINUTE_MS:
            raise WindowLengthError(
                f"STREAM_ROLLUP_WINDOWS: {length} ms is not a whole number of minutes; use for example 1m, 1h or 1d"
            )
        width = length // MINUTE_MS
        after = horizon_ms(config, length)
        horizon = None if after == FOREVER else after // MINUTE_MS
        served = gauges.get(width, [])
        if served and (horizon is None or horizon >= GAUGE_LENGTHS * max(served)):
            del gauges[width]
            plain.append((width, ROLLUP_KIND, horizon, True, tuple(one // width for one in served)))
        else:
            plain.append((width, ROLLUP_KIND, horizon, True, ()))
    for width, served in gauges.items():
        plain.append(
            (width, PANE_KIND, GAUGE_LENGTHS * max(served), False, tuple(one // width for one in served))
        )
    plain.sort(key=lambda one: (one[0], not one[3]))
    found: list[Level] = []
    for number, (width, kind, horizon, rollup, served_panes) in enumerate(plain):
        feeds = [level.number for level in found if width % level.width == 0 and level.width > 1]
        found.append(Level(number, kind, width, horizon, rollup, served_panes, feeds[-1] if feeds else None))
    return tuple(found)


def too_late_before_ms(config: CoreConfig, watermark_ms: int) -> int:
    """Instants before this are too late for every window that is kept; -1: none is."""
    before = [level.late_before(watermark_ms) for level in levels(config)]
    return min(before) * MINUTE_MS if before and min(before) >= 0 else FOREVER
