"""The tally rows of a windows partition: found by level, start and segment; bytes until touched; gone when expired."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from stream.core.loops import add, heads, pour
from stream.core.pane import Level
from stream.core.segment import Segment, Tallies
from stream.core.tally import METRIC_SHIFT, Window, decode_window, encode_window

CLOSE_AT_ONCE = 10_000
"""Ended windows that one flush publishes: after a generation was built, all that are kept are due at the same time."""

CACHE_LIMIT = 10_000
"""Decoded windows kept from one flush to the next (twice as many for a moment)."""

_NOBODY: Mapping[Segment, bytes] = {}


class Place(NamedTuple):
    """A window with where it stands; ``start`` in minutes."""

    level: Level
    start: int
    segment: Segment
    window: Window


class WindowStore:
    """Windows of all levels on top of the shard's rows. Minutes since the epoch."""

    def __init__(
        self,
        levels: Sequence[Level],
        rows: dict[bytes, bytes],
        settles: Sequence[int],
        generation: int = 1,
        ids: Collection[int] = (),
    ) -> None:
        """``settles``: the distinct times in minutes after a window's end at which metrics become final.

        ``ids``: the metrics that the present generation knows; rows of older ones begin anew when they are read.
        """
        self._rows = rows
        self._generation = generation
        self._ids = ids
        self._levels = levels
        self._settles = settles or (0,)
        self.starts: list[dict[int, dict[Segment, bytes]]] = [{} for _ in levels]
        """By level: start -> segment -> row key, which is the object that the rows have: nobody builds it twice."""
        self._expiring: list[list[int]] = [[] for _ in levels]
        self._closing: list[tuple[int, int, int]] = []
        self._hot: dict[bytes, Window] = {}
        self._cool: dict[bytes, Window] = {}
        self.dirty: dict[bytes, Place] = {}
        self.deferred: dict[bytes, Place] = {}
        """Windows whose open figures are still to be published."""

    def index_loaded(self, found: Sequence[tuple[Level, int, Segment, bytes]]) -> None:
        """Take in which rows there are, all at once."""
        for level, start, segment, key in found:
            segments = self.starts[level.number].get(start)
            if segments is None:
                self.starts[level.number][start] = {segment: key}
            else:
                segments[segment] = key
            segment.windows += 1
        for level in self._levels:
            starts = self.starts[level.number]
            self._expiring[level.number] = list(starts)
            heapify(self._expiring[level.number])
            if level.rollup:
                self._closing += [
                    (start + level.width + settle, level.number, start)
                    for start in starts
                    for settle in self._settles
                ]
        heapify(self._closing)

    def window(self, level: Level, start: int, segment: Segment) -> Window | None:
        """The window as it stands, None where there is none."""
        key = self.starts[level.number].get(start, _NOBODY).get(segment)
        return None if key is None else self._of(key)

    def _of(self, key: bytes) -> Window | None:
        window = self._hot.get(key)
        return window if window is not None else self._fetch(key)

    def _fetch(self, key: bytes) -> Window | None:
        window = self._cool.pop(key, None)
        if window is None:
            place = self.deferred.get(key)
            if place is not None:
                window = place.window
            else:
                raw = self._rows.get(key)
                if raw is None:
                    return None
                window = self._decode(raw)
        self._hot[key] = window
        return window

    def _decode(self, raw: bytes) -> Window:
        window = decode_window(raw)
        if window.generation != self._generation:
            window.renew(self._generation, self._ids)
        return window

    def merge(self, level: Level, segment: Segment, tallies: Tallies) -> None:
        """Add tallies (start -> slot -> sum) to a level; tallies of new windows are taken over, not copied."""
        hot = self._hot
        dirty = self.dirty
        rollup = level.rollup
        starts = self.starts[level.number]
        for start, tally in tallies.items():
            key = starts.get(start, _NOBODY).get(segment)
            if key is None:
                key = self._index(level, start, segment)
                window = None
            else:
                window = hot.get(key) or self._fetch(key)
            if window is None:
                window = hot[key] = Window(self._generation)
            into = window.tally
            if into:
                add(into, tally)
            else:
                window.tally = tally
            if rollup:
                window.touch(heads(tally, METRIC_SHIFT))
            if key not in dirty:
                dirty[key] = Place(level, start, segment, window)

    def _index(self, level: Level, start: int, segment: Segment) -> bytes:
        key = level.key(start, segment.raw)
        segments = self.starts[level.number].get(start)
        if segments is None:
            self.starts[level.number][start] = {segment: key}
            heappush(self._expiring[level.number], start)
            if level.rollup:
                for settle in self._settles:
                    heappush(self._closing, (start + level.width + settle, level.number, start))
        else:
            segments[segment] = key
        segment.windows += 1
        return key

    def due(self, watermark: int, closed: bool) -> dict[bytes, Place]:
        """Rollup windows whose end, or end and settling, the watermark has just passed (all that are open, when closed).

        About CLOSE_AT_ONCE at most, unless closed; the others stay due.
        """
        closing = self._closing
        ended: set[tuple[int, int]] = set()
        room = CLOSE_AT_ONCE
        while closing and closing[0][0] <= watermark and (room > 0 or closed):
            number, start = heappop(closing)[1:]
            ended.add((number, start))
            room -= len(self.starts[number].get(start, ()))
        if closed:
            ended.update((number, start) for _, number, start in closing)
        found: dict[bytes, Place] = {}
        for number, start in ended:
            self._places(self._levels[number], start, found)
        return found

    def has_due(self, watermark: int) -> bool:
        """Whether windows have ended that are still to be published."""
        return bool(self._closing) and self._closing[0][0] <= watermark

    def _places(self, level: Level, start: int, found: dict[bytes, Place]) -> None:
        for segment, key in self.starts[level.number].get(start, _NOBODY).items():
            place = self.dirty.get(key)
            if place is None:
                window = self._of(key)
                if window is None:
                    continue
                place = Place(level, start, segment, window)
            found[key] = place

    def touch_open(self, watermark: int) -> None:
        """All figures of windows that have not ended are to be published: a generation has been built."""
        for level in self._levels:
            if level.rollup:
                found: dict[bytes, Place] = {}
                for start in self.starts[level.number]:
                    if start + level.width + max(self._settles) > watermark:
                        self._places(level, start, found)
                for place in found.values():
                    place.window.touch(place.window.states.keys())
                self.dirty.update(found)

    def touch_after(self, changes: Mapping[Segment, Mapping[int, int]]) -> None:
        """Figures are to be published anew where something changed before their window: segment -> metric id -> the minute of it."""
        first = 1 + min(minute for changed in changes.values() for minute in changed.values())
        for level in self._levels:
            if not level.rollup:
                continue
            starts = self.starts[level.number]
            for start in [one for one in starts if one >= first]:
                for segment in changes.keys() & starts[start].keys():
                    key = starts[start][segment]
                    window = self._of(key)
                    if window is None:
                        continue
                    ids = {one for one, minute in changes[segment].items() if minute < start}
                    ids &= window.states.keys()
                    if ids:
                        window.touch(ids)
                        self.dirty.setdefault(key, Place(level, start, segment, window))

    def panes(self, level: Level, pane: int) -> Iterator[tuple[Segment, Mapping[int, int]]]:
        """The tallies of all segments in one pane of a level; ``pane`` counts from the epoch."""
        for segment, key in self.starts[level.number].get(pane * level.width, _NOBODY).items():
            window = self._hot.get(key) or self._cool.get(key)
            if window is not None:
                yield segment, window.tally
            else:
                raw = self._rows.get(key)
                if raw is not None:
                    yield segment, self._decode(raw).tally

    def expire(
        self, watermark: int, needed: Mapping[int, int], rows: list[tuple[bytes, bytes | None]]
    ) -> list[Segment]:
        """Delete what no correction can reach any more; returns segments that have no window left.

        ``needed``: number of a level -> the minute from which on running windows still need its tallies: the watermark may be
        ahead of the clock that they follow.
        """
        gone: list[Segment] = []
        for level in self._levels:
            if level.horizon is not None:
                before = watermark - level.width - level.horizon + 1
                self._drop(level, min(before, needed.get(level.number, before)), rows, gone)
        return gone

    def drop_before(self, level: Level, minute: int, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Delete a level's windows that begin before ``minute``."""
        self._drop(level, minute, rows, [])

    def _drop(
        self, level: Level, before: int, rows: list[tuple[bytes, bytes | None]], gone: list[Segment]
    ) -> None:
        expiring = self._expiring[level.number]
        while expiring and expiring[0] < before:
            start = heappop(expiring)
            for segment, key in self.starts[level.number].pop(start, _NOBODY).items():
                self.dirty.pop(key, None)
                self.deferred.pop(key, None)
                self._hot.pop(key, None)
                self._cool.pop(key, None)
                if self._rows.pop(key, None) is not None:
                    rows.append((key, None))
                segment.windows -= 1
                if not segment.windows:
                    gone.append(segment)

    def flush(self, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Append the rows that changed; a pane that came to nothing has none."""
        kept = self._rows
        for key, place in self.dirty.items():
            window = place.window
            window.tidy()
            if window.tally or window.states:
                raw = encode_window(window)
                kept[key] = raw
                rows.append((key, raw))
            elif kept.pop(key, None) is not None:
                rows.append((key, None))
        self.dirty = {}
        if len(self._hot) > CACHE_LIMIT:
            self._cool = self._hot
            self._hot = {}


def accumulate(segment: Segment, minutes: Mapping[int, list[int]], from_minute: int) -> dict[int, list[int]]:
    """Add a delta's minutes to what is pending; returns those before ``from_minute``, which are left alone."""
    pending = segment.pending
    old: dict[int, list[int]] = {}
    for minute, pairs in minutes.items():
        if minute < from_minute:
            old[minute] = pairs
            continue
        tally = pending.get(minute)
        if tally is None:
            tally = pending[minute] = {}
        pour(tally, pairs)
    return old


def widen(tallies: Tallies, width: int) -> Tallies:
    """Sums of minutes or finer windows as sums of windows of ``width`` minutes; the given tallies are not changed."""
    wide: Tallies = {}
    for minute, tally in tallies.items():
        start = minute - minute % width
        into = wide.get(start)
        if into is None:
            wide[start] = tally.copy()
        else:
            add(into, tally)
    return wide
