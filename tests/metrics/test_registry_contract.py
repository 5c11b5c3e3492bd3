"""What every metric owes to those that read it."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from schemas import events as ev
from stream.core.calendar import Calendars
from stream.core.config import DEFAULT_METRICS, CoreConfig
from stream.core.measure import EXCLUDED_SLOTS, LABEL_NAMES, SLOTS_PER_METRIC
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, GROUPS, GROUPS_OF, decode_ticket, encode_ticket
from stream.metrics import BY_ID, BY_NAME, METRICS, UnknownMetricError, selected
from tests.support.calendars import made
from tests.support.histories import KEY, History, histories, ticket_of, time_of

CONFIG = CoreConfig(calendars=Calendars({"office": made()}, default="office"))
"""With business hours: without, their metrics would leave everything out."""
README = Path(__file__).parents[2] / "README.md"
UNITS = {
    "ratio": re.compile(
        r"_ratio|_answers|_satisfied|_score|_sent|_answered|_abandoned|_ended|_offered|_solved|_reopened|_at_first_contact"
    ),
    "seconds": re.compile(r"_seconds(_mean|_sum|_count)?"),
    "points": re.compile(r"nps(_low|_high|_promoters|_passives|_detractors)?"),
    "count": re.compile(r"$^"),
}
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


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
        69: "first_reply_time_business",
        70: "reply_time_business",
        71: "queue_wait_time_business",
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


@every_metric
def test_it_is_explained(metric: Metric) -> None:
    for text in (metric.title, metric.definition, metric.source, metric.null_rule):
        assert text.strip()
    assert metric.definition.endswith(".")
    assert metric.null_rule.endswith(".")
    assert metric.unit in UNITS
    assert metric.version >= 1


@every_metric
def test_it_reads_known_groups_and_what_decides_about_labels(metric: Metric) -> None:
    assert metric.reads <= set(GROUPS)
    assert metric.reads >= ALWAYS


@every_metric
def test_its_excluded_reasons_fit_their_slots(metric: Metric) -> None:
    reasons = metric.excluded_reasons
    assert len(reasons) <= EXCLUDED_SLOTS
    assert len(set(reasons)) == len(reasons)
    if not metric.live:
        tally = {slot: slot + 1 for slot in range(len(reasons))}
        figure = metric.figures(tally)[0]
        assert figure.excluded == {reason: slot + 1 for slot, reason in enumerate(reasons)}
        assert (figure.n, figure.value) == (0, None)


@every_metric
def test_an_empty_tally_is_no_value(metric: Metric) -> None:
    figures = metric.figures({})
    assert [figure.metric for figure in figures] == ([] if metric.live else [metric.name])
    for figure in figures:
        assert (figure.n, figure.value, figure.low, figure.high) == (0, None, None, None)
        assert figure.excluded == {}
        assert set((figure.quantiles or {}).values()) <= {None}
        assert figure.unit == metric.unit
        for series in metric.series:
            assert series.read(figure) in (None, 0)


def test_series_are_unique_and_named_by_their_unit() -> None:
    names = Counter((series.name, series.labels) for metric in METRICS for series in metric.series)
    assert set(names.values()) == {1}
    for metric in METRICS:
        assert metric.live == bool(metric.live_series)
        assert metric.live != bool(metric.series)
        for series in metric.series:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", series.name)
            assert UNITS[metric.unit].search(series.name)
            assert not series.name.endswith(("_total", "_bucket", "_info"))
            assert series.help.endswith(".")
            assert not {name for name, _ in series.labels} & {"window", *LABEL_NAMES}
        for live in metric.live_series:
            assert live.help.endswith(".")
            assert live.age_name is None or live.age_name.endswith("_age_seconds")


def test_help_of_one_name_is_one_text() -> None:
    helps: dict[str, set[str]] = {}
    for metric in METRICS:
        for series in metric.series:
            helps.setdefault(series.name, set()).add(series.help)
    assert {name for name, texts in helps.items() if len(texts) > 1} == set()


@every_metric
@settings(max_examples=40)
@given(history=histories())
def test_its_measures_are_in_range_in_a_fixed_order_and_the_same_from_a_row(
    metric: Metric, history: History
) -> None:
    ticket = ticket_of([event for _, event in history])
    measures = metric.measures(ticket, CONFIG)
    for instant_ms, labels, slot, amount in measures:
        assert instant_ms > 0
        assert labels[0] == "acme"
        assert len(labels) == len(LABEL_NAMES)
        assert "" not in labels
        assert 0 <= slot < SLOTS_PER_METRIC
        assert slot < len(metric.excluded_reasons) or slot >= EXCLUDED_SLOTS
        assert amount >= 0
    assert not history or metric.measures(decode_ticket(encode_ticket(ticket), KEY), CONFIG) == measures


@every_metric
@settings(max_examples=40)
@given(history=histories())
def test_events_of_groups_that_it_does_not_read_never_change_its_measures(
    metric: Metric, history: History
) -> None:
    ticket = ticket_of([])
    measures = metric.measures(ticket, CONFIG)
    for _, event in history:
        ticket.merge(time_of(event), event)
        after = metric.measures(ticket, CONFIG)
        if not GROUPS_OF[type(event)] & metric.reads:
            assert after == measures
        measures = after


def test_metrics_are_chosen_by_name_in_reading_order() -> None:
    assert selected(CoreConfig(metrics=("live", "csat"))) == (BY_NAME["csat"], BY_NAME["live"])
    assert tuple(metric.name for metric in selected(CONFIG)) == DEFAULT_METRICS
    assert selected(CoreConfig(metrics=tuple(BY_NAME))) == METRICS
    with pytest.raises(UnknownMetricError, match="STREAM_METRICS: unknown csatt; known are csat, "):
        selected(CoreConfig(metrics=("csatt",)))


def test_every_group_that_a_metric_reads_has_an_event() -> None:
    told = {group for groups in GROUPS_OF.values() for group in groups}
    assert {group for metric in METRICS for group in metric.reads} <= told
    assert set(GROUPS_OF) <= set(ev.EVENT_CLASSES)


@every_metric
def test_it_has_its_row_in_the_readme(metric: Metric) -> None:
    rows = [
        line.split("|")[1]
        for line in README.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert [row for row in rows if f"`{metric.name}`" in row]
