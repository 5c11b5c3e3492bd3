"""Two figures of one metric side by side: how far apart, and whether chance alone may have put them there."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stream.core.explain import ExplainError, Explanation
from stream.core.interval import Sample, Share, difference
from stream.core.measure import Figure, Tally
from stream.core.metric import Metric
from stream.core.publisher import emptied

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
    def n(self) -> int:
        """What it rests on: the smaller n of both."""
        return min(self.this.n, self.other.n)

    @property
    def contains_zero(self) -> bool | None:
        """None without an interval."""
        return None if self.low is None or self.high is None else self.low <= 0 <= self.high


class Side:
    """A tally of a metric as one side of comparisons; the samples behind its figures are looked at when they are needed."""

    __slots__ = ("_samples", "figures", "metric", "tally")

    def __init__(self, metric: Metric, tally: Tally, figures: Iterable[Figure]) -> None:
        """``figures``: those of the tally that are compared."""
        self.metric = metric
        self.tally = tally
        self.figures = {figure.metric: figure for figure in figures}
        self._samples: Mapping[str, Sample | None] | None = None

    def sample(self, name: str) -> Sample | None:
        """What a figure was taken of, None where it is empty or no sample."""
        if self._samples is None:
            self._samples = self.metric.samples(self.tally)
        return self._samples.get(name)


def overlap(this: Place, other: Place) -> bool:
    """Whether the same measure may count in both: then they are no independent samples."""
    apart = any(other.labels.get(name, value) != value for name, value in this.labels.items())
    return not apart and this.start_ms < other.end_ms and other.start_ms < this.end_ms


def compare(name: str, this: Explanation, other: Explanation, *, same_events: bool = False) -> Comparison:
    """Compare the figure ``name`` of one metric in two places that do not overlap.

    ``same_events``: it is one place, by the definitions of two profiles; there is no interval then. Raises ExplainError naming the
    figures there are.
    """
    sides = [Side(one.metric, one.tally, [_figure(name, one)]) for one in (this, other)]
    return _compared(name, *sides, same_events=same_events)


def with_before(this: Side, before: Side, min_n: int) -> list[Comparison]:
    """Every figure of a window beside the same one of the window of equal length directly before it: they share no measure.

    Where one of both rests on fewer than ``min_n`` (1 or more) the comparison says nothing but that.
    """
    found = []
    too_few = f"too few, at least {min_n:,} are asked for on each side"
    for name in {**before.figures, **this.figures}:
        now, earlier = _pair(name, this, before)
        if min(now.n, earlier.n) < min_n:
            found.append(Comparison(now, earlier, None, None, None, "", too_few))
        else:
            found.append(_compared(name, this, before))
    return found


def with_other(this: Side, other: Side) -> list[Comparison]:
    """Every figure of a place beside the same one of another with which it shares no measure, however few they rest on."""
    return [_compared(name, this, other) for name in this.figures]


def _pair(name: str, this: Side, other: Side) -> tuple[Figure, Figure]:
    """A figure on both sides; what one of them lacks is empty there."""
    known = {**other.figures, **this.figures}[name]
    return this.figures.get(name) or emptied(known), other.figures.get(name) or emptied(known)


def _compared(name: str, this: Side, other: Side, *, same_events: bool = False) -> Comparison:
    figures = _pair(name, this, other)
    values = [figure.value for figure in figures]
    apart = None if values[0] is None or values[1] is None else values[0] - values[1]
    method, bounds, why_not = "", None, ""
    if apart is None:
        why_not = "there is a figure on one side at most"
    elif same_events:
        why_not = "both are of the same events: the definitions set them apart, not chance"
    else:
        samples = this.sample(name), other.sample(name)
        if samples[0] is None or samples[1] is None:
            why_not = "on one side at least it is neither a share of a count nor a mean whose spread is kept"
        else:
            method, bounds = _method(samples[0], figures[0]), difference(samples[0], samples[1])
            if bounds is None:
                why_not = "a mean needs two values on each side, and some that differ, to show its spread"
    low, high = bounds or (None, None)
    return Comparison(*figures, apart, low, high, method, why_not)


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
