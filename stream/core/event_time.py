"""RFC 3339 times as integer milliseconds since 1970, truncated; None for what the contract refuses."""

import re
from datetime import date
from typing import Final

_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_YEAR_2000_MS: Final = 946_684_800_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MAX_MINUTES: Final = 100_000

# Nearly all times of a log share few minutes: "2026-11-05T12:34:" is looked up, "56." and "789Z" are too.
_minutes: dict[str, int] = {}
_SECOND: Final = {f"{second:02}.": second * 1000 for second in range(60)}
_MILLI_Z: Final = {f"{milli:03}Z": milli for milli in range(1000)}
_SECOND_Z: Final = {f"{second:02}Z": second * 1000 for second in range(60)}


def parse_time_ms(text: str) -> int | None:
    """Milliseconds of an RFC 3339 time with an offset.

    None: unreadable, no offset, ``-00:00``, a leap second's ``:60``, no such day, or before the year 2000 (UTC).
    """
    try:
        if len(text) == 24:
            return _minutes[text[:17]] + _SECOND[text[17:20]] + _MILLI_Z[text[20:]]
        if len(text) == 20:
            return _minutes[text[:17]] + _SECOND_Z[text[17:]]
    except KeyError:
        pass
    return _read(text)


def _read(text: str) -> int | None:
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    if hour > "23" or minute > "59" or second > "59":
        return None
    offset_minutes = 0
    if sign is not None:
        if offset_hour > "23" or offset_minute > "59":
            return None
        offset_minutes = int(offset_hour) * 60 + int(offset_minute)
        if sign == "-":
            if offset_minutes == 0:
                return None
            offset_minutes = -offset_minutes
    minute_ms = ((days * 24 + int(hour)) * 60 + int(minute) - offset_minutes) * 60_000
    if minute_ms < _YEAR_2000_MS:
        return None
    if text[-1] == "Z" and text[10] == "T":
        if len(_minutes) >= _MAX_MINUTES:
            _minutes.clear()
        _minutes[text[:17]] = minute_ms
    return minute_ms + int(second) * 1000 + int(f"{fraction or '':0<3.3}")
