"""Alert rules on rates of customers: what there was when the window began is known at every instant, however the input was cut."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.alert import AlertState, evaluate
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, AlertRule
from stream.core.rollup import instant
from stream.metrics import BY_NAME
from tests.core.deltas import ALL, T0, T0_MS, Delta, Feed, Minutes, alerts, config
from tests.core.test_alert_event_time import Transition, cuts, transitions

CHURN, RETENTION = BY_NAME["churn_rate"], BY_NAME["retention_rate"]
HOURLY = AlertRule(
    name="churn",
    metric="churn_rate",
    threshold=0.3,
    below=False,
    window_ms=HOUR_MS,
    min_n=3,
    clear_margin=0.1,
)
DAILY = AlertRule(
    name="retention", metric="retention_rate", threshold=0.7, window_ms=DAY_MS, min_n=4, for_ms=20 * MINUTE_MS
)
RULES = (HOURLY, DAILY)
CONFIG = config(alerts=RULES, metrics=("churn_rate", "retention_rate"), gauge_windows_ms=(HOUR_MS, DAY_MS))
PANE = {HOUR_MS: 1, DAY_MS: 15}

START, JOINED, LEFT = 16, 17, 18
Change = tuple[int, int]
"""Minute, and how many joined; fewer than none left."""


def told(changes: Sequence[Change]) -> Minutes:
    minutes: Minutes = {}
    for minute, many in changes:
        tally = minutes.setdefault(minute, {})
        for metric in (CHURN, RETENTION):
            for slot, amount in ((START, many), (JOINED if many > 0 else LEFT, abs(many))):
                number = metric.slot(slot)
                tally[number] = tally.get(number, 0) + amount
    return minutes


class Step(msgspec.Struct, frozen=True):
    """Changes in minutes after the watermark, and how far it then goes."""

    changes: list[Change]
    advance: int


def steps(soonest: int) -> st.SearchStrategy[list[Step]]:
    change = st.tuples(st.integers(soonest, 90), st.sampled_from([1, 2, 5, -1, -1, -2]))
    advance = st.one_of(st.integers(0, 40), st.integers(0, 3 * 1440))
    return st.lists(st.builds(Step, st.lists(change, max_size=4), advance), max_size=10)


def deltas(given_steps: Sequence[Step]) -> list[Delta]:
    made, watermark = [], T0
    for step in given_steps:
        changes = [(watermark + after, many) for after, many in step.changes]
        watermark += step.advance
        made.append(Delta(0, watermark, {ALL: told(changes)} if changes else {}))
    return made


def ran(made: list[Delta], how: list[str]) -> list[Transition]:
    feed = Feed(CONFIG)
    for delta, then in zip(made, how, strict=False):
        feed.apply(delta)
        if then != "on":
            feed.flush()
        if then == "restart":
            feed.restart()
    feed.close()
    return transitions(feed)


def oracle(made: list[Delta]) -> list[Transition]:
    """Both rules at every end of a pane, counted anew, up to the end of the input."""
    entries = [one for delta in made for minutes in delta.segments.values() for one in minutes.items()]
    found: list[tuple[int, str, str]] = []
    end = max([T0, *(delta.watermark for delta in made)])
    for rule in RULES:
        width = PANE[rule.window_ms]
        end = max([end, *(m - m % width + width for m, tally in entries if any(tally.values()))])
    for rule, metric in zip(RULES, (CHURN, RETENTION), strict=True):
        width = PANE[rule.window_ms]
        state: AlertState | None = None
        for at in range(T0 - T0 % width, end + 1, width):
            first = at - rule.window_ms // MINUTE_MS
            inside = {
                slot: sum(tally.get(metric.slot(slot), 0) for m, tally in entries if first <= m < at)
                for slot in (JOINED, LEFT)
            }
            before = sum(tally.get(metric.slot(START), 0) for m, tally in entries if m < first)
            figure = metric.figures({START: before, **inside})[0] if any(inside.values()) else None
            change = evaluate(rule, state, figure, at * MINUTE_MS)
            if change is not None:
                state = change.state
                if change.published:
                    found.append((at * MINUTE_MS, rule.name, "firing" if change.state.firing else "resolved"))
    return [(name, word, instant(at_ms)) for at_ms, name, word in sorted(found)]


@given(steps(0), cuts)
@settings(max_examples=100, deadline=None)
def test_what_comes_in_time_is_judged_as_by_an_observer_who_counts_at_every_pane(
    given_steps: list[Step], how: list[str]
) -> None:
    made = deltas(given_steps)
    assert ran(made, how) == oracle(made)


@given(steps(-4 * 1440), cuts)
@settings(max_examples=200, deadline=None)
def test_however_late_the_cuts_and_restarts_make_no_difference(
    given_steps: list[Step], how: list[str]
) -> None:
    made = deltas(given_steps)
    assert ran(made, how) == ran(made, ["flush"] * len(made)) == ran(made, ["on"] * len(made))


YEAR = 365 * 1440
WORKED = msgspec.structs.replace(
    CONFIG, alerts=(AlertRule(name="churn", metric="churn_rate", threshold=0.08, below=False),)
)
"""The default rule's day and n of 100: more than 8 % lost."""


def at(
    feed: Feed, minute: int, changes: Sequence[Change] = (), *, restarts: bool = False
) -> list[dict[str, object]]:
    """The alerts of one commit, at which both clocks say ``minute``."""
    before = len(alerts(feed.outputs))
    feed.now_ms = minute * MINUTE_MS - feed.step_ms
    feed.give(Delta(0, minute, {ALL: told(changes)} if changes else {}))
    if restarts:
        feed.restart()
        feed.shard.tick(feed.now_ms, {})
    return alerts(feed.outputs)[before:]


@pytest.mark.parametrize("clock", ["event", "wall"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_churn_of_more_than_8_percent_fires_once_and_clears_once(clock: str, restarts: bool) -> None:
    feed = Feed(msgspec.structs.replace(WORKED, clock=clock))
    assert at(feed, T0, [(T0 - YEAR, 250)], restarts=restarts) == []
    assert at(feed, T0 + 60, [(T0 + 50, -20)], restarts=restarts) == [], "20 of 250 are 8 %, no more"
    (fired,) = at(feed, T0 + 120, [(T0 + 110, -1)], restarts=restarts)
    assert (fired["state"], fired["n"], fired["value"]) == ("firing", 250, 21 / 250)
    assert at(feed, T0 + 180, [(T0 + 170, -1)], restarts=restarts) == [], "once"
    snapshot = feed.shard.snapshot.alerts
    assert [one.firing for one in snapshot] == [True]
    # A day after the twenty: two of the 230 who were there then are still in the window.
    (resolved,) = at(feed, T0 + 1440 + 90, restarts=restarts)
    assert (resolved["state"], resolved["n"], resolved["value"]) == ("resolved", 230, 2 / 230)
    assert at(feed, T0 + 3 * 1440, restarts=restarts) == []
    assert [one.firing for one in feed.shard.snapshot.alerts] == [False]


@pytest.mark.parametrize("clock", ["event", "wall"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_join_that_comes_a_year_late_counts_at_once(clock: str, restarts: bool) -> None:
    feed = Feed(msgspec.structs.replace(WORKED, clock=clock))
    at(feed, T0, [(T0 - YEAR, 100)], restarts=restarts)
    (fired,) = at(feed, T0 + 60, [(T0 + 50, -9)], restarts=restarts)
    assert (fired["state"], fired["value"]) == ("firing", 0.09)
    (resolved,) = at(feed, T0 + 120, [(T0 - YEAR, 25)], restarts=restarts)
    assert (resolved["state"], resolved["n"], resolved["value"]) == ("resolved", 125, 9 / 125)


@pytest.mark.parametrize("clock", ["event", "wall"])
def test_a_window_in_which_nobody_left_any_more_has_no_churn_and_clears(clock: str) -> None:
    feed = Feed(msgspec.structs.replace(WORKED, clock=clock))
    at(feed, T0, [(T0 - YEAR, 100)])
    (fired,) = at(feed, T0 + 60, [(T0 + 50, -10)])
    assert (fired["state"], fired["since"]) == ("firing", instant(T0_MS + HOUR_MS))
    (resolved,) = at(feed, T0 + 1440 + 60)
    assert (resolved["state"], resolved["n"], resolved["value"]) == ("resolved", 0, None)


def test_fewer_customers_at_the_start_than_the_rule_asks_for_never_fire() -> None:
    feed = Feed(WORKED)
    at(feed, T0, [(T0 - YEAR, 99)])
    assert at(feed, T0 + 60, [(T0 + 50, -99)]) == []
