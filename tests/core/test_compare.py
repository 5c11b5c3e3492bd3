"""Two figures side by side."""

from statistics import variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.compare import NEWCOMBE, WELCH, Comparison, Place, compare, overlap
from stream.core.config import HOUR_MS
from stream.core.explain import ExplainError, Explanation, explain
from stream.core.histogram import RELATIVE_ERROR
from stream.core.interval import Mean
from stream.metrics import BY_NAME, selected
from stream.metrics.durations import duration_measures, duration_sample
from tests.core.deltas import ALL, BILLING, T0, T0_MS, Delta, Feed, Minutes, answers, config

RETURNS = "team=returns&tenant=acme"
FIRST_REPLY = BY_NAME["first_reply_time"]


def feed(**segments: Minutes) -> Feed:
    fed = Feed(config())
    names = {"all": ALL, "billing": BILLING, "returns": RETURNS}
    fed.give(Delta(0, T0 + 200, {names[name]: minutes for name, minutes in segments.items()}))
    return fed


def side(fed: Feed, name: str, segment: str, hour: int = 0) -> Explanation:
    return explain(
        fed.changelog,
        fed.config,
        selected(fed.config),
        name,
        segment,
        start_ms=T0_MS + hour * HOUR_MS,
        window_ms=HOUR_MS,
    )


def compared(fed: Feed, name: str, *segments: str) -> Comparison:
    return compare(name, *(side(fed, name, segment) for segment in segments))


def durations(*seconds: int) -> dict[int, int]:
    tally: dict[int, int] = {}
    for one in seconds:
        for _, _, slot, amount in duration_measures(0, ("acme",), one * 1000):
            tally[FIRST_REPLY.slot(slot)] = tally.get(FIRST_REPLY.slot(slot), 0) + amount
    return tally


def test_two_segments_of_a_share() -> None:
    # Newcombe's first example: 56/70 and 48/80.
    found = compared(
        feed(billing={T0: answers(56, 14)}, returns={T0: answers(48, 32)}), "csat", BILLING, RETURNS
    )
    assert (found.this.n, found.other.n) == (70, 80)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (found.contains_zero, found.method, found.why_not) == (False, NEWCOMBE, "")


def test_two_windows_of_a_share() -> None:
    fed = feed(all={T0: answers(5, 51), T0 + 60: answers(0, 29)})
    found = compare("csat", side(fed, "csat", ALL), side(fed, "csat", ALL, hour=1))
    assert (found.low, found.high) == pytest.approx((-0.0381, 0.1926), abs=5e-5)
    assert found.contains_zero is True


def test_nps_is_a_mean_of_a_hundred_none_and_minus_a_hundred() -> None:
    promoters, passives, detractors = (BY_NAME["nps"].slot(16 + group) for group in range(3))
    groups = (
        {T0: {promoters: 2, passives: 1, detractors: 1}},
        {T0: {promoters: 1, passives: 1, detractors: 2}},
    )
    found = compared(feed(billing=groups[0], returns=groups[1]), "nps", BILLING, RETURNS)
    # 25 and -25; each of variance (2 x 75^2 + 25^2 + 125^2) / 3 = 27500 / 3; df 6, t 2.4469; 2.4469 x sqrt(2 x 27500 / 12) = 165.65
    assert found.difference == 50
    assert (found.low, found.high) == pytest.approx((50 - 165.65, 50 + 165.65), abs=0.01)
    assert (found.contains_zero, found.method) == (True, WELCH)


def test_a_mean_on_one_scale_and_on_all() -> None:
    slot = BY_NAME["csat_mean"].slot(16 + 4 * 16)  # score 1 of 1-5
    scores = {T0: {slot + 3: 2, slot + 4: 2}}, {T0: {slot: 2, slot + 1: 2}}
    fed = feed(billing=scores[0], returns=scores[1])
    # 4.5 and 1.5; variance 1/3 each; df 6; 2.4469 x sqrt(2 x (1/3) / 4) = 0.99896
    on_scale = compared(fed, "csat_mean_1_5", BILLING, RETURNS)
    assert on_scale.difference == 3
    assert (on_scale.low, on_scale.high) == pytest.approx((2.00104, 3.99896), abs=1e-4)
    joined = compared(fed, "csat_mean", BILLING, RETURNS)
    assert (joined.low, joined.high) == pytest.approx((2.00104 / 4, 3.99896 / 4), abs=1e-4)
    assert on_scale.contains_zero is False


def test_means_of_durations_say_where_their_spread_is_from() -> None:
    fed = feed(billing={T0: durations(60, 62, 64)}, returns={T0: durations(600, 640, 660)})
    found = compared(fed, "first_reply_time", BILLING, RETURNS)
    assert found.difference == pytest.approx(62 - 1900 / 3)
    assert found.method.startswith(WELCH)
    assert "1/64" in found.method
    assert found.contains_zero is False


def test_without_a_figure_or_a_spread_there_is_no_interval() -> None:
    fed = feed(billing={T0: answers(3, 1) | durations(60)}, returns={T0: durations(600, 640)})
    nothing = compared(fed, "csat", BILLING, RETURNS)
    assert (nothing.difference, nothing.low, nothing.high, nothing.contains_zero) == (None, None, None, None)
    assert "one side" in nothing.why_not
    one = compared(fed, "first_reply_time", BILLING, RETURNS)
    assert one.difference == pytest.approx(60 - 620)
    assert one.contains_zero is None
    assert "two values" in one.why_not


def test_a_figure_that_is_not_there_is_named_with_those_that_are() -> None:
    found = side(feed(billing={T0: answers(3, 1)}), "csat", BILLING)
    with pytest.raises(ExplainError, match="compare one of csat"):
        compare("csat_30s", found, found)


HOUR = (0, HOUR_MS)
LATER = (HOUR_MS, 2 * HOUR_MS)
DAY = (0, 24 * HOUR_MS)


@pytest.mark.parametrize(
    ("this", "other", "shared"),
    [
        (({"tenant": "a"}, HOUR), ({"tenant": "a"}, HOUR), True),
        (({"tenant": "a"}, HOUR), ({"tenant": "a"}, LATER), False),
        (({"tenant": "a"}, HOUR), ({"tenant": "a"}, DAY), True),
        (({"tenant": "a", "team": "x"}, HOUR), ({"tenant": "a", "team": "y"}, HOUR), False),
        (({"tenant": "a", "team": "x"}, HOUR), ({"tenant": "a"}, HOUR), True),
        (({"tenant": "a", "team": "x"}, HOUR), ({"tenant": "a"}, LATER), False),
        (({"tenant": "a", "team": "x"}, HOUR), ({"tenant": "a", "channel": "y"}, HOUR), True),
        (({"tenant": "a", "team": "x"}, HOUR), ({"tenant": "b", "team": "x"}, HOUR), False),
    ],
)
def test_what_may_share_measures_is_told(
    this: tuple[dict[str, str], tuple[int, int]], other: tuple[dict[str, str], tuple[int, int]], shared: bool
) -> None:
    places = [Place(labels, *window) for labels, window in (this, other)]
    assert overlap(*places) is shared
    assert overlap(*reversed(places)) is shared


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=40))
def test_the_spread_of_durations_is_known_as_well_as_they_are(milliseconds: list[int]) -> None:
    tally: dict[int, int] = {}
    for one in milliseconds:
        for _, _, slot, amount in duration_measures(0, ("acme",), one):
            tally[slot] = tally.get(slot, 0) + amount
    found = duration_sample(tally)
    assert isinstance(found, Mean)
    n = len(milliseconds)
    assert found.value == pytest.approx(sum(milliseconds) / n / 1000)
    # Standard deviations obey the triangle inequality: what each is off by, at most 1/64 of itself, bounds the sum's.
    off = RELATIVE_ERROR * (sum((one / 1000) ** 2 for one in milliseconds) / (n - 1)) ** 0.5
    exact = variance([one / 1000 for one in milliseconds]) ** 0.5
    assert abs(found.variance**0.5 - exact) <= off + 1e-6 * exact + 1e-9
