"""What every profile owes: ids of its own, and for each difference its words, its source and worked figures."""

import pytest

from stream.core.config import CoreConfig
from stream.core.metric import Metric
from stream.core.state_shape import shape
from stream.metrics import BY_NAME, METRICS, selected
from stream.metrics import profiles as profile_registry
from tests.metrics.test_registry_contract import DIFFERENT, README
from tests.vectors.cases import cases

every_difference = pytest.mark.parametrize("metric", DIFFERENT, ids=lambda metric: metric.full_name)


def test_a_profile_brings_ids_of_its_own_and_leaves_the_default_ones_alone() -> None:
    assert {metric.id: metric.full_name for metric in DIFFERENT} == {
        1024 * 1 + 1: "zendesk/csat",
        1024 * 1 + 4: "zendesk/survey_response",
        1024 * 1 + 5: "zendesk/first_reply_time",
        1024 * 1 + 16: "zendesk/requester_wait_time",
        1024 * 1 + 17: "zendesk/agent_wait_time",
        1024 * 1 + 18: "zendesk/on_hold_time",
        1024 * 1 + 20: "zendesk/first_contact_resolution",
        1024 * 2 + 4: "chatwoot/survey_response",
        1024 * 2 + 5: "chatwoot/first_reply_time",
        1024 * 2 + 6: "chatwoot/reply_time",
        1024 * 2 + 13: "chatwoot/full_resolution_time",
        1024 * 2 + 24: "chatwoot/first_reply_within",
        1024 * 3 + 9: "amazon_connect/abandon_rate",
        1024 * 3 + 23: "amazon_connect/service_level",
        1024 * 4 + 9: "genesys/abandon_rate",
        1024 * 4 + 22: "genesys/quality_score",
        1024 * 4 + 23: "genesys/service_level",
        1024 * 5 + 5: "seed/first_reply_time",
    }
    everything = selected(CoreConfig(metrics=tuple(BY_NAME), profiles=profile_registry.NAMES))
    assert tuple(metric for metric in everything if metric.profile == "default") == METRICS
    assert len({metric.id for metric in everything}) == len(everything)
    assert all(metric.id == BY_NAME[metric.name].id + metric.id // 1024 * 1024 for metric in everything)
    alone = CoreConfig(metrics=("csat",))
    beside = CoreConfig(metrics=("csat",), profiles=("default", "zendesk"))
    assert shape(alone, selected(alone))["STREAM_METRICS"] == "csat.v1"
    assert shape(beside, selected(beside))["STREAM_METRICS"] == "csat.v1,zendesk/csat.v1"


def test_what_no_chosen_profile_has_is_computed_by_the_default_definition() -> None:
    def computed(*profiles: str) -> list[str]:
        names = (
            "csat",
            "csat_mean",
            "first_reply_time",
            "first_reply_time_business",
            "queue_wait_time",
            "live",
        )
        return [one.full_name for one in selected(CoreConfig(metrics=names, profiles=profiles))]

    assert computed("amazon_connect", "zendesk") == [
        "zendesk/csat",
        "csat_mean",
        "zendesk/first_reply_time",
        "amazon_connect/queue_wait_time",
        "zendesk/queue_wait_time",
        "live",
        "zendesk/first_reply_time_business",
    ]
    assert computed("seed") == [
        "seed/csat",
        "seed/csat_mean",
        "seed/first_reply_time",
        "seed/queue_wait_time",
        "live",
        "first_reply_time_business",
    ]


def test_a_twin_in_business_hours_is_made_of_what_the_profile_counts() -> None:
    chosen = selected(CoreConfig(metrics=("full_resolution_time_business",), profiles=("chatwoot",)))
    assert [(one.id, one.full_name) for one in chosen] == [
        (1024 * 2 + 77, "chatwoot/full_resolution_time_business")
    ]
    assert "each time that it was solved" in chosen[0].definition


@every_difference
def test_a_difference_says_itself_and_where_it_is_documented(metric: Metric) -> None:
    usual = BY_NAME[metric.name]
    assert metric.definition != usual.definition
    assert metric.source != usual.source
    assert "https://" in metric.source or metric.profile == "seed"
    assert [(one.name, one.labels) for one in metric.series] == [
        (one.name, one.labels) for one in usual.series
    ]


@every_difference
def test_a_difference_has_a_vector_with_its_source(metric: Metric) -> None:
    shown = [
        one
        for case in cases()
        if case.metric == metric.name or metric.profile in case.settings.get("profiles", "")
        for one in case.figures
        if one.profile == metric.profile and f"{one.metric}_".startswith(f"{metric.name}_") and case.source
    ]
    assert any(one.n for one in shown)


@every_difference
def test_a_difference_has_its_place_in_the_readme_and_its_source_among_the_vendors(metric: Metric) -> None:
    rows = [
        line
        for line in README.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{metric.profile}`")
    ]
    assert [row for row in rows if f"`{metric.name}`" in row]
    if metric.profile != "seed":
        vendors = (README.parent / "deploy" / "vendors.md").read_text(encoding="utf-8")
        address = metric.source[metric.source.index("https://") :].split()[0]
        assert address in vendors
