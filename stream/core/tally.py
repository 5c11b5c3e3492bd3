"""Sums of amounts per slot, and the row that holds one window's: a flat MessagePack array of integers.

``[k, (metric id, state, 0) * k, slot * n, sum * n]``: first what was published of each metric, then the sums of all metrics
in slot order. ``state`` is ``4 * revision``, + 1 once the metric was published as final in this window, + 2 if as revised since.
The third number is not read; earlier versions counted there what had come too late.
To ``k`` 256 is added for each generation after the first. Under another generation than its own a row counts nothing any more:
what it still says is which figures of the window have been published, and with which revision.
"""

from collections.abc import Collection, Iterable, Mapping, Set

import msgspec

from stream.core.loops import encode_row, heads, shares
from stream.core.measure import SLOTS_PER_METRIC

METRIC_SHIFT = SLOTS_PER_METRIC.bit_length() - 1
"""``slot >> METRIC_SHIFT`` is the metric's id."""
FINAL_BIT = 1
REVISED_BIT = 2
REVISION_SHIFT = 2
GENERATION_SHIFT = 8
MOST_METRICS = (1 << GENERATION_SHIFT) - 1
"""That a row has room for, each by each profile: more are refused with the settings."""
REVISIONS_PER_GENERATION = 1 << 32
"""The first revision that a generation publishes of a window is above all of the generations before, whatever is left of its row."""

_decode = msgspec.msgpack.Decoder(list[int]).decode


_NONE_TOUCHED: Set[int] = frozenset()  # shared: nearly every window has none


class DamagedRowError(Exception):
    """A row of the windows changelog that cannot be read."""


def subtract(into: dict[int, int], amounts: Mapping[int, int]) -> None:
    """Take sums out again."""
    get = into.get
    for slot, amount in amounts.items():
        into[slot] = get(slot, 0) - amount


def drop_zeros(tally: dict[int, int]) -> None:
    """Remove the slots that sum to 0."""
    if 0 in tally.values():
        for slot in [slot for slot, total in tally.items() if not total]:
            del tally[slot]


def metric_ids(tally: Mapping[int, int]) -> set[int]:
    """Ids of the metrics that slots belong to."""
    return heads(tally, METRIC_SHIFT)


def own_tallies(tally: Mapping[int, int], ids: Iterable[int]) -> dict[int, dict[int, int]]:
    """Metric id -> its tally in its own slots, in slot order, for some metrics."""
    found = shares(tally, METRIC_SHIFT)
    return {metric_id: own_tally(found.get(metric_id, (metric_id,))) for metric_id in ids}


def own_tally(share: tuple[int, ...]) -> dict[int, int]:
    """A metric's tally in its own slots from its share of a tally, see :func:`stream.core.plain_loops.shares`."""
    middle = len(share) // 2 + 1
    return dict(zip(share[1:middle], share[middle:], strict=True))


class Window:
    """One window's sums and what was published of them. Touched metrics are those whose figure is to be published."""

    __slots__ = ("generation", "states", "tally", "touched")

    def __init__(self, generation: int = 1) -> None:
        self.generation = generation
        self.tally: dict[int, int] = {}
        self.states: dict[int, int] = {}
        """Metric id -> state as in the row; a metric is here from its first measure on."""
        self.touched: Set[int] = _NONE_TOUCHED

    def touch(self, ids: Set[int]) -> None:
        """Figures of these metrics changed."""
        self.touched = self.touched | ids if self.touched else ids
        states = self.states
        for metric_id in ids:
            if metric_id not in states:
                states[metric_id] = 0

    def published(self, ids: Set[int]) -> None:
        """Figures of these metrics have been published."""
        self.touched = (self.touched - ids) or _NONE_TOUCHED

    def renew(self, generation: int, ids: Collection[int]) -> None:
        """Begin anew under a generation with these metrics. What was published will be published again, as empty if need be.

        Of metrics that are not computed any more it stays known, as far as the row has room: they may be chosen once more.
        """
        states: dict[int, int] = {}
        room = MOST_METRICS - len(ids)
        for metric_id, state in self.states.items():
            if not state >> REVISION_SHIFT:
                continue
            if metric_id not in ids:
                room -= 1
            if metric_id in ids or room >= 0:
                was_final = state & (FINAL_BIT | REVISED_BIT)
                states[metric_id] = state & ~FINAL_BIT | (REVISED_BIT if was_final else 0)
        self.generation = generation
        self.states = states
        self.tally = {slot: 0 for slot in self.tally if slot >> METRIC_SHIFT in states}
        self.touched = _NONE_TOUCHED

    def tidy(self) -> None:
        """Drop slots that sum to 0, except of published metrics: their names must be published as empty."""
        tally = self.tally
        if 0 in tally.values():
            states = self.states
            for slot in [slot for slot, total in tally.items() if not total]:
                if not states.get(slot >> METRIC_SHIFT, 0) >> REVISION_SHIFT:
                    del tally[slot]


def encode_window(window: Window) -> bytes:
    """The row of a window."""
    states = window.states
    head = len(states) + ((window.generation - 1) << GENERATION_SHIFT)
    return encode_row(head, states, window.tally)


def decode_window(raw: bytes) -> Window:
    """Read a row. Raises DamagedRowError."""
    try:
        flat = _decode(raw)
    except ValueError as exc:
        raise DamagedRowError(f"a tally row is not readable: {exc}") from exc
    if (
        not flat
        or flat[0] < 0
        or (body := 1 + 3 * (flat[0] & MOST_METRICS)) > len(flat)
        or (len(flat) - body) % 2
    ):
        raise DamagedRowError(f"a tally row of {len(flat)} numbers is cut off")
    window = Window((flat[0] >> GENERATION_SHIFT) + 1)
    middle = (body + len(flat)) // 2
    window.tally = dict(zip(flat[body:middle], flat[middle:], strict=True))
    if body > 1:
        ids = flat[1:body:3]
        window.states = dict(zip(ids, flat[2:body:3], strict=True))
    return window
