"""Business hours as the file of ``STREAM_CALENDARS`` writes them, and what the core makes of them."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from stream.core.calendar import Calendar, Calendars, calendar
from stream.settings import zones
from stream.settings.forms import DAY_MS, MINUTE_MS, Form, nearest

T = TypeVar("T")

FIRST_YEAR, LAST_YEAR = 2000, 2099
"""What a calendar reaches over that does not say for which years it is right; events are from 2000 on."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH = date(1970, 1, 1)

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")

Spans = list[tuple[int, int]]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One calendar as it is written."""

    zone: str
    hours: dict[str, Any]
    years: tuple[int, int] | None = None
    country: str | None = None
    subdivision: str | None = None
    holidays: list[date] = []
    special_hours: dict[str, list[str]] = {}


class _Tenant(msgspec.Struct, forbid_unknown_fields=True):
    """What applies to a tenant, as it is written."""

    calendar: str | None = None
    teams: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The file; its tables are looked at one by one, so that what is wrong is named."""

    calendars: dict[str, Any] = {}
    default: str | None = None
    tenants: dict[str, Any] = {}
    teams: dict[str, Any] = {}


class CalendarFile(msgspec.Struct, frozen=True):
    """A file and what stood in it when it was read."""

    path: Path
    calendars: Calendars


def form() -> Form[CalendarFile | None]:
    """The form of the setting; its text is the file's path."""

    def parse(text: str) -> CalendarFile | None:
        return read(Path(text)) if text else None

    return Form(
        parse,
        lambda file: str(file.path) if file else "",
        "the path of a TOML file of calendars (an example: deploy/calendars.toml)",
    )


def read(path: Path) -> CalendarFile:
    """Read a file. Raises ValueError that names the file, the calendar and the field, and says what to do."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ValueError(f"the file cannot be read: {exc.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ValueError(f"{path.name} is no TOML: {exc}") from None
    try:
        return CalendarFile(path, _calendars(_converted(tables, _File)))
    except ValueError as exc:
        raise ValueError(f"{path.name}: {exc}") from None


def _calendars(file: _File) -> Calendars:
    if not file.calendars:
        raise ValueError("calendars: there is none; write one as [calendars.office]")
    by_id: dict[str, Calendar] = {}
    for name, table in file.calendars.items():
        try:
            by_id[name] = _calendar(_converted(table, _Entry))
        except ValueError as exc:
            raise ValueError(f"calendar {name!r}: {exc}") from None

    def known(name: str, where: str) -> str:
        if name not in by_id:
            raise ValueError(
                f"{where}: there is no calendar {name!r}{nearest(name, by_id)}; there are {', '.join(by_id)}"
            )
        return name

    tenants: dict[str, str] = {}
    teams: dict[tuple[str | None, str], str] = {}
    for team, name in file.teams.items():
        where = f"teams.{team}"
        teams[None, team] = known(_converted(name, str, where), where)
    for tenant, table in file.tenants.items():
        where = f"tenants.{tenant}"
        entry = _converted(table, _Tenant, where)
        if entry.calendar is not None:
            tenants[tenant] = known(entry.calendar, f"{where}.calendar")
        for team, name in entry.teams.items():
            teams[tenant, team] = known(name, f"{where}.teams.{team}")
    if file.default is not None:
        known(file.default, "default")
    return Calendars(by_id, teams, tenants, file.default)


def _converted(value: object, kind: type[T], where: str = "") -> T:
    """A part of the file as its type. Raises ValueError that names the field, ``where`` being the part's own."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        what, _, path = str(exc).partition(" - at `$")
        field = f"{where}{path.rstrip('`')}".lstrip(".")
        unknown = _UNKNOWN.search(what)
        if unknown:
            names = tuple(get_type_hints(kind))
            what += f"{nearest(unknown[1], names)}; there are {', '.join(names)}"
        raise ValueError(f"{field}: {what}" if field else what) from None


def _calendar(entry: _Entry) -> Calendar:
    years = entry.years or (FIRST_YEAR, LAST_YEAR)
    first, last = years
    if not FIRST_YEAR <= first <= last <= LAST_YEAR:
        raise ValueError(
            f"years: write the first and the last one, {FIRST_YEAR} to {LAST_YEAR}: [2024, 2035]"
        )
    week, dates = _week(entry), _dates(entry, years)
    try:
        offsets, until_ms = zones.offsets(entry.zone, first, last)
    except ValueError as exc:
        raise ValueError(f"zone: {exc}") from None
    return calendar(entry.zone, offsets, until_ms, week, dates)


def _week(entry: _Entry) -> list[Spans]:
    for name in entry.hours:
        if name not in WEEKDAYS:
            known = ", ".join(WEEKDAYS)
            raise ValueError(f"hours: {name!r} is no weekday{nearest(name, WEEKDAYS)}; there are {known}")
    week: list[Spans] = []
    for weekday in WEEKDAYS:
        where = f"hours.{weekday}"
        week.append(spans(_converted(entry.hours.get(weekday, []), list[str], where), where))
    if not any(week):
        raise ValueError('hours: it is never open; give a weekday its hours: monday = ["09:00-17:00"]')
    return week


def _dates(entry: _Entry, years: tuple[int, int]) -> dict[int, Spans]:
    """What single dates have, by days since 1970-01-01; special hours go before a public holiday."""
    dates: dict[int, Spans] = {_number(day): [] for day in _public_holidays(entry)}
    for day in entry.holidays:
        _check_within(day, years, "holidays")
        dates[_number(day)] = []
    for text, hours in entry.special_hours.items():
        where = f"special_hours.{text}"
        if not _DATE.fullmatch(text):
            raise ValueError(f"{where}: write a date as 2026-12-31")
        day = _converted(text, date, where)
        _check_within(day, years, where)
        if day in entry.holidays:
            raise ValueError(f"{where}: it is in holidays as well; leave one of them out")
        dates[_number(day)] = spans(hours, where)
    return dates


def spans(texts: Sequence[str], where: str) -> Spans:
    """Spans of one day in milliseconds, an end past midnight being above 24 h. Raises ValueError."""
    found: Spans = []
    for text in texts:
        times = _SPAN.fullmatch(text.strip())
        begin, end = (
            ((int(times[n]) * 60 + int(times[n + 1])) * MINUTE_MS for n in (1, 3)) if times else (0, 0)
        )
        if begin == end or end > DAY_MS:
            raise ValueError(
                f"{where}: {text!r} is no span; write 09:00-17:00, past midnight 22:00-06:00, a whole day 00:00-24:00"
            )
        found.append((begin, end if end > begin else end + DAY_MS))
    found.sort()
    for (_, end), (begin, _) in pairwise(found):
        if begin < end:
            raise ValueError(f"{where}: two spans overlap; make one of them")
    return found


def _public_holidays(entry: _Entry) -> Sequence[date]:
    """Public holidays of the named country, in the years of the calendar."""
    if entry.country is None:
        if entry.subdivision is not None:
            raise ValueError("subdivision: name its country as well")
        return ()
    if entry.years is None:
        raise ValueError("years: say for which years its country's holidays are to be taken: [2024, 2035]")
    from holidays import country_holidays, list_supported_countries  # noqa: PLC0415 - only its users pay for it

    countries: Mapping[str, Sequence[str]] = list_supported_countries(include_aliases=True)
    subdivisions = countries.get(entry.country)
    if subdivisions is None:
        raise ValueError(f"country: {entry.country!r} is not known; write its two letters (ISO 3166): DE")
    if entry.subdivision is not None and entry.subdivision not in subdivisions:
        among = f"there are {', '.join(subdivisions)}" if subdivisions else "leave it out"
        raise ValueError(f"subdivision: {entry.country} has no {entry.subdivision!r}; {among}")
    first, last = entry.years
    found = country_holidays(
        entry.country, subdiv=entry.subdivision, years=range(first, last + 1), expand=False
    )
    if first < found.start_year or last > found.end_year:
        raise ValueError(
            f"years: the holidays of {entry.country} are known from {found.start_year} to {found.end_year} only"
        )
    return [day for day in found if first <= day.year <= last]


def _check_within(day: date, years: tuple[int, int], where: str) -> None:
    if not years[0] <= day.year <= years[1]:
        raise ValueError(f"{where}: {day} is outside of the calendar's years, {years[0]} to {years[1]}")


def _number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days
