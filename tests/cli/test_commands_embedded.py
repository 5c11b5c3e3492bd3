"""The commands against the demo's broker, which has neither idempotent producers nor transactions."""

import subprocess
import sys
from pathlib import Path

import pytest

from stream.cli import run
from stream.runtime.embedded import EmbeddedBroker
from tests.cli.test_backfill import ticket, write

BEFORE = ("--with-window", "2026-11-04/1d")


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
        for name, value in (
            ("BROKERS", broker.address),
            ("ALLOW_VOLATILE", "yes"),
            ("HTTP_PORT", "0"),
            ("CLOCK", "event"),
        ):
            monkeypatch.setenv(f"STREAM_{name}", value)
        assert run(["topics", "create"]) == 0
        assert run(["publish", "--no-idempotence", file]) == 0
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
        assert run(["explain", "live", "--segment", "tenant=acme"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "tickets_unanswered count " in shown
        assert "watermark 2026-" in shown
        assert run(["compare", "csat", "--segment", "tenant=acme", "--window", "2026-11-05/1d", *BEFORE]) == 0
        assert "No interval: there is a figure on one side at most." in capsys.readouterr().out
        assert run(["tail", "rollups", "--once", "--metric", "csat", "--window", "1d"]) == 0
        assert "n 40" in capsys.readouterr().out
