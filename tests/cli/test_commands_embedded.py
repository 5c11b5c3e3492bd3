"""The commands against the demo's broker, which has neither idempotent producers nor transactions."""

from pathlib import Path

import pytest

from stream.cli import run
from stream.runtime.embedded import EmbeddedBroker
from tests.cli.test_backfill import ticket, write


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
