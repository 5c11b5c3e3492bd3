"""What every definition owes to those that check it: worked figures of each reason, scale, bound and figure that it has."""

import json
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from schemas.base import SATISFIED_FROM
from stream.core.fact import LABELS
from stream.core.metric import Metric
from stream.metrics import BY_NAME
from tests.metrics.test_registry_contract import every_definition, every_metric
from tests.vectors.cases import EVERY_METRIC, cases, figures_of


@every_metric
def test_it_says_whether_its_figures_have_intervals_and_values(metric: Metric) -> None:
    """What alert rules are checked against, as its vectors show it."""
    own = figures_of(metric.name, "default")
    assert any(one.low is not None for one in own) == metric.interval
    if metric.name in {one.name for one in metric.named()}:
        valued = any(one.value is not None for one in own if one.metric in ("", metric.name))
        assert valued != metric.only_counts


@every_metric
def test_it_has_vectors(metric: Metric) -> None:
    """Three at least; where it has windows, one with a value and one without."""
    own = [case for case in cases() if case.metric == metric.name]
    figures = [one for case in own for one in case.told_of(metric.name, "default")]
    assert len(own) >= 3
    assert any(case.source == metric.source for case in own), "its section has another source"
    if not metric.live:
        assert any(figure.n == 0 for figure in figures)
        assert any(figure.n > 0 for figure in figures)


@every_definition
def test_vectors_show_each_reason_that_it_gives_and_it_names_no_other(metric: Metric) -> None:
    """Whoever's definition it is: a reason that no events can give it has no place in it."""
    shown = {reason for one in figures_of(metric.name, metric.profile) for reason in one.excluded}
    assert shown == set(metric.reasons.values())


TOP_BOX = {scale: {lowest - 1, lowest} for scale, lowest in SATISFIED_FROM.items()}
"""Scale -> the highest score that does not satisfy, and the lowest one that does."""
BOUNDS: Mapping[str, Callable[[tuple[int, int]], set[int]]] = {
    "csat": lambda scale: {*scale, *TOP_BOX[scale]},
    "csat_mean": set,
    "csat_change": set,
    "ces": set,
    "nps": lambda scale: {*scale, 6, 7, 8, 9} if scale[1] == 10 else {scale[1]},
}
"""Metric of scores -> the scores on a scale that its vectors must show. Where a scale cannot be read, one."""
KIND_OF = {"csat_mean": "csat", "csat_change": "csat"}


@cache
def _scores(metric: str) -> Mapping[tuple[int, int], set[int]]:
    """Scale -> the scores that the answers have which a metric's figures are worked out from."""
    found: dict[tuple[int, int], set[int]] = {}
    for case in cases():
        if case.refused or not case.told_of(metric, "default"):
            continue
        for data in (json.loads(one.value)["data"] for batch in case.batches() for one in batch):
            if data.get("kind") == KIND_OF.get(metric, metric) and data.get("score") is not None:
                scale = data["scale"]["min"], data["scale"]["max"]
                found.setdefault(scale, set()).add(data["score"])
    return found


@pytest.mark.parametrize("scale", SATISFIED_FROM, ids=lambda scale: f"{scale[0]}-{scale[1]}")
@pytest.mark.parametrize("metric", BOUNDS)
def test_vectors_show_every_scale_at_each_of_its_bounds(metric: str, scale: tuple[int, int]) -> None:
    assert BOUNDS[metric](scale) <= _scores(metric).get(scale, set())


@every_metric
def test_vectors_show_each_figure_that_it_can_have(metric: Metric) -> None:
    """Those of one scale or channel, too; of money there is one for every currency, all of them made in one way."""
    shown = {one.metric for one in figures_of(metric.name, "default") if one.n}
    assert {one.name for one in metric.named() if one.unit != "minor" and not metric.live} <= shown


def test_each_section_of_the_vectors_is_about_a_metric() -> None:
    assert {case.metric for case in cases()} == {*BY_NAME, EVERY_METRIC}


def test_every_word_for_an_answer_is_in_the_vectors() -> None:
    lines = " ".join(line for case in cases() if not case.refused for line in case.events)
    assert [word for word in LABELS if f"label={word}" not in lines] == []
