"""csat_mean: scales are never mixed, the rescaled mean joins them."""

import pytest

from schemas import events as ev
from stream.metrics.csat_mean import METRIC
from tests.metrics.figures import figures_of
from tests.metrics.test_csat import answer, worded


def test_each_scale_has_its_own_mean_and_the_rescaled_one_joins_them() -> None:
    figures = figures_of(
        "csat_mean",
        [answer(1, (1, 5), 5), answer(2, (1, 5), 2), answer(3, (0, 10), 5), worded(4, "good")],
    )
    assert set(figures) == {"csat_mean", "csat_mean_1_5", "csat_mean_0_10"}
    assert figures["csat_mean_1_5"].value == 3.5
    assert figures["csat_mean_1_5"].parts == {"sum": 7, "answered": 2, "score_2": 1, "score_5": 1}
    assert figures["csat_mean_0_10"].value == 5
    assert figures["csat_mean"].value == pytest.approx((1 + 0.25 + 0.5) / 3)
    assert figures["csat_mean"].n == 3
    assert figures["csat_mean"].excluded == {"no_score": 1}


@pytest.mark.parametrize("scale", list(ev.SATISFIED_FROM))
def test_the_ends_of_every_scale_are_0_and_1(scale: tuple[int, int]) -> None:
    assert figures_of("csat_mean", [answer(1, scale, scale[0])])["csat_mean"].value == 0
    assert figures_of("csat_mean", [answer(1, scale, scale[1])])["csat_mean"].value == 1


def test_series_of_a_scale_read_that_scale_alone() -> None:
    figures = figures_of("csat_mean", [answer(1, (1, 5), 4)])
    read = {
        (series.name, series.labels): [series.read(figure) for figure in figures.values()]
        for series in METRIC.series
    }
    assert read["csat_mean_score", (("scale", "1-5"),)] == [None, 4]
    assert read["csat_mean_score", (("scale", "1-7"),)] == [None, None]
    assert read["csat_mean_ratio", ()] == [0.75, None]
