"""Intervals against values from elsewhere."""

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.interval import nps_interval, wilson


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
