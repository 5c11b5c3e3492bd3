"""Running windows: the sums of the last panes, slid by adding the panes that enter and subtracting those that leave."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from stream.core.tally import add, drop_zeros, metric_ids, subtract

K = TypeVar("K", bound=Hashable)

Panes = Callable[[int], Iterable[tuple[K, Mapping[int, int]]]]
"""Number of a pane -> the tallies of all segments that have one there."""

_NOTHING: Mapping[int, int] = {}


class RunningWindow(Generic[K]):
    """One running window over all segments: the last ``panes`` panes, up to and with the one that its end falls in."""

    __slots__ = ("_emptied", "_fading", "changed", "last", "panes", "tallies")

    def __init__(self, panes: int) -> None:
        self.panes = panes
        self.last: int | None = None
        """Number of the newest pane, None before the first end is known."""
        self.tallies: dict[K, dict[int, int]] = {}
        """Segments that are not empty -> their sums, never with a 0."""
        self.changed: set[K] = set()
        """Segments whose sums or whose seen metrics changed since the owner last cleared this."""
        self._emptied: dict[K, dict[int, int | None]] = {}
        """Segment -> metric -> pane at which it was found empty, None while it is not."""
        self._fading: set[K] = set()

    def holds(self, pane: int) -> bool:
        """Whether a pane lies inside the window."""
        return self.last is not None and self.last - self.panes < pane <= self.last

    def add(self, segment: K, amounts: Mapping[int, int]) -> None:
        """A pane inside the window grew by ``amounts``."""
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
            self.changed.update(self.tallies)
            self.tallies.clear()
        else:
            for pane in range(before - self.panes + 1, first):
                for segment, amounts in panes(pane):
                    tally = self.tallies.get(segment)
                    if tally is None:
                        tally = self.tallies[segment] = {}
                    subtract(tally, amounts)
                    self._tidy(segment, tally)
            first = before + 1
        for pane in range(first, last + 1):
            for segment, amounts in panes(pane):
                if amounts:
                    self.add(segment, amounts)
        return True

    def _tidy(self, segment: K, tally: dict[int, int]) -> None:
        drop_zeros(tally)
        if not tally:
            del self.tallies[segment]
        self.changed.add(segment)

    def recall(self, panes: Panes[K]) -> None:
        """Find which metrics have lately become empty in the panes before the window, as far as those are kept."""
        if self.last is None:
            return
        first = self.last - self.panes + 1
        for pane in range(max(first - self.panes, 0), first):
            for segment, amounts in panes(pane):
                ids = metric_ids(slot for slot, amount in amounts.items() if amount)
                if ids:
                    self._emptied.setdefault(segment, {}).update(dict.fromkeys(ids, pane + self.panes))
                    self._fading.add(segment)
                    self.changed.add(segment)

    def observe(self) -> None:
        """Note which metrics have become empty, and forget those that have been so for a whole window length."""
        last = self.last or 0
        for segment in self.changed:
            emptied = self._emptied.setdefault(segment, {})
            present = metric_ids(self.tallies.get(segment, _NOTHING))
            for metric_id, since in emptied.items():
                if since is None and metric_id not in present:
                    emptied[metric_id] = last
                    self._fading.add(segment)
            emptied.update(dict.fromkeys(present))
            if not emptied:
                del self._emptied[segment]
        for segment in list(self._fading):
            emptied = self._emptied[segment]
            gone = [one for one, since in emptied.items() if since is not None and last - since >= self.panes]
            for metric_id in gone:
                del emptied[metric_id]
            if gone:
                self.changed.add(segment)
            if not any(since is not None for since in emptied.values()):
                self._fading.discard(segment)
            if not emptied:
                del self._emptied[segment]

    def seen(self, segment: K) -> frozenset[int]:
        """Ids of the metrics that have a measure in the window, or had one less than a window length ago."""
        return frozenset(self._emptied.get(segment, ()))
