"""95 % intervals of shares and of the Net Promoter Score."""

from math import sqrt
from statistics import NormalDist

Z_95 = NormalDist().inv_cdf(0.975)


def wilson(successes: int, n: int) -> tuple[float, float] | None:
    """Wilson's score interval of a proportion, 0..1, without continuity correction; None where n is 0.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927).
    """
    if n <= 0:
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
