"""The line that a worker ends with: what is known of why, and what to do."""

from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, ProducerFenced

from stream import app
from stream.runtime.errors import ShellError
from stream.settings import load


def ended(exc: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    async def fail(*_: Any, **__: Any) -> None:
        raise exc

    monkeypatch.setattr(app, "_serve", fail)
    monkeypatch.setattr("stream.runtime.logs.set_up", lambda level: None)
    monkeypatch.setattr("asyncio.set_event_loop_policy", lambda policy: None)  # of this process, for good
    assert app.run_worker(load({})) == 70
    return capsys.readouterr().err


def test_a_fenced_worker_does_not_blame_a_second_producer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ended(ProducerFenced(), monkeypatch, capsys)
    assert said.startswith("error: ProducerFenced: another worker has taken over")
    assert "the brokers ended a commit" in said
    assert said.endswith("start the worker again\n")
    assert said.count("\n") == 1


def test_what_cannot_come_from_outside_says_what_to_do_if_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ended(IndexError("tuple index out of range"), monkeypatch, capsys)
    assert said.startswith("error: IndexError: tuple index out of range; start the worker again. If it ends")
    assert "`stream worker --rebuild`" in said
    assert said.count("\n") == 1
    for other in (KafkaConnectionError("gone"), ShellError("a commit came to no end"), TimeoutError("slow")):
        assert "--rebuild" not in ended(other, monkeypatch, capsys)
