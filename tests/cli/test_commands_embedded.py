"""The commands against the demo's broker, which has neither idempotent producers nor transactions."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from stream.cli import run
from stream.runtime.embedded import EmbeddedBroker
from tests.cli.test_backfill import ticket, write
from tests.support.ports import free_ports
from tests.support.process import Process

DAY = ("--window", "2026-11-05/1d")
BEFORE = ("--with-window", "2026-11-04/1d")


def published(monkeypatch: pytest.MonkeyPatch, broker: EmbeddedBroker, file: str, **more: str) -> None:
    """Settings for this broker, without ``STREAM_``, its topics, and events in them."""
    given = {"BROKERS": broker.address, "ALLOW_VOLATILE": "yes", "HTTP_PORT": "0", "CLOCK": "event", **more}
    for name, value in given.items():
        monkeypatch.setenv(f"STREAM_{name}", value)
    assert run(["topics", "create"]) == 0
    assert run(["publish", "--no-idempotence", file]) == 0


def test_publish_says_how_to_send_to_a_broker_without_idempotent_producers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(write(tmp_path / "in.ndjson", ticket(1)))
    with EmbeddedBroker() as broker:
        monkeypatch.setenv("STREAM_BROKERS", broker.address)
        assert run(["topics", "create"]) == 0
        assert run(["publish", file]) == 1
        assert "--no-idempotence" in capsys.readouterr().err
        assert run(["publish", "--no-idempotence", file]) == 0
        assert capsys.readouterr().out.endswith("3 events sent\n")
        assert run(["tail", "rollups", "--once"]) == 0
        assert capsys.readouterr() == ("", "")


def test_what_stands_in_the_last_batch_is_seen_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This broker tells the beginning of its last batch as if it were the end."""
    file = str(write(tmp_path / "in.ndjson", [event for number in range(40) for event in ticket(number)]))
    with EmbeddedBroker() as broker:
        published(monkeypatch, broker, file)
        for _ in range(2):  # the second one finds its state and its offsets where the first one left them
            drained = subprocess.run(
                [sys.executable, "-m", "stream", "worker", "--drain"],
                check=False,
                capture_output=True,
                text=True,
            )
            assert drained.returncode == 0, drained.stderr
        capsys.readouterr()
        assert run(["explain", "csat", "--segment", "tenant=acme", "--window", "2026-11-05/1d"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "n 40" in shown
        assert "leaves out merged (the ticket was merged into another one), deleted (" in shown
        assert "too late nothing: the window still takes corrections" in shown
        assert "contact_centre_stream_too_late_total" in shown
        assert (
            "facts creation (ticket.created), assignment (ticket.assigned), removal (ticket.merged, ticket.deleted, ticket.restored), "
            "survey (survey.sent, survey.answered, survey.retracted) null "
        ) in shown
        assert run(["explain", "live", "--segment", "tenant=acme"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "tickets_unanswered count " in shown
        assert "watermark 2026-" in shown
        assert (
            "visit (ticket.queue_entered, ticket.queue_left), reply (reply.added, reply.retracted)" in shown
        )
        assert run(["compare", "csat", "--segment", "tenant=acme", "--window", "2026-11-05/1d", *BEFORE]) == 0
        assert "No interval: there is a figure on one side at most." in capsys.readouterr().out
        assert run(["tail", "rollups", "--once", "--metric", "csat", "--window", "1d"]) == 0
        assert "n 40" in capsys.readouterr().out


def test_explain_sets_another_segment_beside_the_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two teams in one window: the words and numbers of `stream compare`."""
    events = [event for number in range(40) for event in ticket(number)]
    for event in events[90:]:
        if "team" in event["data"]:
            event["data"]["team"] = "returns"
    with EmbeddedBroker() as broker:
        published(monkeypatch, broker, str(write(tmp_path / "in.ndjson", events)))
        drained = subprocess.run(
            [sys.executable, "-m", "stream", "worker", "--drain"], check=False, capture_output=True, text=True
        )
        assert drained.returncode == 0, drained.stderr
        capsys.readouterr()

        def said(command: str, *options: str) -> str:
            assert run([command, "csat", "--segment", "tenant=acme&team=billing", *DAY, *options]) == 0
            return capsys.readouterr().out

        def apart(text: str) -> list[str]:
            lines = text.splitlines()
            return lines[[line.split()[:1] for line in lines].index(["difference"]) :][:3]

        with_returns = ("--with-segment", "team=returns")
        shown = said("explain", *with_returns)
        # 22 of 30 and 8 of 10.
        beside = shown[shown.index("  with ") :]
        assert "80.00 %   n 10   team=returns tenant=acme" in beside.splitlines()[0]
        assert "-6.67 percentage points   95 % interval" in beside
        assert "Too few (n 10, at least 100 are asked for); the interval contains zero" in beside
        assert apart(beside) == apart(said("compare", *with_returns))
        found = json.loads(said("explain", *with_returns, "--json"))["with"]
        compared = json.loads(said("compare", *with_returns, "--json"))
        (figure,) = found["figures"]
        assert (found["key"], found["segment"]) == (compared["with"]["key"], compared["with"]["segment"])
        alike = ("difference", "low", "high", "contains_zero", "too_few", "verdict", "method")
        assert {name: figure[name] for name in alike} == {name: compared[name] for name in alike}
        assert json.loads(said("explain", "--json"))["with"] is None
        nobody = said("explain", "--with-segment", "team=nobody")
        assert "-   n 0   team=nobody tenant=acme   nothing was measured" in nobody
        assert run(["explain", "csat", "--segment", "team=nobody&tenant=acme", *DAY, *with_returns]) == 0
        nothing_here = capsys.readouterr().out
        assert "csat: nothing was measured in this window" in nothing_here
        assert "80.00 %   n 10   team=returns tenant=acme" in nothing_here


@pytest.mark.parametrize(("asked", "shown"), [("no", False), ("yes", True)])
def test_a_worker_shows_figures_per_agent_only_where_they_are_asked_for(
    asked: str, shown: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = ticket(1)
    events[-1]["data"]["agent_id"] = "a-7"
    events += [one | {"time": "2026-11-05T13:00:00Z"} for one in ticket(2)]  # event time goes on
    (port,) = free_ports(1)
    with EmbeddedBroker() as broker:
        published(
            monkeypatch,
            broker,
            str(write(tmp_path / "in.ndjson", events)),
            HTTP_PORT=str(port),
            GROUPINGS="all;agent",
            PARTITIONS="1",
            DELTA_PARTITIONS="1",  # both segments are shown at once, or neither
            AGENT_GAUGES=asked,
        )
        with Process(tmp_path, "-m", "stream", "worker", env=dict(os.environ)) as worker:
            found: list[str] = []
            until = time.monotonic() + 60
            while not found and time.monotonic() < until:
                with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                    lines = page.read().decode().splitlines()
                    found = [one for one in lines if one.startswith("contact_centre_csat_answers{")]
                time.sleep(0.1)
    assert found, worker.output + worker.error
    assert any('agent="a-7"' in line for line in found) == shown
