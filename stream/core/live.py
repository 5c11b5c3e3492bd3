"""Live counts: how many are so now, by the minute in which they began to be.

One row per (segment, hour) while corrections may still come, then one per (segment, day) with a single pane. A row's counts are
``{slot * 64 + minute within the hour: count}``; in a day's row that minute is 0. Rows stay until they are empty.

STOCKS are kept beside them: +1 where something began to be there, -1 where it ceased to, so that the sum of all that is before an
instant is how many there were at it. What no window begins before any more is folded into one row, the base.
"""

from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping
from itertools import accumulate

import msgspec

from stream.core.pane import LIVE_KIND, live_key, parse_key
from stream.core.tally import DamagedRowError, drop_zeros

HOUR, DAY = 60, 1440
BASE = 0
"""Start of a stock's base, in a row as wide as a day."""
_MINUTE_BITS = 6

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode

Counts = dict[int, int]


def encode_counts(counts: Mapping[int, int]) -> bytes:
    """``[slot, k, (minute, count) * k, ...]``."""
    flat: list[int] = []
    slot: int | None = None
    at = 0
    for packed, count in sorted(counts.items()):
        if packed >> _MINUTE_BITS != slot:
            slot = packed >> _MINUTE_BITS
            at = len(flat) + 1
            flat += (slot, 0)
        flat[at] += 1
        flat += (packed & 63, count)
    return _encode(flat)


def decode_counts(raw: bytes) -> Counts:
    """Read a row. Raises DamagedRowError."""
    counts: Counts = {}
    try:
        flat = _decode(raw)
        at = 0
        while at < len(flat):
            base = flat[at] << _MINUTE_BITS
            end = at + 2 + 2 * flat[at + 1]
            if end <= at:
                raise ValueError("a negative number of minutes")
            for one in range(at + 2, end, 2):
                counts[base + flat[one]] = flat[one + 1]
            at = end
    except (ValueError, IndexError) as exc:
        raise DamagedRowError(f"a row of live counts is not readable: {exc}") from exc
    return counts


def minutes_of(rows: Mapping[bytes, bytes], slots: Container[int]) -> Iterator[tuple[bytes, int, int, int]]:
    """Everything that rows say of some slots: (segment, minute, slot, count). Raises DamagedRowError."""
    for key, raw in rows.items():
        if key[:1] == LIVE_KIND:
            _, _, start, segment = parse_key(key)
            for packed, count in decode_counts(raw).items():
                slot = packed >> _MINUTE_BITS
                if slot in slots:
                    yield segment, start + (packed & (1 << _MINUTE_BITS) - 1), slot, count


class LiveSegment:
    """One segment's live counts: totals in memory, minutes in rows."""

    __slots__ = ("panes", "sums", "totals")

    def __init__(self) -> None:
        self.totals: dict[int, int] = {}
        self.panes: dict[int, dict[int, int]] = {}
        """Slot -> start of a row in minutes -> the row's sum; rows whose sum is 0 are absent."""
        self.sums: dict[int, tuple[list[int], list[int]]] = {}
        """Slot -> starts of its rows, ascending, and the sums up to and with each; only of stocks that were asked for."""

    def add(self, slot: int, start: int, amount: int) -> None:
        """A row's sum of a slot changed."""
        self.totals[slot] = self.totals.get(slot, 0) + amount
        panes = self.panes.setdefault(slot, {})
        panes[start] = panes.get(start, 0) + amount
        if not panes[start]:
            del panes[start]
        self.sums.pop(slot, None)

    def before(self, slot: int, start: int) -> int:
        """The sum of all rows that start before a minute."""
        found = self.sums.get(slot)
        if found is None:
            starts = sorted(self.panes.get(slot, ()))
            found = self.sums[slot] = starts, list(accumulate(self.panes[slot][one] for one in starts))
        index = bisect_left(found[0], start)
        return found[1][index - 1] if index else 0


class LiveCounts:
    """Live counts of all segments of a partition, on top of its rows. Minutes since the epoch."""

    def __init__(
        self, rows: dict[bytes, bytes], horizon: int | None, stocks: Container[int] = frozenset()
    ) -> None:
        """``horizon`` in minutes: how far behind the watermark counts are kept by the minute; None for ever. ``stocks``: slots."""
        self._rows = rows
        self._stocks = stocks
        self._horizon = horizon
        self.by_day_before = 0
        """Counts that began before this minute (the start of a day) are kept by the day."""
        self.segments: dict[bytes, LiveSegment] = {}
        self._decoded: dict[bytes, Counts] = {}
        self._dirty: dict[bytes, Counts] = {}
        self._hours: dict[int, set[tuple[int, bytes]]] = {}
        """Start of a day -> hour rows in it (start, segment)."""
        self.changed: set[bytes] = set()

    def load(self, width: int, start: int, segment: bytes, raw: bytes) -> None:
        """Take in a row that was just loaded."""
        live = self.segments.setdefault(segment, LiveSegment())
        for packed, count in decode_counts(raw).items():
            live.add(packed >> _MINUTE_BITS, start, count)
        if width == HOUR:
            self._hours.setdefault(start // DAY * DAY, set()).add((start, segment))
        self.changed.add(segment)

    def add(self, segment: bytes, minutes: Mapping[int, Mapping[int, int]]) -> None:
        """Add counts (minute in which they began -> slot -> amount)."""
        live = self.segments.get(segment)
        if live is None:
            live = self.segments[segment] = LiveSegment()
        rows: dict[int, dict[int, int]] = {}
        for minute, amounts in minutes.items():
            folded = minute < self.by_day_before
            within = 0 if folded else minute % HOUR
            for slot, amount in amounts.items():
                if not folded:
                    start = minute - within
                elif slot in self._stocks:
                    start = BASE
                else:
                    start = minute - minute % DAY
                row = rows.get(start)
                if row is None:
                    row = rows[start] = {}
                packed = (slot << _MINUTE_BITS) + within
                row[packed] = row.get(packed, 0) + amount
        for start, row in rows.items():
            if start < self.by_day_before:
                width = DAY
            else:
                width = HOUR
                self._hours.setdefault(start - start % DAY, set()).add((start, segment))
            counts = self._counts(live_key(width, start, segment))
            sums: dict[int, int] = {}
            for packed, amount in row.items():
                counts[packed] = counts.get(packed, 0) + amount
                slot = packed >> _MINUTE_BITS
                sums[slot] = sums.get(slot, 0) + amount
            for slot, amount in sums.items():
                live.add(slot, start, amount)
        self.changed.add(segment)

    def _counts(self, key: bytes) -> Counts:
        counts = self._dirty.get(key)
        if counts is None:
            counts = self._decoded.pop(key, None)
            if counts is None:
                raw = self._rows.get(key)
                counts = {} if raw is None else decode_counts(raw)
            self._dirty[key] = counts
        return counts

    def fold(self, watermark: int) -> None:
        """Merge hours into days where no correction of a window can come any more."""
        if self._horizon is None:
            return
        before = (watermark - self._horizon) // DAY * DAY
        if before <= self.by_day_before:
            return
        self.by_day_before = before
        for day in [day for day in self._hours if day < before]:
            for start, segment in sorted(self._hours.pop(day)):
                counts = self._counts(live_key(HOUR, start, segment))
                sums: dict[int, int] = {}
                for packed, count in counts.items():
                    slot = packed >> _MINUTE_BITS
                    sums[slot] = sums.get(slot, 0) + count
                counts.clear()
                for slot, total in sums.items():
                    self.segments[segment].add(slot, start, -total)
                if sums:
                    self.add(segment, {day: sums})

    def flush(self, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Append the rows that changed since the last flush."""
        for key, counts in self._dirty.items():
            drop_zeros(counts)
            if counts:
                raw = encode_counts(counts)
                self._rows[key] = raw
                rows.append((key, raw))
            else:
                _, width, start, segment = parse_key(key)
                if width == HOUR:
                    self._hours.get(start // DAY * DAY, set()).discard((start, segment))
                live = self.segments.get(segment)
                if live is not None and not any(live.panes.values()):
                    del self.segments[segment]
                if self._rows.pop(key, None) is not None:
                    rows.append((key, None))
        self._decoded = {key: counts for key, counts in self._dirty.items() if counts}
        self._dirty = {}

    def dirty(self) -> bool:
        """Whether a flush would write rows."""
        return bool(self._dirty)

    def before(self, segment: bytes, slot: int, minute: int) -> int:
        """A stock at the beginning of a minute; right for every minute that a window may still begin in."""
        start = minute - minute % HOUR
        live = self.segments.get(segment)
        total = 0 if live is None else live.before(slot, start)
        if minute > start:
            base = slot << _MINUTE_BITS
            counts = self._read(live_key(HOUR, start, segment))
            total += sum(count for packed, count in counts.items() if base <= packed < base + minute - start)
        return total

    def _read(self, key: bytes) -> Counts:
        counts = self._dirty.get(key)
        if counts is None:
            counts = self._decoded.get(key)
            if counts is None:
                raw = self._rows.get(key)
                counts = {} if raw is None else decode_counts(raw)
        return counts

    def count(self, segment: bytes, slot: int) -> tuple[int, int]:
        """How many, and the minute in which the oldest of them began (-1 for none)."""
        live = self.segments.get(segment)
        if live is None or not live.totals.get(slot):
            return 0, -1
        start = min((start for start, total in live.panes[slot].items() if total > 0), default=-1)
        if start < 0:
            return live.totals[slot], -1
        if start < self.by_day_before:
            return live.totals[slot], start
        counts = self._read(live_key(HOUR, start, segment))
        base = slot << _MINUTE_BITS
        minutes = [packed - base for packed, n in counts.items() if packed >> _MINUTE_BITS == slot and n > 0]
        return live.totals[slot], start + min(minutes, default=0)
