"""Intervals against values from elsewhere."""

from collections import Counter
from math import sqrt
from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.interval import (
    Z_95,
    Mean,
    Share,
    difference,
    mean_of,
    newcombe,
    nps_interval,
    student_95,
    welch,
    wilson,
)

shares = st.integers(1, 5_000).flatmap(lambda n: st.integers(0, n).map(lambda successes: Share(successes, n)))
means = st.builds(Mean, st.integers(-1000, 1000), st.integers(1, 10_000), st.integers(2, 100_000))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998),
        # table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_newcombes_published_table(
    successes: int, n: int, low: float, high: float
) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilsons_bounds_are_where_the_normal_test_would_just_reject() -> None:
    # The defining equation, not the solved one: |share - bound| = z * sqrt(bound * (1 - bound) / n), z =
    # 1.959964 (tables).
    interval = wilson(80, 112)
    assert interval is not None
    for bound in interval:
        assert abs(80 / 112 - bound) == pytest.approx(1.959964 * sqrt(bound * (1 - bound) / 112), abs=1e-7)


@given(st.integers(1, 10_000), st.data())
def test_wilson_holds_the_share_and_stays_within_0_and_1(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    interval = wilson(successes, n)
    assert interval is not None
    assert 0 <= interval[0] <= successes / n <= interval[1] <= 1


def test_nps_by_hand() -> None:
    # 70, 20, 10 of 100: 60 points; variance (0.8 - 0.36) / 100 = 0.0044; 1.959964 * sqrt(0.0044) = 0.1300088
    assert nps_interval(70, 20, 10) == pytest.approx((46.99912, 73.00088), abs=1e-4)


def test_nps_interval_never_leaves_the_scale() -> None:
    assert nps_interval(9, 1, 0) == pytest.approx((71.4059, 100.0), abs=1e-3)
    assert nps_interval(0, 1, 9) == pytest.approx((-100.0, -71.4059), abs=1e-3)
    assert nps_interval(3, 0, 0) == (100.0, 100.0)


def test_no_answers_no_interval() -> None:
    assert wilson(0, 0) is None
    assert nps_interval(0, 0, 0) is None


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Table II of R. G. Newcombe, Stat. Med. 17 (1998), on the difference between independent proportions: method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_a_difference_of_shares_agrees_with_newcombes_published_table(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    assert newcombe(Share(*first), Share(*second)) == pytest.approx((low, high), abs=5e-5)


def test_a_difference_of_means_agrees_with_the_sleep_data() -> None:
    # Student, Biometrika 6 (1908), the two drugs as independent samples; R's manual of t.test prints these bounds (df 17.776).
    first = mean_of(Counter([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
    second = mean_of(Counter([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))
    assert first is not None
    assert second is not None
    assert (first.value, second.value) == pytest.approx((0.75, 2.33))
    assert welch(first, second) == pytest.approx((-3.3654832, 0.2054832), abs=1e-7)


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (60, 2.000), (120, 1.980)],
)
def test_students_t_agrees_with_the_tables(freedom: float, t: float) -> None:
    assert student_95(freedom) == pytest.approx(t, abs=5e-4)


@given(st.floats(1, 1e9), st.floats(1, 1e9))
def test_students_t_falls_towards_the_normal_distribution(one: float, other: float) -> None:
    fewer, more = sorted((one, other))
    assert student_95(fewer) >= student_95(more) - 1e-6
    assert student_95(more) >= Z_95 - 1e-6


@given(shares, shares)
def test_a_difference_of_shares_lies_in_its_interval_and_turns_its_sign(first: Share, second: Share) -> None:
    interval = newcombe(first, second)
    assert interval is not None
    low, high = interval
    apart = first.successes / first.n - second.successes / second.n
    assert -1 <= low <= apart + 1e-12
    assert apart - 1e-12 <= high <= 1
    assert newcombe(second, first) == pytest.approx((-high, -low), abs=1e-12)
    assert difference(first, second) == interval


@given(shares)
def test_equal_shares_are_never_told_apart(share: Share) -> None:
    interval = newcombe(share, share)
    assert interval is not None
    assert interval[0] <= 0 <= interval[1]


@given(shares, shares)
def test_ten_times_as_many_say_more(first: Share, second: Share) -> None:
    few = newcombe(first, second)
    many = newcombe(Share(first.successes * 10, first.n * 10), Share(second.successes * 10, second.n * 10))
    assert few is not None
    assert many is not None
    assert many[1] - many[0] < few[1] - few[0]


@given(means, means, st.integers(-1000, 1000), st.integers(1, 100))
def test_a_difference_of_means_lies_in_its_interval_and_follows_shift_and_unit(
    first: Mean, second: Mean, shift: int, unit: int
) -> None:
    interval = welch(first, second)
    assert interval is not None
    low, high = interval
    assert low < first.value - second.value < high
    assert welch(second, first) == pytest.approx((-high, -low))
    moved = welch(first._replace(value=first.value + shift), second._replace(value=second.value + shift))
    assert moved == pytest.approx(interval)
    larger = [Mean(one.value * unit, one.variance * unit**2, one.n) for one in (first, second)]
    assert welch(*larger) == pytest.approx((low * unit, high * unit))
    # Never narrower than if the variances were known.
    known = Z_95 * sqrt(first.variance / first.n + second.variance / second.n)
    assert high - low >= 2 * known * (1 - 1e-9)


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=50))
def test_a_mean_of_counts_is_that_of_its_values(values: list[int]) -> None:
    found = mean_of({float(value): count for value, count in Counter(values).items()})
    assert found is not None
    assert found == pytest.approx((mean(values), variance(values), len(values)))


def test_where_there_is_no_interval_of_a_difference() -> None:
    assert mean_of({5.0: 0}) is None
    assert mean_of({5.0: 1}) == (5.0, 0.0, 1)
    assert welch(Mean(5, 0, 1), Mean(4, 1, 9)) is None
    assert welch(Mean(5, 0, 9), Mean(4, 0, 9)) is None
    assert newcombe(Share(0, 0), Share(1, 2)) is None
    with pytest.raises(TypeError):
        difference(Share(1, 2), Mean(1, 1, 2))
