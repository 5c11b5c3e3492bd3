"""Live counts: how many are so now, by the minute in which they began to be.

One row per (segment, hour) while corrections may still come, then one per (segment, day) with a single pane. A row's counts are
``{slot * 64 + minute within the hour: count}``; in a day's row that minute is 0. Rows stay until they are empty.
"""

from collections.abc import Mapping

import msgspec

from stream.core.pane import live_key, parse_key
from stream.core.tally import DamagedRowError, drop_zeros

HOUR, DAY = 60, 1440
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


class LiveSegment:
    """One segment's live counts: totals in memory, minutes in rows."""

    __slots__ = ("panes", "totals")

    def __init__(self) -> None:
        self.totals: dict[int, int] = {}
        self.panes: dict[int, dict[int, int]] = {}
        """Slot -> start of a row in minutes -> the row's sum; rows whose sum is 0 are absent."""

    def add(self, slot: int, start: int, amount: int) -> None:
        """A row's sum of a slot changed."""
        self.totals[slot] = self.totals.get(slot, 0) + amount
        panes = self.panes.setdefault(slot, {})
        panes[start] = panes.get(start, 0) + amount
        if not panes[start]:
            del panes[start]


class LiveCounts:
    """Live counts of all segments of a partition, on top of its rows. Minutes since the epoch."""

    def __init__(self, rows: dict[bytes, bytes], horizon: int | None) -> None:
        """``horizon`` in minutes: how far behind the watermark counts are kept by the minute; None for ever."""
        self._rows = rows
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
            if minute < self.by_day_before:
                start = minute - minute % DAY
                within = 0
            else:
                start = minute - minute % HOUR
                within = minute - start
            row = rows.get(start)
            if row is None:
                row = rows[start] = {}
            for slot, amount in amounts.items():
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
        key = live_key(HOUR, start, segment)
        counts = self._dirty.get(key) or self._decoded.get(key)
        if counts is None:
            raw = self._rows.get(key)
            counts = {} if raw is None else decode_counts(raw)
        base = slot << _MINUTE_BITS
        minutes = [packed - base for packed, n in counts.items() if packed >> _MINUTE_BITS == slot and n > 0]
        return live.totals[slot], start + min(minutes, default=0)
