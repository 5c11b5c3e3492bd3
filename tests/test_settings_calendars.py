"""The file of STREAM_CALENDARS: what is written is what counts, and what is wrong is refused by file, calendar and field."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stream.core.calendar import DAY_MS, Calendar
from stream.core.state_shape import shape
from stream.metrics import selected
from stream.settings import SETTINGS, SettingsError, calendars_shown, load, load_with_origins, zones
from stream.settings.calendars import EPOCH, FIRST_YEAR, LAST_YEAR, read
from tests.deploy.tools import DEPLOY
from tests.support.calendars import OFFICE_WEEK, local_ms, made

HOUR = 3_600_000
EXAMPLE = DEPLOY / "calendars.toml"

OFFICE = """
[calendars.office]
zone = "Europe/Berlin"
[calendars.office.hours]
monday = ["09:00-17:00"]
tuesday = ["09:00-17:00"]
wednesday = ["09:00-17:00"]
thursday = ["09:00-17:00"]
friday = ["09:00-17:00"]
"""


def file_of(folder: Path, text: str) -> Path:
    path = folder / "hours.toml"
    path.write_text(text, encoding="utf-8")
    return path


def only(folder: Path, text: str) -> Calendar:
    (calendar,) = read(file_of(folder, text)).calendars.by_id.values()
    return calendar


def closed(calendar: Calendar) -> set[str]:
    return {
        str(date.fromordinal(EPOCH.toordinal() + day)) for day, hours in calendar.dates.items() if not hours
    }


def test_the_weekly_hours_of_a_file(tmp_path: Path) -> None:
    assert only(tmp_path, OFFICE) == made(week=OFFICE_WEEK)


def test_dates_may_be_written_as_toml_has_them_or_as_texts(tmp_path: Path) -> None:
    text = OFFICE.replace(
        "[calendars.office.hours]", 'holidays = [2026-12-24, "2026-12-31"]\n[calendars.office.hours]'
    )
    assert only(tmp_path, text) == made(dates={"2026-12-24": [], "2026-12-31": []})


def test_holidays_of_a_country_and_its_subdivision_in_the_stated_years(tmp_path: Path) -> None:
    country = 'years = [2026, 2027]\ncountry = "DE"\n'
    text = OFFICE.replace("[calendars.office.hours]", f"{country}[calendars.office.hours]")
    germany = closed(only(tmp_path, text))
    bavaria = closed(
        only(
            tmp_path, text.replace("[calendars.office.hours]", 'subdivision = "BY"\n[calendars.office.hours]')
        )
    )
    assert {"2026-10-03", "2026-12-25", "2027-01-01", "2027-03-26"} <= germany
    assert bavaria - germany >= {"2026-01-06", "2026-06-04", "2027-01-06"}
    assert {day[:4] for day in bavaria} == {"2026", "2027"}


def test_special_hours_open_a_public_holiday(tmp_path: Path) -> None:
    text = OFFICE.replace(
        "[calendars.office.hours]", 'years = [2026, 2026]\ncountry = "DE"\n[calendars.office.hours]'
    )
    text += '[calendars.office.special_hours]\n2026-12-25 = ["10:00-12:00"]\n'
    calendar = only(tmp_path, text)
    assert calendar.open_ms(local_ms("2026-12-25 00:00"), local_ms("2026-12-27 00:00")) == 2 * HOUR


def test_a_calendar_of_some_years_says_nothing_of_others(tmp_path: Path) -> None:
    calendar = only(
        tmp_path, OFFICE.replace("[calendars.office.hours]", "years = [2026, 2026]\n[calendars.office.hours]")
    )
    assert calendar.open_ms(local_ms("2026-12-31 12:00"), local_ms("2027-01-01 00:00")) == 5 * HOUR
    assert calendar.open_ms(local_ms("2026-12-31 12:00"), local_ms("2027-01-01 00:01")) is None


BROKEN = [
    ("", "hours.toml: calendars: there is none; write one as [calendars.office]"),
    ("calendars = 5", "hours.toml: calendars: Expected `object`, got `int`"),
    ("[calendar.office]", "unknown field `calendar` (did you mean calendars?)"),
    (
        OFFICE.replace("zone =", "zoen ="),
        "calendar 'office': Object contains unknown field `zoen` (did you mean zone?)",
    ),
    (
        OFFICE.replace('zone = "Europe/Berlin"\n', ""),
        "calendar 'office': Object missing required field `zone`",
    ),
    (
        OFFICE.replace("Europe/Berlin", "Europe/Berln"),
        "calendar 'office': zone: 'Europe/Berln' is no time zone (did you mean Europe/Berlin?)",
    ),
    (
        OFFICE.replace("Europe/Berlin", "../../etc/passwd"),
        "calendar 'office': zone: '../../etc/passwd' is no time zone",
    ),
    (
        OFFICE.replace("monday", "mondy"),
        "calendar 'office': hours: 'mondy' is no weekday (did you mean monday?)",
    ),
    (
        OFFICE.replace('["09:00-17:00"]', '"09:00-17:00"', 1),
        "calendar 'office': hours.monday: Expected `array`, got `str`",
    ),
    (
        OFFICE.replace("09:00-17:00", "9-17", 1),
        "calendar 'office': hours.monday: '9-17' is no span; write 09:00-17:00",
    ),
    (OFFICE.replace("09:00-17:00", "09:00-24:30", 1), "'09:00-24:30' is no span"),
    (OFFICE.replace("09:00-17:00", "09:00-09:00", 1), "'09:00-09:00' is no span"),
    (
        OFFICE.replace('["09:00-17:00"]', '["09:00-13:00", "12:00-17:00"]', 1),
        "hours.monday: two spans overlap; make one of them",
    ),
    ('[calendars.office]\nzone = "Europe/Berlin"\nhours = {}', "calendar 'office': hours: it is never open"),
    (OFFICE.replace("zone", 'country = "DE"\nzone'), "calendar 'office': years: say for which years"),
    (
        OFFICE.replace("zone", 'country = "XX"\nyears = [2026, 2027]\nzone'),
        "country: 'XX' is not known; write its two letters",
    ),
    (
        OFFICE.replace("zone", 'country = "DE"\nsubdivision = "XX"\nyears = [2026, 2027]\nzone'),
        "subdivision: DE has no 'XX'; there are BB, BE",
    ),
    (OFFICE.replace("zone", 'subdivision = "BY"\nzone'), "subdivision: name its country as well"),
    (
        OFFICE.replace("zone", "years = [2027, 2026]\nzone"),
        "years: write the first and the last one, 2000 to 2099",
    ),
    (OFFICE.replace("zone", "years = [1970, 2026]\nzone"), "years: write the first and the last one"),
    (OFFICE.replace("zone", 'holidays = ["2026-02-30"]\nzone'), "holidays[0]: Invalid RFC3339 encoded date"),
    (
        OFFICE.replace("zone", "years = [2026, 2026]\nholidays = [2027-01-01]\nzone"),
        "holidays: 2027-01-01 is outside of the calendar's years, 2026 to 2026",
    ),
    (
        OFFICE + '[calendars.office.special_hours]\n"31.12.2026" = []',
        "special_hours.31.12.2026: write a date as 2026-12-31",
    ),
    (
        OFFICE + "[calendars.office.special_hours]\n2026-02-30 = []",
        "special_hours.2026-02-30: Invalid RFC3339 encoded date",
    ),
    (
        OFFICE + "[calendars.office.special_hours]\n1999-01-01 = []",
        "special_hours.1999-01-01: 1999-01-01 is outside of the calendar's years",
    ),
    (
        OFFICE + "[calendars.office.special_hours]\n2026-12-31 = ['9']",
        "special_hours.2026-12-31: '9' is no span",
    ),
    (
        OFFICE.replace("zone", "holidays = [2026-12-31]\nzone")
        + "[calendars.office.special_hours]\n2026-12-31 = []",
        "it is in holidays as well; leave one of them out",
    ),
    (
        "default = 'ofice'\n" + OFFICE,
        "default: there is no calendar 'ofice' (did you mean office?); there are office",
    ),
    (OFFICE + "[teams]\nbilling = 'x'", "teams.billing: there is no calendar 'x'; there are office"),
    (OFFICE + "[teams]\nbilling = 5", "teams.billing: Expected `str`, got `int`"),
    (OFFICE + "[tenants]\nacme = 'office'", "tenants.acme: Expected `object`, got `str`"),
    (OFFICE + "[tenants.acme]\ncalendar = 'x'", "tenants.acme.calendar: there is no calendar 'x'"),
    (OFFICE + "[tenants.acme.teams]\nbilling = 'x'", "tenants.acme.teams.billing: there is no calendar 'x'"),
    ("monday = [", "hours.toml is no TOML"),
    (
        OFFICE.replace("zone", 'country = "ES"\nyears = [2000, 2035]\nzone'),
        "years: the holidays of ES are known from 2008 to 2100 only",
    ),
]


@pytest.mark.parametrize(("text", "says"), BROKEN)
def test_a_bad_file_is_refused_by_file_calendar_and_field(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"STREAM_CALENDARS": str(file_of(tmp_path, text))})
    message = str(caught.value)
    assert message.startswith("STREAM_CALENDARS is ")
    assert "hours.toml" in message
    assert says in message
    assert "\n" not in message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"STREAM_CALENDARS is .* cannot be read: No such file"):
        load({"STREAM_CALENDARS": str(tmp_path / "none.toml")})
    with pytest.raises(SettingsError, match=r"STREAM_CALENDARS is .* cannot be read: Is a directory"):
        load({"STREAM_CALENDARS": str(tmp_path)})


def test_business_hours_without_a_file_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"reply_time_business needs business hours.*STREAM_CALENDARS"):
        load({"STREAM_METRICS": "csat,reply_time_business"})
    assert load({"STREAM_METRICS": "csat,reply_time_business", "STREAM_CALENDARS": str(EXAMPLE)})


def test_a_file_that_nothing_reads_is_noted() -> None:
    loaded = load_with_origins({"STREAM_CALENDARS": str(EXAMPLE)})
    assert any("STREAM_CALENDARS has no effect" in note for note in loaded.notes)
    used = {"STREAM_CALENDARS": str(EXAMPLE), "STREAM_METRICS": "csat,reply_time_business"}
    assert load_with_origins(used).notes == ()


def test_the_setting_is_shown_as_its_path() -> None:
    settings = load({"STREAM_CALENDARS": str(EXAMPLE)})
    shown = SETTINGS["calendars"].form.show(settings.calendars)
    assert shown == str(EXAMPLE)
    assert load({"STREAM_CALENDARS": shown}) == settings


def shape_of(path: Path, metrics: str = "csat,reply_time_business") -> dict[str, str]:
    core = load({"STREAM_CALENDARS": str(path), "STREAM_METRICS": metrics}).core()
    return shape(core, selected(core))


def test_another_content_is_another_shape_where_business_hours_count(tmp_path: Path) -> None:
    first, metrics = shape_of(file_of(tmp_path, OFFICE)), "csat,reply_time"
    assert shape_of(file_of(tmp_path, "# the same, said otherwise\n" + OFFICE)) == first
    later = file_of(tmp_path, OFFICE.replace("09:00-17:00", "09:00-18:00", 1))
    assert shape_of(later).keys() == first.keys()
    assert {name for name, value in shape_of(later).items() if value != first[name]} == {"STREAM_CALENDARS"}
    assert shape_of(later, metrics) == shape_of(file_of(tmp_path, OFFICE), metrics)
    assert "STREAM_CALENDARS" not in shape_of(later, metrics)


def test_the_example_is_what_its_comments_say() -> None:
    calendars = read(EXAMPLE).calendars
    by_id = calendars.by_id
    assert list(by_id) == ["office", "office-us", "nights"]
    assert calendars.applying(None, "acme", "billing") is by_id["office-us"]
    assert calendars.applying(None, "other", "billing") is by_id["office"]
    assert calendars.applying(None, "other", "night-desk") is by_id["nights"]
    assert calendars.applying("nights", "acme", "billing") is by_id["nights"]
    office = by_id["office"]
    assert office.open_ms(local_ms("2026-11-05 12:00"), local_ms("2026-11-05 14:00")) == HOUR
    assert (
        office.open_ms(local_ms("2026-12-24 00:00"), local_ms("2027-01-01 00:00")) == 3 * 8 * HOUR + 3 * HOUR
    )
    assert office.open_ms(local_ms("2026-01-06 00:00"), local_ms("2026-01-07 00:00")) == 0
    nights = by_id["nights"]
    assert (
        nights.open_ms(local_ms("2026-11-06 12:00"), local_ms("2026-11-09 12:00")) == (2 + 6 + 2 + 24) * HOUR
    )


def test_people_are_shown_hours_dates_and_whose_they_are() -> None:
    assert list(calendars_shown.lines(read(EXAMPLE).calendars)) == [
        "office: Europe/Berlin, 2024 to 2035; monday-thursday 09:00-12:30 13:30-18:00, friday 09:00-15:00; "
        "dates that are closed: 145, with hours of their own: 1",
        "    applies to tenant acme, all others",
        "office-us: America/New_York, 2024 to 2035; monday-friday 08:00-20:00; dates that are closed: 148, with hours of their own: 0",
        "    applies to team billing of tenant acme",
        "nights: Europe/Berlin, 2000 to 2099; friday 22:00-24:00, saturday 00:00-06:00 22:00-24:00, sunday 00:00-24:00; "
        "dates that are closed: 0, with hours of their own: 0",
        "    applies to team night-desk",
    ]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Gaza"]
)
def test_a_zones_offsets_are_those_of_its_clock_at_every_hour(zone: str) -> None:
    offsets, until_ms = zones.offsets(zone, 2008, 2030)
    clock: ZoneInfo = zones.clock(zone)
    position = 0
    for at_ms in range(offsets[0][0], until_ms, HOUR):
        while position + 1 < len(offsets) and offsets[position + 1][0] <= at_ms:
            position += 1
        offset = datetime.fromtimestamp(at_ms // 1000, clock).utcoffset()
        assert offset is not None
        assert offset.total_seconds() * 1000 == offsets[position][1]


def test_a_calendar_without_years_reaches_over_this_century() -> None:
    calendar = made("UTC")
    assert calendar.offsets[0][0] == datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert calendar.until_ms - DAY_MS == datetime(LAST_YEAR, 12, 31, tzinfo=UTC).timestamp() * 1000
