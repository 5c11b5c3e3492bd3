"""Alerts fire and clear at the same instants of event time, however the input was cut into commits."""

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.alert import AlertState, evaluate
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, AlertRule
from stream.core.rollup import instant
from stream.metrics import BY_NAME
from tests.core.deltas import ALL, BAD, BILLING, GOOD, T0, T0_MS, Delta, Feed, alerts, answers, config

TEN_MINUTES = AlertRule(
    name="a", metric="csat", threshold=0.8, window_ms=10 * MINUTE_MS, min_n=2, clear_margin=0.1
)
HELD = AlertRule(name="b", metric="csat", threshold=0.8, window_ms=HOUR_MS, min_n=3, for_ms=437_000)
DAILY = AlertRule(
    name="c", metric="csat", threshold=0.6, window_ms=DAY_MS, min_n=4, for_ms=HOUR_MS, segment={"team": "*"}
)
RULES = (TEN_MINUTES, HELD, DAILY)
LENGTHS = (10 * MINUTE_MS, HOUR_MS, DAY_MS)
PANE = {10 * MINUTE_MS: 1, HOUR_MS: 1, DAY_MS: 15}
WATCHES = {"a": ALL, "b": ALL, "c": BILLING}

Transition = tuple[str, str, str]


class Step(NamedTuple):
    """A delta of one source: (segment, minutes after its watermark, good, bad), and how far the watermark then goes."""

    source: int
    entries: list[tuple[str, int, int, int]]
    advance: int


def steps(soonest: int) -> st.SearchStrategy[list[Step]]:
    entry = st.tuples(
        st.sampled_from([ALL, BILLING]), st.integers(soonest, 90), st.integers(0, 4), st.integers(0, 4)
    )
    advance = st.one_of(st.integers(0, 40), st.integers(0, 3 * 1440))
    return st.lists(st.builds(Step, st.integers(0, 1), st.lists(entry, max_size=4), advance), max_size=10)


cuts = st.lists(st.sampled_from(["on", "flush", "restart"]), min_size=10, max_size=10)


def transitions(feed: Feed) -> list[Transition]:
    return [(one["rule"], one["state"], one["since"]) for one in alerts(feed.outputs)]


def deltas(given_steps: Iterable[Step], *, one_source: bool = False) -> list[Delta]:
    watermarks = [T0, T0]
    made = []
    for source, entries, advance in given_steps:
        mine = 0 if one_source else source
        minutes: dict[str, dict[int, dict[int, int]]] = {}
        for segment, after, good, bad in entries:
            tally = minutes.setdefault(segment, {}).setdefault(watermarks[mine] + after, {})
            for slot, amount in answers(good, bad).items():
                tally[slot] = tally.get(slot, 0) + amount
        watermarks[mine] += advance
        made.append(Delta(mine, watermarks[mine], minutes))
    return made


def ran(made: list[Delta], how: list[str]) -> list[Transition]:
    feed = Feed(config(source_partitions=2, alerts=RULES, gauge_windows_ms=LENGTHS))
    for delta, then in zip(made, how, strict=False):
        feed.apply(delta)
        if then != "on":
            feed.flush()
        if then == "restart":
            feed.restart()
    feed.close()
    return transitions(feed)


def oracle(made: list[Delta]) -> list[Transition]:
    """Every rule at every end of a pane, on plain sums, up to the end of the input."""
    entries = [
        (segment, minute, tally)
        for delta in made
        for segment, minutes in delta.segments.items()
        for minute, tally in minutes.items()
    ]
    end = max([T0, *(delta.watermark for delta in made)])
    for rule in RULES:
        width = PANE[rule.window_ms]
        end = max(
            [end, *(m - m % width + width for name, m, t in entries if name == WATCHES[rule.name] and t)]
        )
    found: list[tuple[int, str, str]] = []
    for rule in RULES:
        width = PANE[rule.window_ms]
        state: AlertState | None = None
        own = [(minute, tally) for segment, minute, tally in entries if segment == WATCHES[rule.name]]
        for at in range(T0 - T0 % width, end + 1, width):
            good, bad = (
                sum(tally.get(slot, 0) for m, tally in own if at - rule.window_ms // MINUTE_MS <= m < at)
                for slot in (GOOD, BAD)
            )
            figure = next(iter(BY_NAME["csat"].figures({16: good, 17: bad}))) if good + bad else None
            change = evaluate(rule, state, figure, at * MINUTE_MS)
            if change is not None:
                state = change.state
                if change.published:
                    found.append((at * MINUTE_MS, rule.name, "firing" if state.firing else "resolved"))
    return [(name, state_name, instant(at_ms)) for at_ms, name, state_name in sorted(found)]


@given(steps(0), cuts)
@settings(max_examples=100, deadline=None)
def test_what_comes_in_time_is_judged_as_by_an_observer_who_looks_at_every_pane(
    given_steps: list[Step], how: list[str]
) -> None:
    made = deltas(given_steps)
    assert ran(made, how) == oracle(made)


@given(steps(-300), cuts, st.booleans())
@settings(max_examples=200, deadline=None)
def test_late_or_not_the_cuts_and_restarts_make_no_difference(
    given_steps: list[Step], how: list[str], one_source: bool
) -> None:
    made = deltas(given_steps, one_source=one_source)
    assert ran(made, how) == ran(made, ["flush"] * len(made)) == ran(made, ["on"] * len(made))


def ten_days() -> list[Delta]:
    """144 answers a day, those of the fifth day all bad; one delta per ten minutes, the watermark right behind."""
    return [
        Delta(0, minute + 10, {ALL: {minute: answers(0, 1) if day == 4 else answers(1, 0)}})
        for day in range(10)
        for minute in range(T0 + day * 1440, T0 + (day + 1) * 1440, 10)
    ]


@pytest.mark.parametrize("commit", [1, 37, 1440])
def test_a_bad_day_in_a_replay_fires_and_clears_whatever_the_commits(commit: int) -> None:
    feed = Feed(config())
    made = ten_days()
    for first in range(0, len(made), commit):
        feed.apply(*made[first : first + commit])
        feed.flush()
    feed.close()
    # with the answer of 04:40, 29 of the last 144 are bad: 0.7986; 28 are (0.8056) once that of 19:10 is a day old
    assert transitions(feed) == [
        ("csat_low", "firing", instant(T0_MS + 4 * DAY_MS + 4 * HOUR_MS + 45 * MINUTE_MS)),
        ("csat_low", "resolved", instant(T0_MS + 5 * DAY_MS + 19 * HOUR_MS + 15 * MINUTE_MS)),
    ]


def test_all_in_one_delta_as_well() -> None:
    feed = Feed(config())
    minutes = {minute: tally for delta in ten_days() for minute, tally in delta.segments[ALL].items()}
    feed.give(Delta(0, T0 + 10 * 1440, {ALL: minutes}))
    assert [state for _, state, _ in transitions(feed)] == ["firing", "resolved"]
    assert [one["n"] for one in alerts(feed.outputs)] == [144, 144]


def test_the_end_of_the_input_is_judged_though_the_watermark_has_not_passed_it() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 14, {ALL: {T0 + 14: answers(0, 100)}}))
    assert transitions(feed) == []
    feed.close()
    assert transitions(feed) == [("csat_low", "firing", instant(T0_MS + 15 * MINUTE_MS))]
    feed.restart()
    feed.give(Delta(0, T0 + 3 * 1440, {}))
    assert transitions(feed)[1:] == [("csat_low", "resolved", instant(T0_MS + DAY_MS + 15 * MINUTE_MS))]


def test_an_input_that_ends_again_and_again_without_anything_new_says_nothing_again() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 14, {ALL: {T0 + 15: answers(0, 100)}}))
    for _ in range(3):
        feed.close()
        feed.restart()
    feed.give(Delta(0, T0 + 14, {BILLING: {T0 + 14: answers(1, 0)}}))
    feed.close()
    assert transitions(feed) == [("csat_low", "firing", instant(T0_MS + 30 * MINUTE_MS))]


def test_a_correction_behind_the_last_pane_is_judged_at_the_end_of_the_input() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 15, {ALL: {T0 + 14: answers(0, 100)}}))
    feed.give(Delta(0, T0 + 15, {ALL: {T0 + 14: answers(100, -100)}}))
    assert [state for _, state, _ in transitions(feed)] == ["firing"]
    feed.close()
    assert transitions(feed)[1:] == [("csat_low", "resolved", instant(T0_MS + 15 * MINUTE_MS))]


def test_stretches_in_which_nothing_changes_cost_nothing() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0, {ALL: {T0: answers(0, 100)}}))
    feed.give(Delta(0, T0 + 10_000 * 1440, {}))  # 27 years: nearly a million panes
    assert [state for _, state, _ in transitions(feed)] == ["firing", "resolved"]
