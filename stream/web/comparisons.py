"""What ``/metrics`` says of figures beside those of the window directly before: families by unit, the figure's name as a label."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from stream.core.compare import Comparison, Side, with_before
from stream.core.measure import SLOTS_PER_METRIC
from stream.core.metric import Metric
from stream.web.text import labels, sample

BEFORE_N: Final = "before_n"
DIFFERENCE_N: Final = "difference_n"
UNITS: Final = {
    **{unit: unit for unit in ("ratio", "seconds", "points", "score", "minor")},
    "count": "counted",
}
"""Unit of a figure -> how its families' names end."""
_WITHOUT_INTERVAL: Final = ("minor", "count")
"""Units of which no figure is a share or a mean whose spread is kept."""

_OF = "by the figure's name in metric"
_FORMS: Final = {
    "before": f"The figure in the window of equal length directly before, {_OF}",
    "difference": f"The figure minus that of the window directly before, {_OF}",
    "difference_low": f"Lower end of the difference's 95 % interval, {_OF}",
    "difference_high": f"Upper end of the difference's 95 % interval, {_OF}",
}


def declared(units: Collection[str] = UNITS) -> Iterator[tuple[str, str]]:
    """Name without the prefix, and help, of every family for figures of some units."""
    yield BEFORE_N, f"n of the figure in the window of equal length directly before, {_OF}"
    yield DIFFERENCE_N, f"The smaller n of both windows, on which the difference rests, {_OF}"
    for unit, ending in UNITS.items():
        for form, text in _FORMS.items() if unit in units else ():
            if unit not in _WITHOUT_INTERVAL or not form.startswith("difference_"):
                yield f"{form}_{ending}", text


class Before:
    """The window before one of a segment, by metric; kept until it is another one."""

    def __init__(self, tally: Mapping[int, int]) -> None:
        self.tally = tally
        self._own: dict[int, dict[int, int]] = {}
        for slot, amount in tally.items():
            metric_id, own_slot = divmod(slot, SLOTS_PER_METRIC)
            self._own.setdefault(metric_id, {})[own_slot] = amount
        self._sides: dict[int, Side] = {}

    def side(self, metric: Metric) -> Side:
        """A metric's figures there."""
        found = self._sides.get(metric.id)
        if found is None:
            own = self._own.get(metric.id, {})
            found = self._sides[metric.id] = Side(metric, own, metric.figures(own))
        return found


def lines(prefix: str, label_text: str, this: Side, before: Side, min_n: int) -> Iterator[tuple[str, str]]:
    """Family's name and a sample of it, for every figure of a metric."""
    for one in with_before(this, before, min_n):
        labelled = f"{label_text},{labels((('metric', one.this.metric),))}"
        for name, value in _told(one):
            if value is not None:
                yield name, sample(prefix + name, labelled, value)


def _told(one: Comparison) -> list[tuple[str, float | None]]:
    unit = one.this.unit
    ending = UNITS[unit]
    told = [
        (BEFORE_N, one.other.n),
        (DIFFERENCE_N, one.n),
        (f"before_{ending}", one.other.value),
        (f"difference_{ending}", one.difference),
    ]
    if unit not in _WITHOUT_INTERVAL:
        told += [(f"difference_low_{ending}", one.low), (f"difference_high_{ending}", one.high)]
    return told
