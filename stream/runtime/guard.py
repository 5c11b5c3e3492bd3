"""The position guard: every record of a source partition is applied once, in order, with nothing missing.

Fetched batches do vanish in rebalances, and some come twice. A transactional log has holes of its own (markers, aborted and
compacted records), so ranges of the log are compared and not the records' offsets.
"""

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from stream.core.record import Record
from stream.runtime.errors import StateError
from stream.runtime.positions import REBUILD


class Fetched(list[Any]):
    """Records of one partition and the range of the log ``[start, end)`` that they stand for.

    Not falsy when it has no records: a range of markers alone moves the position, too.
    """

    __slots__ = ("end", "fetched_at", "start")

    def __init__(self, start: int) -> None:
        super().__init__()
        self.start = start
        self.end = start
        self.fetched_at = time.monotonic()
        """Before it was asked for, or later: never earlier than a seek that it obeys."""

    def __bool__(self) -> bool:
        return self.end > self.start


class Seek(NamedTuple):
    """Something is missing: fetch again from ``offset``."""

    offset: int


class PositionGuard:
    """Compares what was fetched with what is expected next. Counts are for the status page."""

    def __init__(self) -> None:
        self.gaps = 0
        self.overlaps = 0
        self._sought: dict[tuple[str, int], tuple[int, float]] = {}

    def admit(
        self, topic: str, partition: int, expected: int, fetched: Fetched
    ) -> Sequence[Record] | Seek | None:
        """Return the records to apply, where to seek to, or None for a batch that is applied already.

        Raises StateError when a gap stays although it was fetched again, see :meth:`sought`: those records are gone.
        """
        if fetched.start > expected:
            self.gaps += 1
            tp = (topic, partition)
            sought = self._sought.get(tp)
            if sought is not None and sought[0] == expected and fetched.fetched_at > sought[1]:
                raise StateError(
                    f"{topic}[{partition}]: offsets {expected} to {fetched.start - 1} are gone from the log before they were "
                    f"read (retention too short, or the topic was recreated). Restore them, or {REBUILD}"
                )
            if sought is None or sought[0] != expected:
                self._sought[tp] = (expected, math.inf)
            return Seek(expected)
        if fetched.start < expected:
            self.overlaps += 1
            if fetched.end <= expected:
                return None
            return [record for record in fetched if record.offset >= expected]
        return fetched

    def sought(self, topic: str, partition: int) -> None:
        """The seek that :meth:`admit` asked for has been done: what is fetched from now on obeys it, and nothing before."""
        known = self._sought.get((topic, partition))
        if known is not None and known[1] == math.inf:
            self._sought[topic, partition] = (known[0], time.monotonic())
