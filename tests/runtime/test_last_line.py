"""The line that a worker ends with: what is known of why, and what to do."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerFenced

from stream import app
from stream.core.state_shape import GenerationError
from stream.runtime import worker
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import ShellError, StateError
from stream.settings import load


def ended(exc: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    async def fail(*_: Any, **__: Any) -> None:
        raise exc

    monkeypatch.setattr(app, "_serve", fail)
    monkeypatch.setattr("stream.runtime.logs.set_up", lambda level: None)
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


def test_what_kafkas_client_wraps_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrapped = KafkaError("Unexpected error during batch delivery")
    wrapped.__cause__ = OSError(113, "no route to host")
    said = ended(wrapped, monkeypatch, capsys)
    assert "batch delivery (OSError: [Errno 113] no route to host); start the worker again\n" in said


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (StateError("changelog[0]: a row is missing: start one with `stream worker --rebuild`"), 70),
        (GenerationError("this worker has an older generation"), 1),
        (ProducerFenced(), 70),
        (ShellError("a commit came to no end"), 70),
    ],
)
def test_who_is_ended_by_force_says_the_same_line(
    failure: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Leaving waits for brokers that are silent: the process is ended, with the line and the code of its failure."""
    ends: list[int] = []
    ended_now = threading.Event()

    def end(number: int) -> None:
        ends.append(number)
        ended_now.set()

    monkeypatch.setattr(worker, "LEAVE_SECONDS", 0.0)
    monkeypatch.setattr("os._exit", end)
    loop = asyncio.new_event_loop()
    latched = loop.create_future()
    latched.set_exception(failure)
    shell: Any = SimpleNamespace(failure=latched)
    config = RuntimeConfig(brokers=("localhost:1",), app_id="x")
    worker._end_by_force(config, shell, threading.Event(), app._verdict)
    assert ended_now.wait(10)
    loop.close()
    said, expected = app._verdict(failure)
    assert ends == [expected] == [code]
    assert capsys.readouterr().err == f"error: {said}\n"
    assert ("start the worker again" in said) == (type(failure) in (ProducerFenced, ShellError))
