"""Two figures of one metric side by side: how far apart, and whether chance alone may have put them there."""

from collections.abc import Mapping
from typing import NamedTuple

from stream.core.explain import ExplainError, Explanation
from stream.core.interval import Sample, Share, difference
from stream.core.measure import Figure

NEWCOMBE = "Newcombe's hybrid score interval, from the Wilson bounds of both (Statistics in Medicine 17, 1998, method 10)"
WELCH = "Welch's interval of two means of unequal variances (Biometrika 34, 1947)"
HISTOGRAM = "; the variances are those of the histograms, in which each duration is known within 1/64"


class Place(NamedTuple):
    """Which figure of a metric: segment and window, in milliseconds."""

    labels: Mapping[str, str]
    start_ms: int
    end_ms: int


class Comparison(NamedTuple):
    """Two figures; the difference is ``this`` minus ``other``, in their unit."""

    this: Figure
    other: Figure
    difference: float | None
    low: float | None
    high: float | None
    method: str
    why_not: str
    """Why there is no interval; empty where there is one."""

    @property
    def contains_zero(self) -> bool | None:
        """None without an interval."""
        return None if self.low is None or self.high is None else self.low <= 0 <= self.high


def overlap(this: Place, other: Place) -> bool:
    """Whether the same measure may count in both: then they are no independent samples."""
    apart = any(other.labels.get(name, value) != value for name, value in this.labels.items())
    return not apart and this.start_ms < other.end_ms and other.start_ms < this.end_ms


def compare(name: str, this: Explanation, other: Explanation, *, same_events: bool = False) -> Comparison:
    """Compare the figure ``name`` of one metric in two places that do not overlap.

    ``same_events``: it is one place, by the definitions of two profiles; there is no interval then. Raises ExplainError naming the
    figures there are.
    """
    figures = [_figure(name, one) for one in (this, other)]
    values = [figure.value for figure in figures]
    samples = [one.metric.samples(one.tally).get(name) for one in (this, other)]
    apart = None if values[0] is None or values[1] is None else values[0] - values[1]
    method, bounds = "", None
    if apart is None:
        why_not = "there is a figure on one side at most"
    elif same_events:
        why_not = "both are of the same events: the definitions set them apart, not chance"
    elif samples[0] is None or samples[1] is None:
        why_not = "it is neither a share nor a mean whose spread is kept"
    else:
        method, bounds = _method(samples[0], figures[0]), difference(samples[0], samples[1])
        why_not = (
            "" if bounds else "a mean needs two values on each side, and some that differ, to show its spread"
        )
    low, high = bounds or (None, None)
    return Comparison(figures[0], figures[1], apart, low, high, method, why_not)


def _figure(name: str, one: Explanation) -> Figure:
    for figure in one.figures:
        if figure.metric == name:
            return figure
    names = ", ".join(figure.metric for figure in one.figures)
    raise ExplainError(f"{name!r} is several figures: compare one of {names}")


def _method(sample: Sample, figure: Figure) -> str:
    if isinstance(sample, Share):
        return NEWCOMBE
    return WELCH + (HISTOGRAM if figure.quantiles is not None else "")
