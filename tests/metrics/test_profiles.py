"""What every profile owes: ids of its own, and for each difference its words, its source and worked figures."""

import msgspec
import pytest

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.metric import Metric
from stream.core.state_shape import shape
from stream.metrics import BY_NAME, METRICS, selected
from stream.metrics import profiles as profile_registry
from stream.metrics.business import SUFFIX
from tests.metrics.test_registry_contract import DIFFERENT, PROFILED
from tests.support.histories import START_MS, make, ticket_of
from tests.vectors.cases import Case, cases

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
        1024 * 3 + 5: "amazon_connect/first_reply_time",
        1024 * 3 + 6: "amazon_connect/reply_time",
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
        "amazon_connect/first_reply_time",
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


@pytest.mark.parametrize(
    ("parts", "seconds", "level", "abandons"),
    [
        (("abandons",), 5, {"default", "genesys", "seed"}, {"default", "seed"}),
        (("abandons", "flow_outs"), 5, {"default", "genesys", "seed"}, {"default", "seed"}),
        (("abandons", "short_abandons"), 5, {"default", "seed"}, {"default", "seed"}),
        (("flow_outs",), 5, {"default", "seed"}, {"default", "seed"}),
        ((), 5, {"default", "seed"}, {"default", "seed"}),
        (("abandons",), 0, set(), set()),
    ],
)
def test_short_abandons_are_a_reason_only_where_the_settings_leave_them_out(
    parts: tuple[str, ...], seconds: int, level: set[str], abandons: set[str]
) -> None:
    config = CoreConfig(
        metrics=("service_level", "abandon_rate"),
        profiles=profile_registry.NAMES,
        genesys_service_level=parts,
        short_abandon_ms=seconds * 1000,
    )
    visit = {"queue": "voice", "visit_id": "v"}
    ticket = ticket_of(
        [
            make(ev.TicketQueueEntered, START_MS, **visit),
            make(ev.TicketQueueLeft, START_MS + 1000, outcome="abandoned", **visit),
        ]
    )
    named: dict[str, set[str]] = {"service_level": set(), "abandon_rate": set()}
    given: dict[str, set[str]] = {"service_level": set(), "abandon_rate": set()}
    for metric in selected(config):
        if "short_abandon" in metric.reasons.values():
            named[metric.name].add(metric.profile)
        if any(metric.reasons.get(slot) == "short_abandon" for _, _, slot, _ in metric.says(ticket, config)):
            given[metric.name].add(metric.profile)
    assert named == given == {"service_level": level, "abandon_rate": abandons}


@every_difference
def test_a_difference_says_itself_and_where_it_is_documented(metric: Metric) -> None:
    usual = BY_NAME[metric.name]
    assert metric.definition != usual.definition
    assert metric.source != usual.source
    assert [(one.name, one.labels) for one in metric.series] == [
        (one.name, one.labels) for one in usual.series
    ]


def _owned(metric: Metric) -> bool:
    """Whether its profile counts it by a definition of its own; a twin in business hours is made of its duration's."""
    return f"{metric.profile}/{metric.name.removesuffix(SUFFIX)}" in {one.full_name for one in DIFFERENT}


every_pair = pytest.mark.parametrize("metric", PROFILED, ids=lambda metric: metric.full_name)
every_owned = pytest.mark.parametrize(
    "metric", [metric for metric in PROFILED if _owned(metric)], ids=lambda metric: metric.full_name
)


@every_pair
def test_each_metric_of_a_profile_has_a_vector_with_a_value_and_a_source(metric: Metric) -> None:
    shown = [
        one for case in cases() if case.source for one in case.told_of(metric.name, metric.profile) if one.n
    ]
    assert any(one.value is not None for one in shown)


def _said(case: Case, name: str, profile: str) -> set[str]:
    """What a case says of a metric under a profile, without whose it is."""
    return {repr(msgspec.structs.replace(one, profile="")) for one in case.told_of(name, profile)}


@every_owned
def test_where_a_profile_and_ours_disagree_a_vector_shows_both(metric: Metric) -> None:
    shown = [
        (_said(case, metric.name, "default"), _said(case, metric.name, metric.profile)) for case in cases()
    ]
    assert any(ours and theirs and ours != theirs for ours, theirs in shown)


@pytest.mark.parametrize(
    "metric", [metric for metric in PROFILED if not _owned(metric)], ids=lambda metric: metric.full_name
)
def test_where_they_agree_no_vector_says_otherwise(metric: Metric) -> None:
    """Ours may be named with more of its windows or parts, but never with another value."""
    for case in cases():
        theirs = case.told_of(metric.name, metric.profile)
        ours = {(one.metric, one.window, one.segment): one for one in case.told_of(metric.name, "default")}
        for one in theirs:
            same = ours.get((one.metric, one.window, one.segment), one)
            assert (one.n, one.value) == (same.n, same.value), case.name


@every_pair
def test_what_a_profile_counts_as_we_do_has_our_words_version_and_measures(metric: Metric) -> None:
    usual = BY_NAME[metric.name]
    assert metric.version == usual.version
    assert metric.unit == usual.unit
    if not _owned(metric):
        assert (metric.definition, metric.null_rule) == (usual.definition, usual.null_rule)
        assert metric.business or metric.measures is usual.measures
