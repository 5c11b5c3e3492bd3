"""Durations as integer counts in logarithmic buckets: mergeable and, unlike sketches, subtractable.

Values below 64 ms have a bucket each. Above, every octave is cut into 32 equal buckets, so a bucket's middle
is at most 1/64 of a value away from any value in it. No floating-point logarithm decides about a bucket: the
same value is in the same bucket everywhere.
"""

from collections.abc import Mapping

from stream.core.loops import quantiles_of

_SUB_BUCKETS = 32
_SUB_BITS = 5
_EXACT_BITS = _SUB_BITS + 1

RELATIVE_ERROR = 1 / (2 * _SUB_BUCKETS)
"""Bound of a quantile's error relative to the exact quantile (1/64)."""


def bucket(value: int) -> int:
    """The bucket of an integer >= 0. Raises ValueError for a negative one."""
    if value < 0:
        raise ValueError(f"a histogram takes integers from 0, not {value}")
    shift = value.bit_length() - _EXACT_BITS
    if shift <= 0:
        return value
    return (shift << _SUB_BITS) + (value >> shift)


def bucket_range(index: int) -> tuple[int, int]:
    """Smallest and largest integer of a bucket, both included."""
    if index < 2 * _SUB_BUCKETS:
        return index, index
    shift = (index >> _SUB_BITS) - 1
    lowest = ((index & (_SUB_BUCKETS - 1)) + _SUB_BUCKETS) << shift
    return lowest, lowest + (1 << shift) - 1


def middle(index: int) -> float:
    """What a bucket's values are taken for."""
    lowest, highest = bucket_range(index)
    return (lowest + highest) / 2


MIDDLES = [middle(index) for index in range(4096)]
"""Of all buckets that slots can have."""


def quantiles(
    counts: Mapping[int, int], percents: tuple[int, ...], offset: int = 0
) -> dict[int, float | None]:
    """Quantiles of the counted values, ascending percent -> value; None where nothing is counted.

    ``counts`` maps ``offset + bucket`` to a count; smaller keys are left alone. The rank is numpy's default
    ("linear"): with ``h = (n - 1) * percent / 100`` the values of ranks ``floor(h)`` and ``floor(h) + 1`` are
    interpolated. Both are off by at most :data:`RELATIVE_ERROR`, hence so is the result.
    """
    return dict(zip(percents, quantiles_of(counts, offset, percents, MIDDLES), strict=True))
