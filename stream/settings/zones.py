"""Time zones as data: from when on a zone's clock is how far ahead of UTC.

Read from the locked package ``tzdata`` and not from the machine, so that all workers of one version count by the same clocks.
"""

from datetime import datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from stream.settings.forms import DAY_MS, SECOND_MS, nearest

WEEK_MS = 7 * DAY_MS

Offsets = tuple[tuple[int, int], ...]
"""``(from, offset)`` in milliseconds, ascending."""


@cache
def names() -> frozenset[str]:
    """All zones that there are."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="ascii").split())


@cache
def clock(zone: str) -> ZoneInfo:
    """The zone's clock. Raises ValueError for a zone that there is not."""
    if zone not in names():
        raise ValueError(
            f"{zone!r} is no time zone{nearest(zone, names())}; write an IANA name, Europe/Berlin"
        )
    with (files("tzdata") / "zoneinfo").joinpath(*zone.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=zone)


@cache
def offsets(zone: str, first_year: int, last_year: int) -> tuple[Offsets, int]:
    """The zone's offsets from the beginning of one local year to the end of another, and when that is, in epoch milliseconds.

    Raises ValueError for a zone that there is not. Since the year 2000 no zone has changed its clock forth and back within a week, so
    one look a week misses nothing.
    """
    of = clock(zone)
    from_ms, until_ms = (
        round(datetime(year, 1, 1, tzinfo=of).timestamp()) * SECOND_MS for year in (first_year, last_year + 1)
    )
    found = [(from_ms, _offset_ms(of, from_ms))]
    for at_ms in range(from_ms, until_ms + WEEK_MS, WEEK_MS):
        if _offset_ms(of, at_ms) != found[-1][1]:
            found.append(_change(of, at_ms - WEEK_MS, at_ms))
    return tuple(one for one in found if one[0] < until_ms), until_ms


def _offset_ms(of: ZoneInfo, at_ms: int) -> int:
    offset = datetime.fromtimestamp(at_ms // SECOND_MS, of).utcoffset()
    assert offset is not None  # noqa: S101 - a time with a zone has one
    return round(offset.total_seconds()) * SECOND_MS


def _change(of: ZoneInfo, before_ms: int, after_ms: int) -> tuple[int, int]:
    """When, between two instants of which it is known that they differ, to the second."""
    after = _offset_ms(of, after_ms)
    low, high = before_ms // SECOND_MS, after_ms // SECOND_MS
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_ms(of, middle * SECOND_MS) == after:
            high = middle
        else:
            low = middle
    return high * SECOND_MS, after
