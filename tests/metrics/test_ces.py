"""ces: the mean on each scale, with a direction that is never lost."""

import json

import pytest

from schemas import events as ev
from stream.core.config import CoreConfig
from tests.metrics.figures import figures_of, metric_of
from tests.support.core import oracle
from tests.support.histories import START_MS, make
from tests.support.log import log

HIGH = CoreConfig(metrics=("ces", "csat"), ces_direction="high_is_good")


def effort(number: int, score: int, scale: tuple[int, int] = (1, 7), kind: str = "ces") -> ev.Event:
    return make(
        ev.SurveyAnswered,
        START_MS,
        ticket_id=f"t-{number}",
        survey_id=f"s-{number}",
        kind=kind,
        revision=0,
        scale=ev.Scale(min=scale[0], max=scale[1]),
        score=score,
    )


def test_a_thousand_answers_on_7_points_have_a_mean_of_4_08() -> None:
    counts = {1: 80, 2: 210, 3: 140, 4: 110, 5: 160, 6: 180, 7: 120}
    scores = [score for score, times in counts.items() for _ in range(times)]
    figure = figures_of("ces", [effort(number, score) for number, score in enumerate(scores)])["ces"]
    assert (figure.value, figure.n, figure.unit) == (4.08, 1000, "score")
    assert figure.parts == {"sum": 4080, "answered": 1000} | {f"score_{k}": n for k, n in counts.items()}


def test_scales_are_never_mixed_and_other_surveys_not_counted() -> None:
    figures = figures_of(
        "ces", [effort(1, 7), effort(2, 1, (1, 5)), effort(3, 4, (1, 5)), effort(4, 2, kind="csat")]
    )
    assert {name: (one.value, one.n) for name, one in figures.items()} == {"ces": (7, 1), "ces_1_5": (2.5, 2)}


@pytest.mark.parametrize("direction", ["low_is_good", "high_is_good"])
def test_the_direction_is_told_by_definition_rollup_and_series(direction: str) -> None:
    config = CoreConfig(metrics=("ces", "csat"), ces_direction=direction)  # type: ignore[arg-type]  # one of both
    metric = metric_of("ces", config)
    assert direction in metric.definition
    assert all(("direction", direction) in series.labels for series in metric.series)
    events = [("surveys", effort(1, 3)), ("surveys", effort(2, 4, (1, 5), "csat"))]
    rollups = oracle(config, log(events, timestamp_ms=START_MS), now_ms=START_MS).rollups
    labels = {
        data["metric"]: data.get("definition_labels")
        for data in (json.loads(rollup.value or b"")["data"] for rollup in rollups)
    }
    assert labels == {"ces": {"direction": direction}, "csat": None}


def test_the_series_of_a_scale_reads_that_scale_alone() -> None:
    metric = metric_of("ces", HIGH)
    figures = figures_of("ces", [effort(1, 7), effort(2, 2, (1, 5))], HIGH)
    read = {
        dict(series.labels)["scale"]: [series.read(one) for one in figures.values()]
        for series in metric.series
        if series.name == "ces_score"
    }
    assert (read["1-7"], read["1-5"], read["0-10"]) == ([7, None], [None, 2], [None, None])
