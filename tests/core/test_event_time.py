"""Event time: RFC 3339 with an offset, truncated to milliseconds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.event_time import parse_time_ms

MS = 1_793_882_096_789  # 2026-11-05T12:34:56.789Z
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2026-11-05T12:34:56.789Z", MS),
        ("2026-11-05t12:34:56.789z", MS),
        ("2026-11-05T12:34:56.789+00:00", MS),
        ("2026-11-05T13:34:56.789+01:00", MS),
        ("2026-11-05T07:04:56.789-05:30", MS),
        ("2026-11-05T12:34:56.7899999Z", MS),  # truncated, not rounded
        ("2026-11-05T12:34:56.78900000000000000000001Z", MS),
        ("2026-11-05T12:34:56.7Z", MS - 89),
        ("2026-11-05T12:34:56Z", MS - 789),
        ("2026-11-05T12:34:56+00:00", MS - 789),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("2000-01-01T00:00:00Z", 946_684_800_000),
        ("1999-12-31T23:30:00-01:00", 946_686_600_000),
        ("9999-12-31T23:59:59-01:00", 253_402_304_399_000),
    ],
)
def test_readable(text: str, time_ms: int) -> None:
    assert parse_time_ms(text) == time_ms
    assert parse_time_ms(text) == time_ms  # also when its minute is known


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-05",
        "2026-11-05T12:34:56",
        "2026-11-05T12:34:56.789",
        "2026-11-05T12:34Z",
        "2026-11-05 12:34:56Z",
        "2026-11-05T12:34:56.Z",
        "2026-11-05T12:34:56,789Z",
        "2026-11-05T12:34:56-00:00",
        "2026-11-05T12:34:56+24:00",
        "2026-11-05T12:34:56+01:60",
        "2026-11-05T12:34:56+0100",
        "2026-11-05T12:34:56+01",
        "2026-12-31T23:59:60Z",
        "2026-12-31T23:59:60.000Z",
        "2026-11-05T24:00:00Z",
        "2026-11-05T12:60:00Z",
        "2026-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999Z",
        "2000-01-01T00:30:00+01:00",
        "+2026-11-05T12:34:56Z",
        "12026-11-05T12:34:56Z",
        " 2026-11-05T12:34:56Z",
        "2026-11-05T12:34:56Z\n",
        "２０２６-11-05T12:34:56Z",
        "2026-11-05T12:34:56.٧Z",
        "2026-11-05T12:34:56.78AZ",
        "2026-W45-4T12:34:56Z",
    ],
)
def test_refused(text: str) -> None:
    parse_time_ms("2026-11-05T12:34:56.789Z")  # its minute being known makes no difference
    assert parse_time_ms(text) is None


@given(
    st.datetimes(min_value=datetime(2000, 1, 3), max_value=datetime(2100, 1, 1)),
    st.integers(-1439, 1439),
    st.sampled_from(["", "milliseconds", "microseconds"]),
)
def test_agrees_with_the_standard_library(moment: datetime, offset_minutes: int, digits: str) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    if not digits:
        moment = moment.replace(microsecond=0)
    text = moment.isoformat(timespec=digits or "seconds")
    expected = (moment - EPOCH) // timedelta(milliseconds=1)
    if digits != "microseconds":
        expected = (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)
    assert parse_time_ms(text) == expected
    if offset_minutes == 0:
        assert parse_time_ms(text.replace("+00:00", "Z")) == expected


@given(
    st.text(max_size=40)
    | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True)
)
def test_never_raises_and_never_reads_what_the_standard_library_does_not(text: str) -> None:
    time_ms = parse_time_ms(text)
    assert parse_time_ms(text) == time_ms
    if time_ms is not None:
        try:
            moment = datetime.fromisoformat(text.upper())
            expected = (moment - EPOCH) // timedelta(milliseconds=1)
        except OverflowError:  # past the year 9999 in UTC
            return
        assert moment.tzinfo is not None
        assert time_ms == expected
