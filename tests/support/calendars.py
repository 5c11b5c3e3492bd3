"""Calendars for tests, from the spans and dates that people write."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from stream.core.calendar import Calendar, calendar
from stream.settings.calendars import FIRST_YEAR, LAST_YEAR, WEEKDAYS, spans
from stream.settings.zones import clock, offsets

EPOCH = date(1970, 1, 1)
OFFICE_WEEK = [["09:00-17:00"]] * 5 + [[], []]
ALWAYS = [["00:00-24:00"]] * 7

ALWAYS_OPEN = f"""
default = "always"
[calendars.always]
zone = "UTC"
[calendars.always.hours]
{"".join(f'{day} = ["00:00-24:00"]' + chr(10) for day in WEEKDAYS)}
"""
"""A file in which every tenant is open at every hour."""


def made(
    zone: str = "Europe/Berlin",
    week: Sequence[Sequence[str]] = OFFICE_WEEK,
    dates: Mapping[str, Sequence[str]] | None = None,
    years: tuple[int, int] = (FIRST_YEAR, LAST_YEAR),
) -> Calendar:
    """A calendar; ``week`` from Monday, ``dates`` (2026-12-25) with what they have instead."""
    zone_offsets, until_ms = offsets(zone, *years)
    instead = {
        (date.fromisoformat(day) - EPOCH).days: spans(texts, day) for day, texts in (dates or {}).items()
    }
    return calendar(zone, zone_offsets, until_ms, [spans(texts, "week") for texts in week], instead)


def local_ms(text: str, zone: str = "Europe/Berlin", *, second_time: bool = False) -> int:
    """Epoch milliseconds of a local time, ``2026-11-05 12:00``; ``second_time``: the later one of an hour that comes twice."""
    local = datetime.fromisoformat(text).replace(tzinfo=clock(zone), fold=int(second_time))
    return round(local.timestamp() * 1000)
