"""Figures beside those of the window before, on the page."""

from collections.abc import Mapping

import pytest

from stream.core.config import CoreConfig
from stream.core.snapshot import SegmentSnapshot
from stream.metrics import BY_NAME, METRICS
from stream.metrics.profiles import under
from stream.web.comparisons import UNITS, declared
from stream.web.exporter import Exporter
from tests.web.metrics import Status, snapshot, status
from tests.web.test_exporter import HOUR, at, samples

CSAT, NPS, CHURN = (BY_NAME[name] for name in ("csat", "nps", "churn_rate"))
WHERE = {"tenant": "acme", "window": "1h"}
Tallies = Mapping[int, int]


def csat(good: int, bad: int) -> dict[int, int]:
    return {CSAT.slot(16): good, CSAT.slot(17): bad}


def shown(now: Tallies, before: Tallies | None) -> Status:
    seen = frozenset(slot // 4096 for slot in (*now, *(before or ())))
    befores = {} if before is None else {HOUR: before}
    one = SegmentSnapshot("tenant=acme", (("tenant", "acme"),), {HOUR: now}, {HOUR: seen}, {}, befores)
    return status(snapshot(one))


def page(now: Tallies, before: Tallies | None, min_n: int = 1) -> dict[str, float | None]:
    found = samples(Exporter(METRICS, lambda: shown(now, before), min_n=min_n).render().body.decode())
    return {name: at(found, name, metric="csat", **WHERE) for name, _ in declared()}


def test_a_share_stands_beside_that_of_the_window_before_with_newcombes_interval() -> None:
    # 56/70 after 48/80: Newcombe (1998), table II, method 10: 0.0524 .. 0.3339.
    found = page(csat(56, 14), csat(48, 32))
    assert {name: value for name, value in found.items() if value is not None} == {
        "before_n": 80,
        "difference_n": 70,
        "before_ratio": 0.6,
        "difference_ratio": pytest.approx(0.2),
        "difference_low_ratio": pytest.approx(0.0524, abs=5e-5),
        "difference_high_ratio": pytest.approx(0.3339, abs=5e-5),
    }


def test_under_the_least_n_only_the_figure_and_what_it_rests_on_are_shown() -> None:
    found = page(csat(56, 14), csat(48, 32), min_n=71)
    assert {name: value for name, value in found.items() if value is not None} == {
        "before_n": 80,
        "difference_n": 70,
        "before_ratio": 0.6,
    }


def test_nothing_before_is_an_n_of_0_and_no_figure() -> None:
    found = page(csat(3, 1), {})
    assert {name: value for name, value in found.items() if value is not None} == {
        "before_n": 0,
        "difference_n": 0,
    }


def test_a_window_that_is_not_compared_has_none_of_it() -> None:
    assert set(page(csat(3, 1), None).values()) == {None}


def test_other_units_have_families_of_their_own_and_rates_over_stocks_an_interval() -> None:
    now = {CHURN.slot(16): 240, CHURN.slot(18): 12, NPS.slot(16): 2, NPS.slot(17): 1, NPS.slot(18): 1}
    before = {CHURN.slot(16): 250, CHURN.slot(18): 20, NPS.slot(16): 1, NPS.slot(17): 1, NPS.slot(18): 2}
    found = samples(Exporter(METRICS, lambda: shown(now, before), min_n=1).render().body.decode())
    assert at(found, "difference_points", metric="nps", **WHERE) == 50
    assert at(found, "difference_low_points", metric="nps", **WHERE) == pytest.approx(50 - 165.65, abs=0.01)
    assert at(found, "difference_ratio", metric="churn_rate", **WHERE) == pytest.approx(-0.03)
    assert at(found, "difference_low_ratio", metric="churn_rate", **WHERE) == pytest.approx(-0.0755, abs=1e-4)


def test_a_change_of_either_window_is_shown_at_the_next_scrape() -> None:
    current = [shown(csat(56, 14), csat(48, 32))]
    exporter = Exporter(METRICS, lambda: current[0], min_n=1)

    def differences() -> tuple[object, object]:
        found = samples(exporter.render().body.decode())
        difference, n = (at(found, name, metric="csat", **WHERE) for name in ("difference_ratio", "before_n"))
        return difference, n

    assert differences() == (pytest.approx(0.2), 80)
    current[0] = shown(csat(56, 14), csat(64, 16))
    assert differences() == (pytest.approx(0.0), 80)
    current[0] = shown(csat(63, 7), csat(64, 16))
    assert differences() == (pytest.approx(0.1), 80)
    current[0] = shown(csat(63, 7), None)
    assert differences() == (None, None)


def test_each_profile_is_compared_with_itself() -> None:
    theirs = under("zendesk", CSAT, CoreConfig())
    assert theirs is not None
    now = {**csat(56, 14), theirs.slot(16): 1, theirs.slot(17): 1}
    before = {**csat(48, 32), theirs.slot(16): 1}
    found = samples(Exporter((CSAT, theirs), lambda: shown(now, before), min_n=1).render().body.decode())
    assert at(found, "difference_ratio", metric="csat", profile="default", **WHERE) == pytest.approx(0.2)
    assert at(found, "difference_ratio", metric="csat", profile="zendesk", **WHERE) == -0.5


def test_no_series_of_a_metric_has_the_name_of_one_of_these() -> None:
    names = {series.name for metric in METRICS for series in metric.series}
    assert names.isdisjoint(name for name, _ in declared())
    assert {figure.unit for metric in METRICS if not metric.live for figure in metric.figures({})} <= set(
        UNITS
    )
