"""Rows that no setting has a use for any more, deleted a few at each flush."""

from collections.abc import Iterable
from typing import Final

from stream.core.pane import AUTHORS_KIND, LIVE_KIND

AT_MOST = 20_000
"""Rows that a flush deletes: bounds its transaction."""

AT_ONCE: Final = (LIVE_KIND, AUTHORS_KIND)
"""Kinds of rows without a generation of their own: those of another one go at once, together with the meta row."""


class Leftovers:
    """Keys that were found at the start; those of :data:`AT_ONCE` go first, and all of them with the first flush."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._keys = sorted(keys, key=lambda key: key[:1] not in AT_ONCE)
        self._first = sum(key[:1] in AT_ONCE for key in self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def take(self) -> list[tuple[bytes, bytes | None]]:
        """Tombstones for the next flush."""
        count = max(AT_MOST, self._first)
        self._first = 0
        going, self._keys = self._keys[:count], self._keys[count:]
        return [(key, None) for key in going]
