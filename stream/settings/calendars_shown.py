"""Calendars as ``stream config`` shows them to people."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from stream.core.calendar import Calendar, Calendars, Hours
from stream.settings.calendars import EPOCH, WEEKDAYS
from stream.settings.forms import DAY_MS, HOUR_MS, MINUTE_MS


def lines(calendars: Calendars) -> Iterator[str]:
    """Two lines per calendar: its hours, and whose they are."""
    for name, one in calendars.by_id.items():
        closed = sum(not hours for hours in one.dates.values())
        yield (
            f"{name}: {one.zone}, {_first_year(one)} to {_last_year(one)}; {_week(one.week)}; "
            f"dates that are closed: {closed}, with hours of their own: {len(one.dates) - closed}"
        )
        yield f"    applies to {', '.join(_whose(calendars, name)) or 'tickets that name it, and to nothing else'}"


def _whose(calendars: Calendars, name: str) -> Iterator[str]:
    for (tenant, team), named in calendars.teams.items():
        if named == name:
            yield f"team {team}" if tenant is None else f"team {team} of tenant {tenant}"
    for tenant, named in calendars.tenants.items():
        if named == name:
            yield f"tenant {tenant}"
    if calendars.default == name:
        yield "all others"


def _week(week: tuple[Hours, ...]) -> str:
    """``monday-friday 09:00-17:00, saturday 10:00-14:00``; closed days are left out."""
    parts: list[str] = []
    for hours, run in groupby(zip(WEEKDAYS, week, strict=True), key=lambda pair: pair[1]):
        days = [day for day, _ in run]
        if hours:
            name = days[0] if len(days) == 1 else f"{days[0]}-{days[-1]}"
            parts.append(" ".join([name, *(f"{_clock(begin)}-{_clock(end)}" for begin, end in hours)]))
    return ", ".join(parts)


def _clock(at_ms: int) -> str:
    return f"{at_ms // HOUR_MS:02d}:{at_ms % HOUR_MS // MINUTE_MS:02d}"


def _first_year(one: Calendar) -> int:
    from_ms, offset_ms = one.offsets[0]
    return _year((from_ms + offset_ms) // DAY_MS)


def _last_year(one: Calendar) -> int:
    return _year((one.until_ms + one.offsets[-1][1] - 1) // DAY_MS)


def _year(day: int) -> int:
    return (EPOCH + timedelta(days=day)).year
