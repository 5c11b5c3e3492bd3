"""nps: 100 x (promoters - detractors) / answered."""

import pytest

from schemas import events as ev
from tests.metrics.figures import figure_of
from tests.support.histories import START_MS, make


def answers(scores: list[int], scale: tuple[int, int] = (0, 10)) -> list[ev.Event]:
    return [
        make(
            ev.SurveyAnswered,
            START_MS,
            ticket_id=f"t-{number}",
            survey_id=f"s-{number}",
            kind="nps",
            revision=0,
            scale=ev.Scale(min=scale[0], max=scale[1]),
            score=score,
        )
        for number, score in enumerate(scores)
    ]


def test_70_percent_promoters_and_10_percent_detractors_are_60() -> None:
    figure = figure_of("nps", answers([9] * 40 + [10] * 30 + [7] * 10 + [8] * 10 + [6] * 5 + [0] * 5))
    assert figure.value == 60
    assert figure.n == 100
    assert figure.parts == {"promoters": 70, "passives": 20, "detractors": 10}
    assert (figure.low, figure.high) == pytest.approx((46.999, 73.001), abs=1e-3)


def test_where_the_groups_begin() -> None:
    assert [figure_of("nps", answers([score])).value for score in (6, 7, 8, 9)] == [-100, 0, 0, 100]
    assert figure_of("nps", answers([10, 1], (1, 10))).parts["promoters"] == 1


def test_other_scales_are_excluded_and_counted() -> None:
    figure = figure_of("nps", answers([5, 5], (1, 5)))
    assert (figure.n, figure.value) == (0, None)
    assert figure.excluded == {"other_scale": 2}
