"""quality_score: exact in integers, per review and per criterion."""

from fractions import Fraction
from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.interval import Mean, difference
from stream.metrics.quality_score import SCALE, criterion_name, score_of
from tests.metrics.figures import figure_of, figures_of, measures_of, metric_of, minutes, tally_of
from tests.support.histories import START_MS, make

MINUTE = 60_000
CRITERIA = CoreConfig(quality_criteria=("tone_of_voice", "facts"))

Line = tuple[str, int, int, int]


def review(number: int, *lines: Line, minute: int = 5, agent: str | None = None) -> ev.Event:
    criteria = [
        ev.Criterion(name=name, score=score, max=most, weight=weight) for name, score, most, weight in lines
    ]
    return make(
        ev.ReviewScored,
        START_MS + minute * MINUTE,
        ticket_id=f"t-{number}",
        review_id="q-1",
        agent_id=agent,
        criteria=criteria,
    )


def test_a_review_is_the_weighted_mean_of_its_criteria_and_the_figure_the_mean_of_reviews() -> None:
    events = [
        review(1, ("tone", 4, 5, 3), ("facts", 6, 10, 7)),  # (3 x 0.8 + 7 x 0.6) / 10 = 0.66
        review(2, ("tone", 5, 5, 1)),  # 1
    ]
    figure = figure_of("quality_score", events)
    assert (figure.value, figure.n, figure.unit) == (0.83, 2, "ratio")
    assert figure.parts == {"sum": 1.66, "reviews": 2}
    assert set(minutes(measures_of("quality_score", events))) == {5}


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**6)).map(
            lambda line: (min(line[0], line[1]), line[1], line[2])
        ),
        min_size=1,
        max_size=100,
    )
)
def test_a_score_is_the_exact_fraction_rounded_half_up_to_a_billionth(
    lines: list[tuple[int, int, int]],
) -> None:
    weights = sum(weight for _, _, weight in lines)
    found = score_of([("x", *line) for line in lines])
    if not weights:
        assert found is None
        return
    exact = sum((Fraction(weight * score, most) for score, most, weight in lines), Fraction()) / weights
    assert found == (exact * SCALE + Fraction(1, 2)).__floor__()
    assert 0 <= found <= SCALE


def test_a_third_and_two_thirds_are_one() -> None:
    figure = figure_of("quality_score", [review(1, ("a", 1, 3, 1)), review(2, ("a", 2, 3, 1))])
    assert (figure.value, figure.parts["sum"]) == (0.5, 1)


def sample_of(events: list[ev.Event], name: str = "quality_score") -> Mean:
    sample = metric_of("quality_score", CRITERIA).samples(tally_of("quality_score", events, CRITERIA))[name]
    assert isinstance(sample, Mean)
    return sample


@given(
    st.lists(
        st.integers(1, 1000).flatmap(lambda most: st.tuples(st.integers(0, most), st.just(most))),
        min_size=1,
        max_size=60,
    )
)
def test_the_spread_of_reviews_is_known(scores: list[tuple[int, int]]) -> None:
    shares = [score / most for score, most in scores]
    events = [review(number, ("facts", *one, 2)) for number, one in enumerate(scores)]
    for name in ("quality_score", "quality_score_facts"):
        sample = sample_of(events, name)
        assert sample.n == len(shares)
        assert sample.value == pytest.approx(mean(shares), abs=1e-9)
        exact = variance(shares) if len(shares) > 1 else 0.0
        assert sample.variance == pytest.approx(exact, abs=len(shares) * 1e-8)
        assert sample.variance > 0 or exact < 1e-8 * len(shares)


@pytest.mark.parametrize("score", [(1, 3), (2, 3), (5, 7), (4, 5), (1, 1), (0, 9)])
def test_equal_scores_have_no_spread_however_they_are_rounded(score: tuple[int, int]) -> None:
    assert sample_of([review(number, ("facts", *score, 1)) for number in range(50)]).variance == 0


def test_before_and_after_have_an_interval() -> None:
    """0.6 and 0.8 against 0.2 and 0.4: 0.4 +- 4.303 x sqrt(0.02 / 2 + 0.02 / 2), with two degrees of freedom."""
    now, before = (
        sample_of([review(number, ("facts", score, 10, 1)) for number, score in enumerate(scores)])
        for scores in ((6, 8), (2, 4))
    )
    assert difference(now, before) == pytest.approx((0.4 - 0.6085, 0.4 + 0.6085), abs=1e-4)


def test_a_review_without_any_weight_is_left_out_and_counted() -> None:
    figure = figure_of(
        "quality_score", [review(1, ("a", 1, 3, 0)), review(2, ("a", 3, 3, 1), ("b", 0, 9, 0))]
    )
    assert (figure.value, figure.n, figure.excluded) == (1, 1, {"no_weight": 1})


def test_the_latest_scores_of_a_review_count() -> None:
    events = [review(1, ("a", 1, 5, 1)), review(1, ("a", 5, 5, 1), minute=9)]
    figure = figure_of("quality_score", events)
    assert (figure.value, figure.n) == (1, 1)
    assert set(minutes(measures_of("quality_score", events))) == {9}


def test_criteria_that_are_named_have_figures_and_no_others() -> None:
    events = [
        review(1, ("Tone of voice", 4, 5, 0), ("Manners", 0, 5, 1)),
        review(2, ("tone of voice", 2, 5, 9), ("Facts", 1, 2, 1)),
    ]
    figures = figures_of("quality_score", events, CRITERIA)
    assert {name: (one.value, one.n) for name, one in figures.items() if name != "quality_score"} == {
        "quality_score_tone_of_voice": (pytest.approx(0.6), 2),
        "quality_score_facts": (0.5, 1),
    }
    assert set(figures_of("quality_score", events)) == {"quality_score"}
    labels = {series.labels for series in metric_of("quality_score", CRITERIA).series}
    assert labels == {(), (("criterion", "tone_of_voice"),), (("criterion", "facts"),)}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Tone of voice", "tone_of_voice"),
        ("  GDPR / privacy ", "gdpr_privacy"),
        ("facts", "facts"),
        ("?!", ""),
    ],
)
def test_how_a_criterion_is_written_in_the_setting(name: str, written: str) -> None:
    assert criterion_name(name) == written


def test_it_is_the_agents_whom_the_review_names_else_the_holders() -> None:
    assigned = make(ev.TicketAssigned, START_MS, ticket_id="t-1", agent_id="a-1")
    own = measures_of("quality_score", [assigned, review(1, ("a", 1, 5, 1))])
    named = measures_of("quality_score", [assigned, review(1, ("a", 1, 5, 1), agent="a-9")])
    assert {labels[4] for _, labels, _, _ in own} == {"a-1"}
    assert {labels[4] for _, labels, _, _ in named} == {"a-9"}
