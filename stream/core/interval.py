"""95 % intervals: of shares, of the Net Promoter Score, and of the difference of two samples."""

from collections.abc import Mapping
from math import atan, cos, exp, lgamma, log, pi, sqrt
from statistics import NormalDist
from typing import NamedTuple

Z_95 = NormalDist().inv_cdf(0.975)
EXPANDED_FROM = 50
"""Degrees of freedom from which the expansion of Student's t in their inverse is right to 1e-8."""


class Share(NamedTuple):
    """So many of n."""

    successes: int
    n: int


class Mean(NamedTuple):
    """A mean, and the variance of what it was made of: squared deviations / (n - 1), 0 where n is 1."""

    value: float
    variance: float
    n: int


Sample = Share | Mean


def mean_of(counts: Mapping[float, int], mean: float | None = None) -> Mean | None:
    """Of values and how often each occurs; None where none does. ``mean`` if it is known better than the values are."""
    n = sum(counts.values())
    if n <= 0:
        return None
    pairs = counts.items()
    centre = sum([value * count for value, count in pairs]) / n
    squares = sum([count * (value - centre) * (value - centre) for value, count in pairs])
    return Mean(centre if mean is None else mean, squares / (n - 1) if n > 1 else 0.0, n)


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion, 0..1, without continuity correction; None where n is 0, or it is no proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927).
    """
    if n <= 0 or not 0 <= successes <= n:
        return None
    share = successes / n
    square = Z_95 * Z_95
    centre = share + square / (2 * n)
    spread = Z_95 * sqrt(share * (1 - share) / n + square / (4 * n * n))
    scale = 1 + square / n
    # At 0 and n of n the bound is exactly 0 or 1; floating point would leave it a hair inside or outside.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high


def nps_interval(promoters: int, passives: int, detractors: int) -> tuple[float, float] | None:
    """Interval of the Net Promoter Score in points, cut to -100..100; None without answers.

    The variance of (promoters - detractors) / n under a multinomial: ``(p + d - (p - d)^2) / n``. Where all
    answers are of one group it is 0 and the interval is a point: it says nothing about few answers, the count
    beside it does.
    """
    n = promoters + passives + detractors
    if n <= 0:
        return None
    difference = (promoters - detractors) / n
    variance = ((promoters + detractors) / n - difference * difference) / n
    spread = Z_95 * sqrt(max(variance, 0.0))
    return max(100 * (difference - spread), -100.0), min(100 * (difference + spread), 100.0)


def difference(first: Sample, second: Sample) -> tuple[float, float] | None:
    """95 % interval of first - second, two independent samples of one kind; None where they do not say enough."""
    if isinstance(first, Share) and isinstance(second, Share):
        return newcombe(first, second)
    if isinstance(first, Mean) and isinstance(second, Mean):
        return welch(first, second)
    raise TypeError("a share and a mean have no difference")


def newcombe(first: Share, second: Share) -> tuple[float, float] | None:
    """Newcombe's hybrid score interval of the difference of two shares, -1..1; None where one of them has an n of 0.

    From the Wilson bounds of both, without continuity correction. Source: R. G. Newcombe, "Interval estimation for the difference
    between independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), method 10.
    """
    one, other = wilson(*first), wilson(*second)
    if one is None or other is None:
        return None
    share, baseline = first.successes / first.n, second.successes / second.n
    below = sqrt((share - one[0]) ** 2 + (other[1] - baseline) ** 2)
    above = sqrt((one[1] - share) ** 2 + (baseline - other[0]) ** 2)
    # Where a share is 0 or 1 and its bound too, floating point may leave the range by a hair.
    return max(share - baseline - below, -1.0), min(share - baseline + above, 1.0)


def welch(first: Mean, second: Mean) -> tuple[float, float] | None:
    """Welch's interval of the difference of two means of unequal variances; None under two values each, or without any spread.

    Source: B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34 (1947); degrees of freedom after F. E. Satterthwaite, Biometrics Bulletin 2 (1946).
    """
    if first.n < 2 or second.n < 2:
        return None
    one, other = first.variance / first.n, second.variance / second.n
    if one + other <= 0:
        return None
    # In parts of the sum: squares of very small variances would vanish.
    part = one / (one + other)
    freedom = 1 / (part**2 / (first.n - 1) + (1 - part) ** 2 / (second.n - 1))
    spread = student_95(freedom) * sqrt(one + other)
    centre = first.value - second.value
    return centre - spread, centre + spread


def mean_interval(mean: Mean) -> tuple[float, float] | None:
    """95 % interval of a mean; None under two values, or without any spread.

    Source: Student, "The probable error of a mean", Biometrika 6 (1908).
    """
    if mean.n < 2 or mean.variance <= 0:
        return None
    spread = student_95(mean.n - 1) * sqrt(mean.variance / mean.n)
    return mean.value - spread, mean.value + spread


def student_95(freedom: float) -> float:
    """The t that 95 % of Student's distribution with so many degrees of freedom (1 or more) do not exceed in size.

    The expansion: M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5.
    """
    if freedom >= EXPANDED_FROM:
        z, square = Z_95, Z_95 * Z_95
        first = (square + 1) / 4
        second = ((5 * square + 16) * square + 3) / 96
        third = (((3 * square + 19) * square + 17) * square - 15) / 384
        fourth = ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92160
        return z * (1 + (first + (second + (third + fourth / freedom) / freedom) / freedom) / freedom)
    # Newton's steps from the left: P is concave, so none of them goes too far.
    peak = 2 * exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(pi * freedom)
    t, step = Z_95, 1.0
    while step > 1e-12 * t:
        density = peak * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
        step = (0.95 - _within(t, freedom)) / density
        t += step
    return t


def _within(t: float, freedom: float) -> float:
    """P(|T| <= t): with t = sqrt(freedom) tan(a) the density is cos(a) ** (freedom - 1), by Simpson's rule."""
    steps = 200
    width = atan(t / sqrt(freedom)) / steps
    total = 1.0
    for step in range(1, steps + 1):
        weight = 1 if step == steps else 4 if step % 2 else 2
        total += weight * exp((freedom - 1) * log(cos(step * width)))
    scale = 2 * exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(pi)
    return scale * total * width / 3
