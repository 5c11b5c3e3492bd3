"""Which rows have still to say all their measures under a new generation.

In the order of their keys, so that one key says how far the scan has come: rows up to it have, the others have not. That key is
kept in the partition's meta row; no ticket's row has to be written for it.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush


class Scan:
    """The rest of a scan. Its owner says nothing of a row beyond ``after``: the scan will say everything."""

    def __init__(self, keys: Iterable[bytes], after: bytes) -> None:
        """``after``: the key up to which an earlier owner had come, empty for a new scan."""
        self.after = after
        self._rest = [key for key in keys if key > after]
        heapify(self._rest)

    @property
    def left(self) -> int:
        """Rows that have not been reached."""
        return len(self._rest)

    def add(self, key: bytes) -> None:
        """A row that was not there when the scan began; one that lies behind it already is not added."""
        if key > self.after:
            heappush(self._rest, key)

    def take(self, limit: int) -> list[bytes]:
        """The next rows; from here on they are behind the scan."""
        taken: list[bytes] = []
        rest = self._rest
        while rest and len(taken) < limit:
            key = heappop(rest)
            if key != self.after:  # a row that vanished and came back is there twice
                taken.append(key)
                self.after = key
        return taken
