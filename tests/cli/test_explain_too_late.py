"""What may have come too late stands beside what is excluded, in the words of `stream explain`."""

import json

import pytest

from stream.cli import run
from stream.commands.figure import Found
from stream.commands.words import minute_text
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS
from stream.core.explain import Explanation, explain
from stream.metrics import selected
from tests.core.deltas import ALL, T0, T0_MS, Delta, Feed, answers, config

WINDOW = ("--segment", "tenant=acme", "--window", f"{minute_text(T0_MS)}/1m")
SCOPE = "(all windows of 1m, all segments of the same partition of the windows)"


def feed() -> Feed:
    """Two sources, one of them ahead: the window is past its horizon there, and its sums are still kept."""
    made = Feed(config(source_partitions=2, horizons_ms={MINUTE_MS: 0, HOUR_MS: DAY_MS, DAY_MS: DAY_MS}))
    made.give(Delta(0, T0, {ALL: {T0: answers(3, 1)}}))
    made.give(Delta(1, T0 + 5, {}))
    return made


def shown(
    one: Feed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *options: str,
    name: str = "csat",
) -> str:
    metrics = selected(one.config)
    found: Explanation = explain(
        one.changelog, one.config, metrics, name, ALL, start_ms=T0_MS, window_ms=MINUTE_MS
    )
    monkeypatch.setattr("stream.commands.explain.explained", lambda *_: Found(one.config, [found]))
    monkeypatch.setattr("stream.commands.explain.suspected", lambda *_: [])
    assert run(["explain", name, *WINDOW, *options]) == 0
    return capsys.readouterr().out


def test_past_the_horizon_the_number_stands_beside_what_is_excluded_with_its_scope(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = feed()
    lines = shown(one, monkeypatch, capsys).splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith("  excluded "))
    assert " ".join("".join(lines[at + 1 : at + 3]).split()) == (
        f"too late about 0 measures of csat {SCOPE}, and whatever no window takes any more"
    )
    found = json.loads(shown(one, monkeypatch, capsys, "--json"))
    assert (found["too_late"]["possible"], found["too_late"]["measures"]) == (True, 0)
    assert f"({found['too_late']['scope']})" == SCOPE
    assert list(found).index("too_late") == list(found).index("figures") + 1


def test_it_is_said_once_and_also_where_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = feed()
    one.give(Delta(0, T0 + 9, {}))
    one.give(Delta(0, T0 + 9, {ALL: {T0: answers(1, 1)}}))
    text = shown(one, monkeypatch, capsys)
    assert "csat: nothing was measured in this window; its tallies are deleted" in text
    assert f"too late about 2 measures of csat {SCOPE}" in " ".join(text.split())
    assert text.count("  too late  ") == 1
