"""The lag is what waits in the brokers' logs, also while fetches are slow and tell nothing."""

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream.app import stages
from stream.runtime import clients, log_ends
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StateError
from stream.runtime.shell import Shell
from stream.runtime.stage import Part
from stream.settings import load

CONFIG = RuntimeConfig(brokers=("localhost:1",), app_id="x")
CORE = load({"STREAM_PARTITIONS": "1", "STREAM_DELTA_PARTITIONS": "1"}).core()
TICKETS = CORE.topics.tickets


class Notes:
    """A checkpoint that nothing is written with."""

    notes: tuple[str, ...] = ()


class Brokers:
    """A consumer's answers: where the log of tickets ends, or that nobody answers."""

    def __init__(self, *answers: int | None) -> None:
        self._answers = list(answers)
        self.stopped = 0

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped += 1

    async def topics(self) -> set[str]:
        return {TICKETS}

    async def end_offsets(self, asked: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        assert asked == [TopicPartition(TICKETS, 0)]
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if answer is None:
            raise KafkaConnectionError("gone")
        return {TopicPartition(TICKETS, 0): answer}


def lag_after(
    *answers: int | None,
    fetched_end: int | None,
    monkeypatch: pytest.MonkeyPatch,
    failed: list[BaseException] | None = None,
) -> Mapping[tuple[str, int], int]:
    """The lag of a worker that has applied ten records, when the brokers have given these answers."""
    failures: list[BaseException] = [] if failed is None else failed
    brokers = Brokers(*answers)
    monkeypatch.setattr(clients, "reader", lambda *_, **__: brokers)
    monkeypatch.setattr(log_ends, "ASK_SECONDS", 0.0)

    async def run() -> Mapping[tuple[str, int], int]:
        shell = Shell(CONFIG, stages(CORE, CONFIG)[:1])
        shell.end_of = lambda topic, _: fetched_end if topic == TICKETS else None
        shell.checkpoint = Notes()  # type: ignore[assignment]  # as much of one as is read
        part = Part(shell.specs[0], 0)
        part.positions = {TICKETS: 10}
        shell.parts["tickets", 0] = part
        watch = log_ends.watch(CONFIG, shell.reading, shell.waiting, failures.append, committed=True)
        task = asyncio.create_task(watch)
        for _ in range(10 * len(answers) + 10):
            await asyncio.sleep(0)
        shell.publish()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert brokers.stopped == 1
        return shell.status.lag

    return asyncio.run(run())


def test_what_a_slow_fetch_has_not_told_yet_is_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lag_after(17, fetched_end=10, monkeypatch=monkeypatch) == {(TICKETS, 0): 7}
    assert lag_after(17, fetched_end=None, monkeypatch=monkeypatch) == {(TICKETS, 0): 7}
    assert lag_after(17, fetched_end=30, monkeypatch=monkeypatch) == {(TICKETS, 0): 20}


def test_it_falls_when_nothing_waits_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lag_after(17, 10, fetched_end=10, monkeypatch=monkeypatch) == {(TICKETS, 0): 0}


def test_while_nobody_answers_what_was_known_last_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lag_after(17, None, None, fetched_end=10, monkeypatch=monkeypatch) == {(TICKETS, 0): 7}
    assert lag_after(None, 12, fetched_end=10, monkeypatch=monkeypatch) == {(TICKETS, 0): 2}


def test_before_anybody_knows_there_is_no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lag_after(fetched_end=None, monkeypatch=monkeypatch) == {}


def test_a_log_that_ends_before_what_was_read_of_it_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once may be a leader that does not know better yet; a log that ends where it was read to is nothing new."""
    failed: list[BaseException] = []
    lag_after(9, 9, 10, 9, 9, None, 12, fetched_end=10, monkeypatch=monkeypatch, failed=failed)
    assert failed == []
    lag_after(9, 9, None, 9, fetched_end=10, monkeypatch=monkeypatch, failed=failed)
    [error] = failed
    assert isinstance(error, StateError)
    assert f"{TICKETS}[0] ends at offset 9, but the state already contains what came before 10" in str(error)
