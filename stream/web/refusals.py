"""How many requests the HTTP port did not serve, and why. Written by the server's threads, read by the exporter."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

BUSY: Final = "busy"
"""More connections waited than are kept waiting: closed at once."""
SLOW: Final = "slow"
"""The request or the reading of its answer took too long."""


class Refusals:
    """Counts by reason: :data:`BUSY`, :data:`SLOW`, or the status of the answer (``404``). Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """One more."""
        with self._lock:
            self._counts[reason] += 1

    def counts(self) -> Mapping[str, int]:
        """Reason -> requests since the process started."""
        with self._lock:
            return dict(sorted(self._counts.items()))
