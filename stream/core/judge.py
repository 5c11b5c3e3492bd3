"""A running window in event time for alert rules: what was in it at every end of a pane, one after the other.

Readers see running windows at the end of a flush, and one flush can pass days. Rules are judged here instead: deltas are taken in
in the order of the log, and each time the watermark passes the end of a pane at which something enters or leaves, the segments
concerned are due. What comes after its pane has ended counts from the next end on. Nothing depends on where a flush was.

STOCKS are never too late: their changes go through the window as measures do, and stay behind it as what was there when it began.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from heapq import heappop, heappush

from stream.core.config import MINUTE_MS
from stream.core.loops import add
from stream.core.pane import Level
from stream.core.tally import METRIC_SHIFT, drop_zeros, metric_ids, subtract

Wake = Callable[[], Mapping[str, int]]
"""Segment -> instant in ms at which it is due by time alone."""


class JudgedWindow:
    """One length over all watched segments. A pane is a number, counted from the epoch; a window ends where a pane begins."""

    __slots__ = (
        "_before",
        "_entering",
        "_leaving",
        "_panes",
        "_stocks",
        "_sums",
        "at",
        "dirty",
        "length_ms",
        "level",
        "panes",
    )

    def __init__(self, length_ms: int, level: Level, panes: int, stocks: Set[int] = frozenset()) -> None:
        """``stocks``: slots whose sums reach back to the beginning."""
        self.length_ms = length_ms
        self.level = level
        self.panes = panes
        self.at = 0
        """The pane before which the window ended when it was last judged."""
        self.dirty: set[str] = set()
        """Segments to judge at the next end of a pane, whatever happens there."""
        self._panes: dict[int, dict[str, dict[int, int]]] = {}
        self._entering: list[int] = []
        self._leaving: list[int] = []
        self._sums: dict[str, dict[int, int]] = {}
        self._stocks = stocks
        self._before: dict[str, dict[int, int]] = {}
        """Segment -> slot of a stock -> what had been added to it before the window."""

    @property
    def width_ms(self) -> int:
        """Width of a pane."""
        return self.level.width * MINUTE_MS

    @property
    def data_end_ms(self) -> int:
        """End of the last pane that has not been judged, -1 if all have."""
        return (max(self._entering) + 1) * self.width_ms if self._entering else -1

    def add(self, segment: str, minute: int, amounts: Mapping[int, int]) -> None:
        """A minute grew by ``amounts``; left alone if it can be in no window any more, but for stocks."""
        pane = minute // self.level.width
        if pane < self.at - self.panes:
            if self._leave_behind(segment, amounts):
                self.dirty.add(segment)
            return
        segments = self._panes.get(pane)
        if segments is None:
            segments = self._panes[pane] = {}
            heappush(self._leaving if pane < self.at else self._entering, pane)
        add(segments.setdefault(segment, {}), amounts)
        if pane < self.at:
            add(self._sums.setdefault(segment, {}), amounts)
            self.dirty.add(segment)

    def drop_before(self, minute: int) -> None:
        """Forget the panes that begin before ``minute``, but for stocks."""
        for pane in [one for one in self._panes if one * self.level.width < minute]:
            for segment, amounts in self._panes[pane].items():
                dropped = {slot: amount for slot, amount in amounts.items() if slot not in self._stocks}
                subtract(amounts, dropped)
                if pane < self.at:
                    subtract(self._sums.setdefault(segment, {}), dropped)

    def sums(self, segment: str) -> Mapping[int, int]:
        """Slot -> sum in the window that ends where :attr:`at` begins; of stocks what there was when it began.

        A metric without a measure in the window has no stock either.
        """
        sums = self._sums.get(segment, {})
        if not self._stocks:
            return sums
        inside = {slot: total for slot, total in sums.items() if total and slot not in self._stocks}
        ids = metric_ids(inside)
        before = self._before.get(segment, {})
        return inside | {slot: total for slot, total in before.items() if slot >> METRIC_SHIFT in ids}

    def _leave_behind(self, segment: str, amounts: Mapping[int, int]) -> bool:
        """What stays of a pane that the window has passed; whether anything does."""
        kept = {slot: amount for slot, amount in amounts.items() if amount and slot in self._stocks}
        if kept:
            add(self._before.setdefault(segment, {}), kept)
        return bool(kept)

    def steps(self, end_ms: int, wake: Wake) -> Iterator[tuple[int, list[str]]]:
        """Every end of a pane up to ``end_ms`` at which something changes: the instant in ms, and the segments to judge there."""
        last = end_ms // self.width_ms
        while (end := self._next(wake)) <= last:
            self.at = end
            changed = self.dirty
            self.dirty = set()
            self._enter(end, changed)
            self._leave(end, changed)
            self._tidy(changed)
            at_ms = end * self.width_ms
            changed.update(segment for segment, due_ms in wake().items() if due_ms <= at_ms)
            yield at_ms, sorted(changed)
        self.at = max(self.at, last)

    def rest(self) -> tuple[int, list[str]]:
        """The input has ended: the instant of the last judgement, and the segments that were corrected behind it since."""
        changed, self.dirty = self.dirty, set()
        self._tidy(changed)
        return self.at * self.width_ms, sorted(changed)

    def _tidy(self, segments: Iterable[str]) -> None:
        for segment in segments:
            tally = self._sums.get(segment)
            if tally is not None:
                drop_zeros(tally)
                if not tally:
                    del self._sums[segment]

    def _next(self, wake: Wake) -> int:
        """Where the window ends when something changes next."""
        ends = [-(-due_ms // self.width_ms) for due_ms in wake().values()]
        if self.dirty:
            ends.append(self.at + 1)
        if self._entering:
            ends.append(self._entering[0] + 1)
        if self._leaving:
            ends.append(self._leaving[0] + self.panes + 1)
        return max(min(ends, default=2**62), self.at + 1)

    def _enter(self, end: int, changed: set[str]) -> None:
        while self._entering and self._entering[0] < end:
            pane = heappop(self._entering)
            heappush(self._leaving, pane)
            for segment, amounts in self._panes[pane].items():
                add(self._sums.setdefault(segment, {}), amounts)
                changed.add(segment)

    def _leave(self, end: int, changed: set[str]) -> None:
        while self._leaving and self._leaving[0] + self.panes < end:
            for segment, amounts in self._panes.pop(heappop(self._leaving)).items():
                subtract(self._sums.setdefault(segment, {}), amounts)
                self._leave_behind(segment, amounts)
                changed.add(segment)
