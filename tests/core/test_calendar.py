"""Business hours: worked days, and every span against a count minute by minute on the zone's own clock."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.calendar import DAY_MS, Calendar, Calendars
from stream.settings.zones import clock
from tests.support.calendars import ALWAYS, OFFICE_WEEK, local_ms, made

HOUR = 3_600_000
MINUTE = 60_000

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour in summer
    "Africa/Casablanca",  # an hour back in the month of Ramadan
    "Asia/Kathmandu",  # 5:45 ahead
    "Pacific/Apia",  # has no 2011-12-30
)
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "Asia/Kathmandu": ("2026-03-29", "2026-10-25"),
    "Pacific/Apia": ("2011-12-30", "2011-12-31"),
}
"""Days around which the clocks do what they seldom do."""

WORDS = (
    "00:00-24:00",
    "09:00-17:00",
    "01:30-02:30",
    "02:00-03:00",
    "00:10-00:20",
    "08:00-12:00",
    "13:00-18:30",
    "22:00-06:00",
    "23:30-01:00",
    "18:00-00:00",
)


def overlapping(texts: Sequence[str]) -> bool:
    whole = sorted(span_minutes(text) for text in texts)
    return any(end > begin for (_, end), (begin, _) in pairwise(whole))


hours = st.lists(st.sampled_from(WORDS), max_size=3, unique=True).filter(lambda texts: not overlapping(texts))


def span_minutes(text: str) -> tuple[int, int]:
    begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    return begin, end if end > begin else end + 1440


def is_open(local: datetime, week: Sequence[Sequence[str]], dates: Mapping[str, Sequence[str]]) -> bool:
    """Read off a wall calendar: the spans of the day, and those of the night before."""
    today = local.date()
    minute = local.hour * 60 + local.minute
    before = today - timedelta(days=1)

    def covers(texts: Sequence[str], at: int) -> bool:
        return any(begin <= at < end for begin, end in map(span_minutes, texts))

    if str(today) in dates:
        return covers(dates[str(today)], minute)
    special_night = covers(dates.get(str(before), ()), minute + 1440)
    weekly_night = covers(week[before.weekday()], minute + 1440)
    return covers(week[today.weekday()], minute) or special_night or weekly_night


def counted(
    start_ms: int, end_ms: int, zone: str, week: Sequence[Sequence[str]], dates: Mapping[str, Sequence[str]]
) -> int:
    """Open milliseconds, minute by minute."""
    total = 0
    of = clock(zone)
    for minute in range(start_ms // MINUTE, -(-end_ms // MINUTE)):
        if is_open(datetime.fromtimestamp(minute * 60, of), week, dates):
            total += min(end_ms, (minute + 1) * MINUTE) - max(start_ms, minute * MINUTE)
    return total


@settings(max_examples=150, deadline=None)
@given(data=st.data(), zone=st.sampled_from(ZONES))
def test_it_is_a_count_minute_by_minute(data: st.DataObject, zone: str) -> None:
    week = data.draw(st.lists(hours, min_size=7, max_size=7))
    change = date.fromisoformat(data.draw(st.sampled_from(CHANGES[zone])))
    around = st.integers(-3, 3).map(lambda days: str(change + timedelta(days=days)))
    dates = data.draw(st.dictionaries(around, hours, max_size=3))
    of = made(zone, week, dates)
    middle_ms = round(datetime(change.year, change.month, change.day, tzinfo=clock("UTC")).timestamp()) * 1000
    start_ms = middle_ms + data.draw(st.integers(-3 * DAY_MS, 2 * DAY_MS))
    end_ms = start_ms + data.draw(st.integers(0, 3 * DAY_MS))
    expected = counted(start_ms, end_ms, zone, week, dates)
    assert of.open_ms(start_ms, end_ms) == expected
    assert of.open_ms(end_ms, start_ms) == -expected


@settings(max_examples=60, deadline=None)
@given(data=st.data(), zone=st.sampled_from(ZONES))
def test_parts_add_up_to_the_whole_over_years(data: st.DataObject, zone: str) -> None:
    of = made(zone, data.draw(st.lists(hours, min_size=7, max_size=7)))
    instants = st.integers(local_ms("2001-01-01 00:00", "UTC"), local_ms("2011-12-31 12:00", "UTC"))
    first, middle, last = sorted(data.draw(st.tuples(instants, instants, instants)))
    parts = of.open_ms(first, middle), of.open_ms(middle, last)
    assert None not in parts
    assert of.open_ms(first, last) == sum(part or 0 for part in parts)


@given(st.integers(0, 20 * 365 * DAY_MS), st.integers(0, 5 * 365 * DAY_MS), st.sampled_from(ZONES))
def test_always_open_is_the_time_that_passed(after: int, length: int, zone: str) -> None:
    start_ms = local_ms("2001-01-01 00:00", "UTC") + after
    assert made(zone, ALWAYS).open_ms(start_ms, start_ms + length) == length


def hours_of(of: Calendar, begin: str, end: str, zone: str = "Europe/Berlin") -> float:
    found = of.open_ms(local_ms(begin, zone), local_ms(end, zone))
    assert found is not None
    return found / HOUR


def test_a_weekend_does_not_count() -> None:
    # Friday 16:00 to Monday 10:00: one hour on Friday, one on Monday.
    assert hours_of(made(), "2026-11-06 16:00", "2026-11-09 10:00") == 2


def test_a_split_shift_leaves_the_break_out() -> None:
    split = made(week=[["09:00-12:30", "13:30-18:00"]] * 7)
    assert hours_of(split, "2026-11-05 12:00", "2026-11-05 14:00") == 1
    assert hours_of(split, "2026-11-05 00:00", "2026-11-06 00:00") == 8


def test_a_night_is_that_of_the_day_it_begins_on() -> None:
    friday_night = made(week=[[], [], [], [], ["22:00-06:00"], [], []])
    assert hours_of(friday_night, "2026-11-06 20:00", "2026-11-07 12:00") == 8
    assert hours_of(friday_night, "2026-11-07 05:00", "2026-11-07 07:00") == 1
    assert hours_of(friday_night, "2026-11-05 20:00", "2026-11-06 12:00") == 0


def test_the_night_of_sunday_goes_on_on_monday() -> None:
    assert hours_of(made(week=[[]] * 6 + [["22:00-06:00"]]), "2026-11-08 00:00", "2026-11-10 00:00") == 8


def test_a_holiday_closes_its_date_and_no_other() -> None:
    assert hours_of(made(dates={"2026-12-25": []}), "2026-12-24 16:00", "2026-12-28 10:00") == 2
    nights = made(week=[["22:00-06:00"]] * 7, dates={"2026-12-25": []})
    assert hours_of(nights, "2026-12-24 12:00", "2026-12-25 12:00") == 2
    assert hours_of(nights, "2026-12-25 12:00", "2026-12-26 12:00") == 6


def test_it_does_not_matter_in_which_pieces_a_day_is_written() -> None:
    dates: dict[str, list[str]] = {"2026-12-25": []}
    whole, nights = (
        made(week=ALWAYS, dates=dates),
        made(week=[["06:00-22:00", "22:00-06:00"]] * 7, dates=dates),
    )
    assert (whole.week, whole.dates) == (nights.week, nights.dates)


def test_special_hours_stand_instead_of_the_day_and_may_reach_past_midnight() -> None:
    of = made(dates={"2026-12-31": ["10:00-12:00", "20:00-02:00"]})
    assert hours_of(of, "2026-12-31 00:00", "2027-01-01 00:00") == 6
    assert hours_of(of, "2027-01-01 00:00", "2027-01-02 00:00") == 2 + 8
    closed_after = made(dates={"2026-12-31": ["20:00-02:00"], "2027-01-01": []})
    assert hours_of(closed_after, "2026-12-31 00:00", "2027-01-02 00:00") == 4


def test_the_hour_that_spring_leaves_out_is_not_there() -> None:
    early = made(week=[["00:00-06:00"]] * 7)
    assert hours_of(early, "2026-03-29 00:00", "2026-03-30 00:00") == 5
    assert hours_of(made(week=[["02:00-03:00"]] * 7), "2026-03-29 00:00", "2026-03-30 00:00") == 0
    lord_howe = made("Australia/Lord_Howe", [["00:00-06:00"]] * 7)
    assert hours_of(lord_howe, "2026-10-04 00:00", "2026-10-05 00:00", "Australia/Lord_Howe") == 5.5


def test_the_hour_that_autumn_has_twice_counts_twice() -> None:
    early = made(week=[["00:00-06:00"]] * 7)
    assert hours_of(early, "2026-10-25 00:00", "2026-10-26 00:00") == 7
    twice = made(week=[["02:00-03:00"]] * 7)
    assert hours_of(twice, "2026-10-25 00:00", "2026-10-26 00:00") == 2
    first, second = (local_ms("2026-10-25 02:30", second_time=later) for later in (False, True))
    assert twice.open_ms(first, second) == HOUR


def test_it_answers_for_its_years_and_for_no_others() -> None:
    of = made(years=(2026, 2026))
    first, last = local_ms("2026-01-01 00:00"), local_ms("2027-01-01 00:00")
    assert of.open_ms(first, last) is not None
    for start_ms, end_ms in ((first - 1, first + 1), (last - 1, last + 1), (last + 1, first), (0, DAY_MS)):
        assert of.open_ms(start_ms, end_ms) is None


BERLIN, NEW_YORK, NIGHTS = made(), made("America/New_York"), made(week=[["22:00-06:00"]] * 7)
BOOK = Calendars(
    {"berlin": BERLIN, "new-york": NEW_YORK, "nights": NIGHTS},
    teams={(None, "night-desk"): "nights", ("acme", "sales"): "new-york"},
    tenants={"acme": "berlin"},
)


@pytest.mark.parametrize(
    ("own", "tenant", "team", "expected"),
    [
        ("new-york", "acme", "night-desk", NEW_YORK),
        ("none-such", "acme", "night-desk", None),
        (None, "acme", "night-desk", NIGHTS),
        (None, "other", "night-desk", NIGHTS),
        (None, "acme", "sales", NEW_YORK),
        (None, "other", "sales", None),
        (None, "acme", "billing", BERLIN),
        (None, "acme", None, BERLIN),
        (None, "other", None, None),
    ],
)
def test_the_tickets_own_calendar_then_the_teams_then_the_tenants(
    own: str | None, tenant: str, team: str | None, expected: Calendar | None
) -> None:
    assert BOOK.applying(own, tenant, team) is expected


def test_the_default_stands_where_nothing_else_does() -> None:
    book = Calendars({"berlin": BERLIN, "nights": NIGHTS}, tenants={"acme": "berlin"}, default="nights")
    assert book.applying(None, "other", "x") is NIGHTS
    assert book.applying(None, "acme", "x") is BERLIN


def test_the_fingerprint_changes_with_whatever_can_change_a_figure() -> None:
    books = [
        Calendars(),
        BOOK,
        Calendars(BOOK.by_id, BOOK.teams, BOOK.tenants, "berlin"),
        Calendars(BOOK.by_id, BOOK.teams, {"acme": "nights"}),
        Calendars(BOOK.by_id, {(None, "night-desk"): "nights"}, BOOK.tenants),
        Calendars(BOOK.by_id, {(None, "sales"): "new-york", (None, "night-desk"): "nights"}, BOOK.tenants),
        *(
            Calendars({**BOOK.by_id, "berlin": other}, BOOK.teams, BOOK.tenants)
            for other in (
                made("Europe/Paris", dates={"2026-12-24": []}),
                made(dates={"2026-12-24": ["09:00-12:00"]}),
                made(week=[*OFFICE_WEEK[:6], ["10:00-11:00"]]),
                made("Europe/London"),
                made(years=(2020, 2030)),
            )
        ),
    ]
    assert len({book.fingerprint() for book in books}) == len(books)
    asked = made()
    asked.open_ms(local_ms("2026-11-06 16:00"), local_ms("2027-11-09 10:00"))
    again = Calendars(dict(reversed({**BOOK.by_id, "berlin": asked}.items())), BOOK.teams, BOOK.tenants)
    assert again.fingerprint() == BOOK.fingerprint()


def test_a_span_of_days_costs_microseconds() -> None:
    of = made()
    start_ms = local_ms("2026-03-25 15:00")
    of.open_ms(start_ms, start_ms + 5 * DAY_MS)
    begun = time.process_time()
    for number in range(20_000):
        of.open_ms(start_ms + number, start_ms + 5 * DAY_MS + number)
    assert (time.process_time() - begun) / 20_000 < 50e-6
