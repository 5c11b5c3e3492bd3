"""What every metric owes to those that read it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.answers import AnswerSaid
from stream.core.calendar import Calendars
from stream.core.config import DAY_MS, DEFAULT_METRICS, MINUTE_MS, CoreConfig
from stream.core.entity import CUSTOMERS, KINDS, TICKETS, Kind
from stream.core.interval import Share
from stream.core.measure import (
    EXCLUDED_SLOTS,
    LABEL_NAMES,
    SLOTS_PER_METRIC,
    STOPS_NO_CLOCK,
    Labels,
    Measure,
)
from stream.core.metric import Metric
from stream.core.state_shape import shape
from stream.metrics import BY_ID, BY_NAME, METRICS, UnknownMetricError, built, selected
from stream.metrics import profiles as profile_registry
from stream.metrics.contract import lacks
from stream.metrics.reasons import MEANING, reasons_of
from tests.support.calendars import made
from tests.support.customers import KEY as CUSTOMER_KEY
from tests.support.customers import customer_histories
from tests.support.histories import KEY, START_MS, History, histories, make, ticket_of, time_of

CONFIG = CoreConfig(calendars=Calendars({"office": made()}, default="office"))
"""With business hours: without, their metrics would leave everything out."""
README = Path(__file__).parents[2] / "README.md"
UNITS = {
    "ratio": re.compile(
        r"_ratio|_answers|_satisfied|_score|_sent|_answered|_abandoned|_ended|_offered|_solved|_reopened|_at_first_contact"
        r"|_reviews|_replies|_in_time|_visits|_in_target|_judged|_met|_customers|_mentions|_contacts"
    ),
    "seconds": re.compile(r"_seconds(_mean|_sum|_count)?"),
    "points": re.compile(r"nps(_low|_high|_promoters|_passives|_detractors)?"),
    "score": re.compile(r"_score(_answers|_customers|_acts)?"),
    "minor": re.compile(r"_minor|_customers"),
    "count": re.compile(r"$^"),
}
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
PROFILED = tuple(
    metric
    for metric in selected(CoreConfig(metrics=tuple(BY_NAME), profiles=profile_registry.NAMES))
    if metric.profile != "default"
)
DIFFERENT = tuple(
    metric
    for metric in PROFILED
    if metric.measures is not BY_NAME[metric.name].measures and not metric.business
)
every_definition = pytest.mark.parametrize(
    "metric", [*METRICS, *PROFILED], ids=lambda metric: metric.full_name
)


def test_ids_and_names_are_stable_and_unique() -> None:
    assert {metric.id: metric.name for metric in METRICS} == {
        1: "csat",
        2: "csat_mean",
        3: "nps",
        4: "survey_response",
        5: "first_reply_time",
        6: "reply_time",
        7: "queue_wait_time",
        8: "live",
        9: "abandon_rate",
        10: "answer_rate",
        11: "handle_time",
        12: "first_resolution_time",
        13: "full_resolution_time",
        14: "complaint_resolution_time",
        15: "escalation_resolution_time",
        16: "requester_wait_time",
        17: "agent_wait_time",
        18: "on_hold_time",
        19: "reopened",
        20: "first_contact_resolution",
        21: "ces",
        22: "quality_score",
        23: "service_level",
        24: "first_reply_within",
        25: "retention_rate",
        26: "churn_rate",
        27: "referral_rate",
        28: "sentiment_share",
        29: "channel_share",
        30: "lifetime_value",
        31: "engagement",
        32: "csat_change",
        69: "first_reply_time_business",
        70: "reply_time_business",
        71: "queue_wait_time_business",
        75: "handle_time_business",
        76: "first_resolution_time_business",
        77: "full_resolution_time_business",
        78: "complaint_resolution_time_business",
        79: "escalation_resolution_time_business",
        80: "requester_wait_time_business",
        81: "agent_wait_time_business",
        82: "on_hold_time_business",
    }
    assert len(METRICS) == len(BY_ID) == len(BY_NAME)
    assert set(DEFAULT_METRICS) <= set(BY_NAME)


@every_definition
def test_it_lacks_nothing(metric: Metric) -> None:
    assert lacks(metric, CONFIG) == []


def test_series_are_unique_and_named_by_their_unit() -> None:
    names = Counter((series.name, series.labels) for metric in METRICS for series in metric.series)
    assert set(names.values()) == {1}
    for metric in METRICS:
        for series in metric.series:
            assert UNITS[metric.unit].search(series.name)
        for live in metric.live_series:
            assert live.age_name is None or live.age_name.endswith("_age_seconds")


def test_help_of_one_name_is_one_text() -> None:
    helps: dict[str, set[str]] = {}
    for metric in METRICS:
        for series in metric.series:
            helps.setdefault(series.name, set()).add(series.help)
    assert {name for name, texts in helps.items() if len(texts) > 1} == set()


def _without_a_reason(metric: Metric, measures: Sequence[Measure]) -> list[int]:
    """Slots of what it leaves out without having said why."""
    return [slot for _, _, slot, _ in measures if slot < EXCLUDED_SLOTS and slot not in metric.reasons]


def test_what_is_left_out_needs_a_reason() -> None:
    metric = BY_NAME["first_reply_time"]
    created = make(ev.TicketCreated, START_MS, channel="chat")
    early = make(ev.ReplyAdded, START_MS - 1, reply_id="r", author="agent", public=True)
    measures = metric.measures(ticket_of([created, early]), CONFIG)
    assert _without_a_reason(metric, measures) == []
    assert _without_a_reason(replace(metric, excluded_reasons=()), measures) == [0]


HISTORIES = {TICKETS.entity: (histories(), KEY), CUSTOMERS.entity: (customer_histories(), CUSTOMER_KEY)}
"""Entity -> histories of one, and the key of its row."""
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.entity)
"""Drawing a history costs more than all definitions of it: each one drawn is measured by every definition."""


def _of(kind: Kind) -> list[Metric]:
    return [metric for metric in (*METRICS, *DIFFERENT) if metric.entity == kind.entity]


@every_kind
@settings(max_examples=200)
@given(data=st.data())
def test_measures_are_in_range_in_a_fixed_order_and_the_same_from_a_row(
    kind: Kind, data: st.DataObject
) -> None:
    strategy, key = HISTORIES[kind.entity]
    history = data.draw(strategy)
    entity = kind.new()
    for _, event in history:
        entity.merge(time_of(event), event)
    of_row = kind.decode(kind.encode(entity), key) if history else kind.new()
    for metric in _of(kind):
        measures = metric.says(entity, CONFIG)
        for instant_ms, labels, slot, amount in measures:
            assert instant_ms > 0, metric.full_name
            assert labels[0] == "acme", metric.full_name
            assert len(labels) == len(LABEL_NAMES), metric.full_name
            assert "" not in labels, metric.full_name
            assert 0 <= slot < SLOTS_PER_METRIC, metric.full_name
            assert amount >= 0 or slot == metric.stock or metric.unit == "minor", metric.full_name
        assert _without_a_reason(metric, measures) == [], metric.full_name
        assert metric.says(of_row, CONFIG) == measures, metric.full_name


@every_kind
@settings(max_examples=200)
@given(data=st.data())
def test_samples_for_comparisons_have_the_n_and_the_value_of_their_figures(
    kind: Kind, data: st.DataObject
) -> None:
    entity = kind.new()
    for _, event in data.draw(HISTORIES[kind.entity][0]):
        entity.merge(time_of(event), event)
    for metric in _of(kind):
        tally: Counter[int] = Counter()
        for _, _, slot, amount in metric.says(entity, CONFIG):
            tally[slot] += amount
        samples = metric.samples(tally)
        named = {one.name: one for one in metric.named()}
        for figure in metric.figures(tally):
            known = named[figure.metric]
            assert figure.unit == known.unit, metric.full_name
            assert figure.value is None or known.bounds[0] <= figure.value <= known.bounds[1]
            assert figure.value is None or not (metric.only_counts and figure.metric == metric.name)
            assert figure.low is None or metric.interval, metric.full_name
            if (figure.low is not None or figure.quantiles is not None) and metric.stock is None:
                assert figure.metric in samples, metric.full_name
            sample = samples.get(figure.metric)
            if sample is not None:
                assert sample.n == figure.n, metric.full_name
                value = sample.successes / sample.n if isinstance(sample, Share) else sample.value
                assert value == pytest.approx(figure.value), metric.full_name
            elif figure.metric in samples:
                assert figure.n == 0, metric.full_name


@every_kind
@settings(max_examples=200)
@given(data=st.data())
def test_events_of_groups_that_a_metric_does_not_read_never_change_its_measures(
    kind: Kind, data: st.DataObject
) -> None:
    entity = kind.new()
    definitions = _of(kind)
    measured = [metric.says(entity, CONFIG) for metric in definitions]
    for _, event in data.draw(HISTORIES[kind.entity][0]):
        entity.merge(time_of(event), event)
        after = [metric.says(entity, CONFIG) for metric in definitions]
        for metric, was, now in zip(definitions, measured, after, strict=True):
            if not kind.groups_of[type(event)] & metric.reads:
                assert now == was, metric.full_name
        measured = after


def test_metrics_are_chosen_by_name_in_reading_order() -> None:
    assert selected(CoreConfig(metrics=("live", "csat"))) == (BY_NAME["csat"], BY_NAME["live"])
    assert tuple(metric.name for metric in selected(CONFIG)) == DEFAULT_METRICS
    assert selected(CoreConfig(metrics=tuple(BY_NAME))) == METRICS
    with pytest.raises(UnknownMetricError, match="STREAM_METRICS: unknown csatt; known are csat, "):
        selected(CoreConfig(metrics=("csatt",)))


OTHER_SETTINGS = CoreConfig(
    metrics=tuple(BY_NAME),
    ces_direction="high_is_good",
    quality_criteria=("tone",),
    first_reply_within_ms=(MINUTE_MS,),
    service_level_seconds={"*": (30,), "voice": (10, 30)},
    short_abandon_ms=9_000,
    gauge_windows_ms=(2 * DAY_MS,),
    first_contact_days=3,
    customers=True,
    answers=True,
    margin_percent=30,
    engagement={"mentions": 2},
)
"""Each setting that a definition follows is another than by default."""


def test_settings_change_definitions_but_neither_ids_nor_names() -> None:
    others = selected(OTHER_SETTINGS)
    assert [(one.id, one.name) for one in others] == [(one.id, one.name) for one in METRICS]
    assert built(OTHER_SETTINGS) == others, "the same settings give the same objects"
    changed = {one.name for one, usual in zip(others, METRICS, strict=True) if one is not usual}
    assert changed == {one.name for one in METRICS if one.parameters}


@every_metric
def test_a_setting_that_a_definition_follows_is_part_of_the_states_shape(metric: Metric) -> None:
    def of(config: CoreConfig) -> str:
        return shape(config, [one for one in built(config) if one.name == metric.name])["STREAM_METRICS"]

    assert of(CONFIG).startswith(f"{metric.name}.v{metric.version}")
    assert (of(CONFIG) != of(OTHER_SETTINGS)) == bool(metric.parameters)


def test_a_long_text_of_parameters_is_told_by_its_digest() -> None:
    def shaped(last: int) -> str:
        levels: dict[str, tuple[int, ...]] = {"*": (20,)}
        levels.update((f"queue-{number}", (number,)) for number in range(1, last))
        config = CoreConfig(metrics=("service_level",), service_level_seconds=levels)
        return shape(config, selected(config))["STREAM_METRICS"]

    assert shaped(400) != shaped(401)
    assert len(shaped(400)) < 60


def test_every_group_that_a_metric_reads_has_an_event() -> None:
    for kind in KINDS:
        told = {group for groups in kind.groups_of.values() for group in groups}
        read = {group for metric in METRICS if metric.entity == kind.entity for group in metric.reads}
        assert read <= told
    assert {event for kind in KINDS for event in kind.groups_of} == {*ev.EVENT_CLASSES, AnswerSaid}


def _rows(name: str) -> list[str]:
    """Rows of the README's tables of metrics that begin with a name."""
    text = README.read_text(encoding="utf-8")
    lines = text[text.index("\n## Metrics") : text.index("\n### Profiles")].splitlines()
    return [line for line in lines if line.startswith("| `") and f"`{name}`" in line.split("|")[1]]


@every_metric
def test_it_has_its_row_in_the_readme(metric: Metric) -> None:
    assert len(_rows(metric.name)) == 1
    assert _rows(metric.name.upper()) == []


def test_the_readme_says_which_figures_have_an_interval() -> None:
    rows = [line.split("|") for line in README.read_text(encoding="utf-8").splitlines()]
    found = {row[1].strip(): re.findall(r"`(\w+)`", row[2].split(";")[0]) for row in rows if len(row) == 4}
    in_windows = [one for one in METRICS if not one.live and not one.name.endswith("_business")]
    samples = Metric.__dataclass_fields__["samples"].default
    expected: dict[str, list[str]] = {
        "of the figure and of a difference": [],
        "of a difference only": [],
        "none": [],
    }
    for metric in in_windows:
        compared = metric.samples is not samples
        assert compared or not metric.interval, metric.name
        kind = list(expected)[0 if metric.interval else 1 if compared else 2]
        expected[kind].append(metric.name)
    assert {kind: set(found[kind]) for kind in expected} == {
        kind: set(names) for kind, names in expected.items()
    }


@every_definition
def test_the_readme_names_what_it_excludes_and_explain_says_what_it_means(metric: Metric) -> None:
    text = README.read_text(encoding="utf-8")
    assert [reason for reason in metric.reasons.values() if f"`{reason}`" not in text] == []
    assert [reason for reason, meaning in reasons_of(metric).items() if not meaning] == []


def test_no_reason_is_explained_that_nothing_has() -> None:
    assert {reason for metric in METRICS for reason in metric.reasons.values()} == set(MEANING)


GOING: dict[str, tuple[type[ev.Event], dict[str, Any]]] = {
    "merged": (ev.TicketMerged, {"into_ticket_id": "1"}),
    "deleted": (ev.TicketDeleted, {}),
    "spam": (ev.TicketDeleted, {"reason": "spam"}),
}


@settings(max_examples=200)
@given(history=histories(), reason=st.sampled_from(list(GOING)))
def test_a_ticket_that_is_gone_is_counted_as_such_where_it_counted(history: History, reason: str) -> None:
    """By as much as n of the metric's figures was, and what it left out for its own reasons, in the same windows and segments; back
    again, it says what it said."""
    kinds = (ev.TicketMerged, ev.TicketDeleted, ev.TicketRestored)
    events = [event for _, event in history if not isinstance(event, kinds)]
    event_class, data = GOING[reason]
    end_ms = START_MS + 90 * 86_400_000
    gone = ticket_of([*events, make(event_class, end_ms, **data)])
    restored = ticket_of([*events, make(ev.TicketDeleted, end_ms), make(ev.TicketRestored, end_ms + 1)])
    ticket = ticket_of(events)
    for metric in _of(TICKETS):
        counted: dict[tuple[int, Labels], Counter[int]] = {}
        for instant_ms, labels, slot, amount in metric.says(ticket, CONFIG):
            counted.setdefault((instant_ms, labels), Counter())[slot] += amount
        own = [slot for slot, why in enumerate(metric.excluded_reasons) if why not in STOPS_NO_CLOCK]
        wanted = {
            place: _n(metric, tally) + sum(tally[slot] for slot in own)
            for place, tally in counted.items()
            if not metric.live
        }
        found: Counter[tuple[int, Labels]] = Counter()
        for instant_ms, labels, slot, amount in metric.says(gone, CONFIG):
            assert metric.reasons[slot] == reason, metric.full_name
            found[instant_ms, labels] += amount
        assert found == {place: n for place, n in wanted.items() if n}, metric.full_name
        assert gone.gone, "asking changes nothing"
        assert metric.says(restored, CONFIG) == metric.says(ticket, CONFIG), metric.full_name


def _n(metric: Metric, tally: Mapping[int, int]) -> int:
    if metric.name == "ces":  # scales have figures of their own
        return sum(figure.n for figure in metric.figures(tally))
    return metric.figures(tally)[0].n
