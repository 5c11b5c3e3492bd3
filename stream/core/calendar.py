"""Business hours: how many milliseconds between two instants a desk is open, exact on every change of the clock.

A calendar is said in the local time of one zone: what each weekday has, and what single dates have instead. An instant is open when
the zone's clock shows an open time then. So an hour that the clock leaves out in spring is not there to be counted, and one that it
shows twice in autumn counts twice. The zone comes as data (when its offset to UTC changes), so that nothing here depends on what
time-zone files a machine has.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import msgspec

DAY_MS = 86_400_000

BLOCK_MS = 28 * DAY_MS
"""Open times are worked out for so long a stretch at once, when the first question about it comes, and kept."""

EPOCH_WEEKDAY = 3
"""1970-01-01, day 0, was a Thursday; weekdays count from Monday."""

Hours = tuple[tuple[int, int], ...]
"""Open times of a local day as (begin, end) in milliseconds of the clock, ascending, without overlaps."""


class _Block(NamedTuple):
    """Open times of one stretch, in epoch milliseconds."""

    begins: list[int]
    ends: list[int]
    before: list[int]
    """Open milliseconds of the stretch before each begin."""
    total: int

    def until(self, instant_ms: int) -> int:
        """Open milliseconds from the stretch's beginning to an instant in it."""
        index = bisect_right(self.begins, instant_ms) - 1
        if index < 0:
            return 0
        return self.before[index] + min(instant_ms, self.ends[index]) - self.begins[index]


@dataclass(frozen=True, slots=True)
class Calendar:
    """One calendar; :func:`calendar` makes it. It answers for instants from its first offset's to ``until_ms`` and for no others."""

    zone: str
    offsets: tuple[tuple[int, int], ...]
    """``(from, offset)``: from this epoch millisecond on the zone's clock is so many milliseconds ahead of UTC. Ascending."""
    until_ms: int
    week: tuple[Hours, ...]
    """What each weekday has, Monday first, within 0 h to 24 h."""
    dates: Mapping[int, Hours]
    """What single dates have instead, by days since 1970-01-01; nothing is a holiday."""
    _blocks: dict[int, _Block] = field(default_factory=dict, compare=False, repr=False)

    def open_ms(self, start_ms: int, end_ms: int) -> int | None:
        """Open milliseconds from one epoch millisecond to another, negative if they are the other way round.

        None where the calendar does not reach.
        """
        if start_ms > end_ms:
            backwards = self.open_ms(end_ms, start_ms)
            return None if backwards is None else -backwards
        if start_ms < self.offsets[0][0] or end_ms > self.until_ms:
            return None
        first, last = start_ms // BLOCK_MS, end_ms // BLOCK_MS
        block = self._block(first)
        if first == last:
            return block.until(end_ms) - block.until(start_ms)
        between = sum(self._block(number).total for number in range(first + 1, last))
        return block.total - block.until(start_ms) + between + self._block(last).until(end_ms)

    def _block(self, number: int) -> _Block:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = _block(self, number * BLOCK_MS)
        return block


class Calendars(msgspec.Struct, frozen=True):
    """All calendars by their ids, and where each applies."""

    by_id: Mapping[str, Calendar] = {}
    teams: Mapping[tuple[str | None, str], str] = {}
    """``(tenant, team)`` -> id; tenant None: a team of that name in any tenant."""
    tenants: Mapping[str, str] = {}
    default: str | None = None

    def applying(self, own: str | None, tenant: str | None, team: str | None) -> Calendar | None:
        """The calendar that a ticket names (``own``), else its team's, else its tenant's, else the default one.

        None where there is none, or the ticket names one that is not known.
        """
        if own is not None:
            return self.by_id.get(own)
        found: str | None = None
        if team is not None and self.teams:
            found = self.teams.get((tenant, team)) or self.teams.get((None, team))
        if found is None:
            found = self.tenants.get(tenant or "") or self.default
        return None if found is None else self.by_id[found]

    def fingerprint(self) -> str:
        """A short text that is another one whenever a figure in business hours could be another one."""
        content = (
            [
                (name, one.offsets, one.until_ms, one.week, sorted(one.dates.items()))
                for name, one in sorted(self.by_id.items())
            ],
            sorted((tenant or "", team, name) for (tenant, team), name in self.teams.items()),
            sorted(self.tenants.items()),
            self.default,
        )
        return sha256(repr(content).encode()).hexdigest()[:16]


def calendar(
    zone: str,
    offsets: Sequence[tuple[int, int]],
    until_ms: int,
    week: Sequence[Sequence[tuple[int, int]]],
    dates: Mapping[int, Sequence[tuple[int, int]]],
) -> Calendar:
    """A calendar from spans as people write them: an end may lie past midnight, up to 48 h after its day began.

    What reaches past midnight is the next day's. A date of ``dates`` is replaced as a whole, from 0 h to 24 h, and no other date is:
    the night from the day before a holiday ends at midnight, the one into the day after it begins there.
    """
    whole_week = tuple(
        _merged([*_within(week[day], 0), *_within(week[day - 1], 1)]) for day in range(len(week))
    )
    whole_dates = {day: _merged(_within(spans, 0)) for day, spans in dates.items()}
    for day, spans in dates.items():
        past = _within(spans, 1)
        following = day + 1
        if past and following not in dates:
            whole_dates[following] = _merged([*past, *whole_week[_weekday(following)]])
    return Calendar(zone, tuple(offsets), until_ms, whole_week, whole_dates)


def _weekday(day: int) -> int:
    return (day + EPOCH_WEEKDAY) % 7


def _within(spans: Sequence[tuple[int, int]], days_later: int) -> list[tuple[int, int]]:
    """The part of a day's spans that lies so many days later, in that day's time."""
    begin_ms = days_later * DAY_MS
    cut = ((max(begin - begin_ms, 0), min(end - begin_ms, DAY_MS)) for begin, end in spans)
    return [(begin, end) for begin, end in cut if begin < end]


def _merged(spans: Sequence[tuple[int, int]]) -> Hours:
    """In order, with no overlaps and nothing in two pieces."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return tuple(merged)


def _block(of: Calendar, start_ms: int) -> _Block:
    begins: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    total = 0
    for begin, end in _open_times(of, start_ms, start_ms + BLOCK_MS):
        if ends and begin == ends[-1]:
            ends[-1] = end
        else:
            begins.append(begin)
            ends.append(end)
            before.append(total)
        total += end - begin
    return _Block(begins, ends, before, total)


def _open_times(of: Calendar, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """Open times between two instants in order, in epoch milliseconds: for each offset, its stretch of the local clock."""
    offsets = of.offsets
    for index in range(max(bisect_right(offsets, start_ms, key=lambda one: one[0]) - 1, 0), len(offsets)):
        from_ms, offset_ms = offsets[index]
        next_ms = offsets[index + 1][0] if index + 1 < len(offsets) else of.until_ms
        low = max(start_ms, from_ms) + offset_ms
        high = min(end_ms, next_ms) + offset_ms
        for day in range(low // DAY_MS, -(-high // DAY_MS)):
            midnight = day * DAY_MS
            hours = of.dates.get(day)
            for begin, end in of.week[_weekday(day)] if hours is None else hours:
                clipped = max(midnight + begin, low), min(midnight + end, high)
                if clipped[0] < clipped[1]:
                    yield clipped[0] - offset_ms, clipped[1] - offset_ms
        if next_ms >= end_ms:
            break
