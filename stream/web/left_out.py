"""What is said of figures that are not on the page, because a row says what cannot be: a reason not to be ready, and a line in the log.

Everything else is served: such a row concerns one segment, and leaves the running windows with time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import structlog

from stream.core.impossible import impossible

log = structlog.get_logger(__name__)

NAMED: Final = 5
"""So many metrics are named at most."""


class LeftOut(NamedTuple):
    """A figure that computing with its sums has failed for."""

    metric: str
    """Full name."""
    raised: str
    """As :func:`stream.core.impossible.raised_in` says it."""


class Unreadable:
    """The rows of the windows that the last exposition could not be made of."""

    def __init__(self, changelog: str) -> None:
        self._changelog = changelog
        self._said: set[tuple[int, str]] = set()
        self.reasons: tuple[str, ...] = ()
        """Why the worker is not ready, empty when it is; replaced, never changed: any thread may read it."""

    def see(self, partitions: Iterable[tuple[int, Mapping[LeftOut, int]]]) -> None:
        """Take what was left out of an exposition, by windows partition -> in how many windows of segments."""
        reasons = []
        places = set()
        for partition, left_out in partitions:
            by_place: dict[str, Counter[str]] = {}
            for one, number in left_out.items():
                by_place.setdefault(one.raised, Counter())[one.metric] += number
            for raised, metrics in sorted(by_place.items()):
                reason = self._reason(partition, raised, metrics)
                reasons.append(reason)
                places.add((partition, raised))
                if (partition, raised) not in self._said:
                    log.error("figures.left_out", problem=reason)
        self._said = places
        self.reasons = tuple(reasons)

    def _reason(self, partition: int, raised: str, metrics: Counter[str]) -> str:
        names = sorted(metrics)
        shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        so = (
            f"{shown} of {max(metrics.values())} running windows left out of /metrics, all others are served; it passes when the "
            "row has left these windows, else "
        )
        return impossible(f"{self._changelog}[{partition}]", raised, so=so)
