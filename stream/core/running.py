"""Running windows: the sums of the last panes, slid by adding the panes that enter and subtracting those that leave.

Beside each the sums of the window BEFORE it: of equal length, and ending where it begins.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

from stream.core.loops import slide
from stream.core.tally import metric_ids

K = TypeVar("K", bound=Hashable)

Panes = Callable[[int], Iterable[tuple[K, Mapping[int, int]]]]
"""Number of a pane -> the tallies of all segments that have one there."""

_NOTHING: Mapping[int, int] = {}


class Before(NamedTuple):
    """Sums of one segment in the window before; replaced when they change, so that readers may keep them."""

    tally: Mapping[int, int]
    ids: frozenset[int]
    """Of the metrics that have a measure there."""


NONE_BEFORE = Before({}, frozenset())


class RunningWindow(Generic[K]):
    """One running window over all segments: the last ``panes`` panes, up to and with the one that its end falls in.

    A metric is SEEN while it has a measure in the window or in the window before it: readers show it as empty for one window
    length. All of it is a function of the panes alone, so that whoever takes a segment over has what its former owner had.
    """

    __slots__ = ("before", "changed", "last", "panes", "tallies")

    def __init__(self, panes: int) -> None:
        self.panes = panes
        self.last: int | None = None
        """Number of the newest pane, None before the first end is known."""
        self.tallies: dict[K, dict[int, int]] = {}
        """Segments that are not empty -> their sums, never with a 0."""
        self.before: dict[K, Before] = {}
        """The same of the window before."""
        self.changed: set[K] = set()
        """Segments whose sums in either window changed since the owner last cleared this."""

    @property
    def needs(self) -> int:
        """The oldest pane that is still to be taken out of a sum; what is older may be deleted."""
        return 0 if self.last is None else max(self.last - 2 * self.panes + 1, 0)

    def grow(self, segment: K, pane: int, amounts: Mapping[int, int]) -> None:
        """A pane grew by ``amounts``, which its tally contains already."""
        last = self.last
        if last is None or not last - 2 * self.panes < pane <= last:
            return
        if pane > last - self.panes:
            self._add(segment, amounts)
        else:
            tally = self._before_of(segment)
            slide(tally, amounts)
            self._replace({segment: tally})

    def _add(self, segment: K, amounts: Mapping[int, int], sign: int = 1) -> None:
        tally = self.tallies.get(segment)
        if tally is None:
            tally = self.tallies[segment] = {}
        slide(tally, amounts, sign)
        if not tally:
            del self.tallies[segment]
        self.changed.add(segment)

    def slide(self, last: int, panes: Panes[K]) -> bool:
        """Let the window end in pane ``last``; it never goes back. True when it moved."""
        old = self.last
        if old is not None and last <= old:
            return False
        self.last = last
        length = self.panes
        if old is None or last - old >= length:
            self._rebuild(panes)
            return True
        before: dict[K, dict[int, int]] = {}
        for pane in range(old - 2 * length + 1, last - 2 * length + 1):
            for segment, amounts in panes(pane):
                tally = before.get(segment)
                if tally is None:
                    tally = before[segment] = self._before_of(segment)
                slide(tally, amounts, -1)
        for pane in range(old - length + 1, last - length + 1):
            for segment, amounts in panes(pane):
                tally = before.get(segment)
                if tally is None:
                    tally = before[segment] = self._before_of(segment)
                slide(tally, amounts)
                self._add(segment, amounts, -1)
        self._replace(before)
        for pane in range(old + 1, last + 1):
            self._enter(pane, panes)
        return True

    def _rebuild(self, panes: Panes[K]) -> None:
        """Nothing of the window stays in it."""
        last = self.last or 0
        self.changed.update(self.tallies, self.before)
        self.tallies.clear()
        self.before.clear()
        before: dict[K, dict[int, int]] = {}
        for pane in range(max(last - 2 * self.panes + 1, 0), last - self.panes + 1):
            for segment, amounts in panes(pane):
                slide(before.setdefault(segment, {}), amounts)
        self._replace(before)
        for pane in range(max(last - self.panes + 1, 0), last + 1):
            self._enter(pane, panes)

    def _enter(self, pane: int, panes: Panes[K]) -> None:
        for segment, amounts in panes(pane):
            if amounts:
                self._add(segment, amounts)

    def _before_of(self, segment: K) -> dict[int, int]:
        return dict(self.before.get(segment, NONE_BEFORE).tally)

    def _replace(self, tallies: Mapping[K, dict[int, int]]) -> None:
        """New sums of the window before, which may come to nothing."""
        for segment, tally in tallies.items():
            if tally:
                self.before[segment] = Before(tally, frozenset(metric_ids(tally)))
            else:
                self.before.pop(segment, None)
            self.changed.add(segment)

    def seen(self, segment: K) -> frozenset[int]:
        """Ids of the metrics that have a measure in the window, or in the window before it."""
        return self.before.get(segment, NONE_BEFORE).ids | metric_ids(self.tallies.get(segment, _NOTHING))
