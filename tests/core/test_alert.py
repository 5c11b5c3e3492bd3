"""Alert rules: when they fire, when they clear, and what survives a restart."""

from typing import Any

import msgspec
import pytest

from schemas.alert import MetricAlert
from stream.core.alert import evaluate, matches
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, AlertRule
from stream.metrics import BY_NAME
from stream.metrics.stays import LEFT, START
from tests.core.deltas import ALL, BILLING, T0, Delta, Feed, alerts, answers, config

RULE = AlertRule(name="csat_low", metric="csat", threshold=0.8, window_ms=HOUR_MS, min_n=10)


def rule(**changes: Any) -> AlertRule:
    return msgspec.structs.replace(RULE, **changes)


def feed_with(*rules: AlertRule) -> Feed:
    return Feed(config(alerts=rules))


def step(feed: Feed, minute: int, good: int = 0, bad: int = 0, segment: str = ALL) -> list[tuple[str, int]]:
    """Answers in one minute, the watermark right behind them: (state, n) of the alerts that come of it."""
    feed.apply(Delta(0, T0 + minute + 1, {segment: {T0 + minute: answers(good, bad)}} if good or bad else {}))
    return [(one["state"], one["n"]) for one in alerts(feed.flush().outputs)]


def firing(feed: Feed) -> list[bool]:
    return [one.firing for one in feed.shard.snapshot.alerts]


def test_it_fires_under_the_threshold_once_and_clears_when_recovered() -> None:
    feed = feed_with(RULE)
    assert step(feed, 0, 8, 2) == []
    assert firing(feed) == [False]
    assert step(feed, 1, 0, 1) == [("firing", 11)]
    assert firing(feed) == [True]
    assert step(feed, 2, 0, 5) == []
    assert step(feed, 3, 50) == [("resolved", 66)]
    assert firing(feed) == [False]
    assert step(feed, 4, 0, 50) == [("firing", 116)]


def test_its_event_is_the_contracts() -> None:
    feed = feed_with(rule(severity="page"))
    step(feed, 0, 5, 5)
    output = feed.outputs[-1]
    event = msgspec.json.decode(output.value or b"", type=MetricAlert)
    assert output.topic == "contact-centre.alerts"
    assert output.key == b"default/csat_low/tenant=acme"
    assert (event.id, event.data.alert) == ("default/csat_low/tenant=acme/1", "default/csat_low/tenant=acme")
    data = event.data
    assert (data.rule, data.severity, data.metric, data.profile) == ("csat_low", "page", "csat", "default")
    assert (data.state, data.value, data.n, data.threshold) == ("firing", 0.5, 10, 0.8)
    assert (data.segment, data.window) == ({"tenant": "acme"}, "1h")
    assert data.since == "2024-10-04T00:01:00.000Z"
    assert data.low is not None
    assert data.high is not None
    assert data.low < 0.5 < data.high


def test_few_answers_never_fire_but_a_firing_one_stays_with_few() -> None:
    feed = feed_with(RULE)
    assert step(feed, 0, 0, 9) == []
    assert step(feed, 30, 0, 1) == [("firing", 10)]
    assert step(feed, 61) == []
    assert firing(feed) == [True]
    assert step(feed, 200) == [("resolved", 0)]


def test_it_must_hold_for_its_duration_of_event_time() -> None:
    feed = feed_with(rule(for_ms=10 * MINUTE_MS))
    assert step(feed, 0, 0, 10) == []
    assert step(feed, 5, 100) == []
    assert step(feed, 6, 0, 100) == []
    assert step(feed, 15) == []
    assert step(feed, 16) == [("firing", 210)]


def test_hysteresis_keeps_it_firing_until_the_margin_is_reached() -> None:
    feed = feed_with(rule(clear_margin=0.05))
    assert step(feed, 0, 7, 3) == [("firing", 10)]
    assert step(feed, 1, 10) == []
    assert step(feed, 2, 10) == [("resolved", 30)]


@pytest.mark.parametrize(
    ("left", "fires"),
    [(1, False), (5, True), (11, True)],
    ids=["low end under it", "low end above it", "more than had been there: no interval"],
)
def test_interval_mode_on_a_rate_that_can_be_above_1(left: int, fires: bool) -> None:
    churn = BY_NAME["churn_rate"]
    (figure,) = churn.figures({START: 10, LEFT: left})
    above = rule(metric="churn_rate", threshold=0.1, below=False, interval=True, min_n=10)
    change = evaluate(above, None, figure, T0)
    assert (change is not None and change.state.firing) == fires


def test_interval_mode_waits_until_chance_is_excluded() -> None:
    feed = feed_with(rule(interval=True))
    assert step(feed, 0, 70, 30) == [("firing", 100)]
    feed = feed_with(rule(interval=True))
    assert step(feed, 0, 7, 3) == []


def test_above() -> None:
    feed = feed_with(rule(threshold=0.5, below=False, clear_margin=0.1))
    assert step(feed, 0, 6, 4) == [("firing", 10)]
    assert step(feed, 1, 0, 4) == []
    assert step(feed, 2, 0, 4) == [("resolved", 18)]


def test_a_restart_does_not_fire_again_nor_lose_how_long_it_held() -> None:
    feed = feed_with(RULE, rule(name="slow", for_ms=10 * MINUTE_MS))
    assert step(feed, 0, 0, 10) == [("firing", 10)]
    feed.restart()
    assert firing(feed) == [True, False]
    assert step(feed, 5, 0, 1) == []
    feed.restart()
    assert step(feed, 10) == [("firing", 11)]
    feed.restart()
    assert step(feed, 12, 100) == [("resolved", 111), ("resolved", 111)]


def test_an_alert_whose_rule_is_gone_is_resolved() -> None:
    feed = feed_with(rule(name="old"))
    step(feed, 0, 0, 10)
    feed.config = msgspec.structs.replace(feed.config, alerts=(rule(min_n=1000),))
    feed.restart()
    assert feed.shard.changed()
    found = [(one["rule"], one["state"]) for one in alerts(feed.flush().outputs)]
    assert found == [("old", "resolved")]
    assert not any(key.startswith(b"aold") for key in feed.changelog)
    assert not feed.shard.changed()


def test_on_the_clock_it_clears_by_time_alone() -> None:
    feed = Feed(config(alerts=(RULE,), clock="wall"))
    feed.now_ms = (T0 + 1) * MINUTE_MS
    assert step(feed, 0, 0, 10) == [("firing", 10)]
    assert not feed.shard.changed()
    feed.now_ms += 2 * HOUR_MS
    feed.shard.tick(feed.now_ms, {})
    assert feed.shard.changed()
    assert [one["state"] for one in alerts(feed.flush().outputs)] == ["resolved"]


def test_on_the_clock_it_fires_though_time_went_on_before_the_commit() -> None:
    """Running windows have taken in what came, in the same minute, and were shown; what it means for the rule is still to be judged."""
    feed = Feed(config(alerts=(RULE,), clock="wall"))
    feed.now_ms = (T0 + 1) * MINUTE_MS
    assert step(feed, 0, 0, 9) == []
    feed.apply(Delta(0, T0 + 1, {ALL: {T0: answers(0, 1)}}))
    feed.shard.tick(feed.now_ms + 50, {})
    assert [one["state"] for one in alerts(feed.flush().outputs)] == ["firing"]


def test_only_the_rules_segments_are_watched() -> None:
    feed = feed_with(rule(segment={"team": "*"}))
    assert step(feed, 0, 0, 10) == []
    assert step(feed, 1, 0, 10, BILLING) == [("firing", 10)]


@pytest.mark.parametrize(
    ("pattern", "labels", "expected"),
    [
        ({}, {"tenant": "a"}, True),
        ({}, {"tenant": "a", "team": "b"}, False),
        ({"team": "*"}, {"tenant": "a", "team": "b"}, True),
        ({"team": "b"}, {"tenant": "a", "team": "c"}, False),
        ({"tenant": "a", "team": "b"}, {"tenant": "a", "team": "b"}, True),
        ({"tenant": "x"}, {"tenant": "a"}, False),
    ],
)
def test_patterns(pattern: dict[str, str], labels: dict[str, str], expected: bool) -> None:
    assert matches(rule(segment=pattern), labels) is expected


def test_a_figure_of_a_metric_with_several_can_be_watched() -> None:
    on_1_5 = 2 * 4096 + 16 + 4 * 16
    feed = feed_with(rule(metric="csat_mean_1_5", threshold=3.0, window_ms=DAY_MS))
    feed.give(Delta(0, T0 + 15, {ALL: {T0: {on_1_5: 20}}}))
    assert [(one["metric"], one["value"], one["n"]) for one in alerts(feed.outputs)] == [
        ("csat_mean_1_5", 1.0, 20)
    ]


def test_by_another_profile_it_is_another_alert_and_the_former_one_is_resolved() -> None:
    feed = feed_with(rule())
    step(feed, 0, 0, 10)
    feed.config = msgspec.structs.replace(feed.config, alerts=(rule(profile="zendesk"),))
    feed.restart()
    found = [(one["alert"], one["state"]) for one in alerts(feed.flush().outputs)]
    assert found == [("default/csat_low/tenant=acme", "resolved")]
    assert firing(feed) == [False]
