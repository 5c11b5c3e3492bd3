"""Running windows: the sums of the last panes, slid by adding the panes that enter and subtracting those that leave."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from stream.core.tally import add, drop_zeros, metric_ids, subtract

K = TypeVar("K", bound=Hashable)

Panes = Callable[[int], Iterable[tuple[K, Mapping[int, int]]]]
"""Number of a pane -> the tallies of all segments that have one there."""
Pane = Callable[[K, int], Mapping[int, int]]
"""Segment and number of a pane -> its tally, empty where there is none."""

_NOTHING: Mapping[int, int] = {}


class RunningWindow(Generic[K]):
    """One running window over all segments: the last ``panes`` panes, up to and with the one that its end falls in.

    A metric is SEEN while it has a measure in the window or had one in the window before it: readers show it as empty for one window
    length. Both are functions of the panes alone, so that whoever takes a segment over sees what its former owner saw.
    """

    __slots__ = ("_doubtful", "_left", "_left_in", "changed", "last", "panes", "tallies")

    def __init__(self, panes: int) -> None:
        self.panes = panes
        self.last: int | None = None
        """Number of the newest pane, None before the first end is known."""
        self.tallies: dict[K, dict[int, int]] = {}
        """Segments that are not empty -> their sums, never with a 0."""
        self.changed: set[K] = set()
        """Segments whose sums or whose seen metrics changed since the owner last cleared this."""
        self._left: dict[K, dict[int, int]] = {}
        """Segment -> metric -> the newest pane in the window before this one that has a measure of it."""
        self._left_in: dict[int, set[K]] = {}
        """The same by pane, so that what is too old is found."""
        self._doubtful: dict[K, set[int]] = {}
        """Metrics of which measures were taken out: their newest pane is to be looked for."""

    def grow(self, segment: K, pane: int, amounts: Mapping[int, int]) -> None:
        """A pane grew by ``amounts``, which its tally contains already."""
        last = self.last
        if last is None or not last - 2 * self.panes < pane <= last:
            return
        shrinks = any(amount < 0 for amount in amounts.values())
        if pane > last - self.panes:
            self._add(segment, amounts)
        elif not shrinks:
            self._note(segment, pane, amounts)
        if shrinks:
            self._doubtful.setdefault(segment, set()).update(metric_ids(amounts))
            self.changed.add(segment)

    def _add(self, segment: K, amounts: Mapping[int, int]) -> None:
        tally = self.tallies.get(segment)
        if tally is None:
            tally = self.tallies[segment] = {}
        add(tally, amounts)
        self._tidy(segment, tally)

    def slide(self, last: int, panes: Panes[K]) -> bool:
        """Let the window end in pane ``last``; it never goes back. True when it moved."""
        before = self.last
        if before is not None and last <= before:
            return False
        self.last = last
        first = last - self.panes + 1
        if before is None or first > before:
            self.changed.update(self.tallies, self._left)
            self.tallies.clear()
            self._left.clear()
            self._left_in.clear()
            for pane in range(max(first - self.panes, 0), first):
                for segment, amounts in panes(pane):
                    self._note(segment, pane, amounts)
            entering = first
        else:
            for pane in range(before - self.panes + 1, first):
                for segment, amounts in panes(pane):
                    tally = self.tallies.get(segment)
                    if tally is None:
                        tally = self.tallies[segment] = {}
                    subtract(tally, amounts)
                    self._tidy(segment, tally)
                    self._note(segment, pane, amounts)
            self._forget(first - self.panes)
            entering = before + 1
        for pane in range(entering, last + 1):
            for segment, amounts in panes(pane):
                if amounts:
                    self._add(segment, amounts)
        return True

    def _tidy(self, segment: K, tally: dict[int, int]) -> None:
        drop_zeros(tally)
        if not tally:
            del self.tallies[segment]
        self.changed.add(segment)

    def _note(self, segment: K, pane: int, amounts: Mapping[int, int]) -> None:
        """A pane before the window has measures."""
        ids = metric_ids(slot for slot, amount in amounts.items() if amount)
        if not ids:
            return
        left = self._left.setdefault(segment, {})
        for metric_id in ids:
            if left.get(metric_id, -1) < pane:
                left[metric_id] = pane
        self._left_in.setdefault(pane, set()).add(segment)
        self.changed.add(segment)

    def _forget(self, before: int) -> None:
        """Panes before this one are more than a window length away."""
        for pane in [pane for pane in self._left_in if pane < before]:
            for segment in self._left_in.pop(pane):
                left = self._left.get(segment, {})
                for metric_id in [one for one, newest in left.items() if newest < before]:
                    del left[metric_id]
                    self.changed.add(segment)
                if not left:
                    self._left.pop(segment, None)

    def settle(self, pane: Pane[K]) -> None:
        """Look again for the newest panes of what was taken out; before :meth:`seen`."""
        doubtful, self._doubtful = self._doubtful, {}
        if self.last is None:
            return
        first = self.last - self.panes + 1
        for segment, ids in doubtful.items():
            left = self._left.setdefault(segment, {})
            for metric_id in ids:
                left.pop(metric_id, None)
            wanted = set(ids)
            for number in range(first - 1, max(first - self.panes, 0) - 1, -1):
                found = wanted & metric_ids(slot for slot, amount in pane(segment, number).items() if amount)
                if found:
                    left.update(dict.fromkeys(found, number))
                    self._left_in.setdefault(number, set()).add(segment)
                    wanted -= found
                    if not wanted:
                        break
            if not left:
                del self._left[segment]

    def seen(self, segment: K) -> frozenset[int]:
        """Ids of the metrics that have a measure in the window, or had one in the window before it."""
        return frozenset(self._left.get(segment, _NOTHING)) | metric_ids(self.tallies.get(segment, _NOTHING))
