"""A quantile may be off by 1/64 of itself, and never by more; adding and taking out are exact."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.histogram import RELATIVE_ERROR, bucket, bucket_range, middle, quantiles

durations = st.integers(0, 10**12) | st.integers(0, 200)
PERCENTS = (0, 50, 90, 95, 99, 100)


def exact(values: list[int], percent: int) -> Fraction:
    """numpy.percentile(values, percent, method="linear"), in exact arithmetic."""
    ordered = sorted(values)
    at = Fraction((len(ordered) - 1) * percent, 100)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


@given(durations)
def test_a_value_lies_in_its_bucket_and_near_its_middle(value: int) -> None:
    lowest, highest = bucket_range(bucket(value))
    assert lowest <= value <= highest
    assert abs(middle(bucket(value)) - value) <= value * RELATIVE_ERROR


def test_buckets_follow_each_other_without_gap() -> None:
    next_lowest = 0
    for index in range(1500):
        lowest, highest = bucket_range(index)
        assert lowest == next_lowest
        assert bucket(lowest) == bucket(highest) == index
        next_lowest = highest + 1


def test_a_bucket_number_fits_a_slot_for_every_duration_since_the_year_2000() -> None:
    assert bucket(10**14) < 2000


@given(st.lists(durations, min_size=1, max_size=60))
def test_quantiles_are_within_the_stated_bound_of_the_exact_ones(values: list[int]) -> None:
    found = quantiles(Counter(bucket(value) for value in values), PERCENTS)
    for percent in PERCENTS:
        expected = exact(values, percent)
        value = found[percent]
        assert value is not None
        assert abs(value - float(expected)) <= float(expected) * RELATIVE_ERROR + 1e-9


@given(st.lists(durations, min_size=1, max_size=30), st.lists(durations, max_size=30))
def test_what_was_added_can_be_taken_out_again(kept: list[int], removed: list[int]) -> None:
    counts = Counter(bucket(value) for value in kept + removed)
    counts.subtract(Counter(bucket(value) for value in removed))
    assert quantiles(counts, PERCENTS) == quantiles(Counter(bucket(value) for value in kept), PERCENTS)


def test_small_values_are_exact() -> None:
    assert quantiles({10: 1, 20: 1}, (50, 90)) == {50: 15.0, 90: 19.0}


def test_keys_below_the_offset_are_not_values() -> None:
    assert quantiles({0: 5, 16: 999, 17 + 30: 3}, (50,), offset=17) == {50: 30.0}


def test_nothing_counted_is_no_value() -> None:
    assert quantiles({}, (50, 99)) == {50: None, 99: None}


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        bucket(-1)
