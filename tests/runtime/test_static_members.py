"""Workers with names of their own in the group: who comes back in time has its partitions again, and nobody else notices."""

import pytest

from tests.runtime.conftest import Toy
from tests.support.process import Process, wait_until

pytestmark = pytest.mark.broker


SESSION_MS = 45_000
"""Long beside what a process needs to start on a busy machine: the killed member must be back before its session is over."""


def _named(toy: Toy, name: str, session_ms: int) -> Process:
    worker = toy.worker(instance_id=name, session_ms=session_ms)
    worker.wait_for("worker.ready", 90)
    return worker


def _readies(worker: Process) -> int:
    return worker.output.count("worker.ready")


def test_a_killed_member_that_comes_back_at_once_moves_nothing(toy: Toy) -> None:
    first = _named(toy, "first", SESSION_MS)
    second = _named(toy, "second", SESSION_MS)
    toy.produce(3_000)
    wait_until(lambda: toy.totalled() == 3_000, 90, lambda: first.output + second.output)
    before = _readies(first)
    second.kill()
    again = _named(toy, "second", SESSION_MS)
    toy.produce(3_000)
    wait_until(lambda: toy.totalled() == 6_000, 90, lambda: first.output + again.output)
    assert _readies(first) == before, "the other member kept its partitions and went on"
    for worker in (first, again):
        assert worker.stop() == 0, worker.output
    toy.check()


def test_of_two_with_one_name_one_ends_loudly_and_nothing_is_spoilt(toy: Toy) -> None:
    first = _named(toy, "same", 2000)
    toy.produce(3_000)
    wait_until(lambda: toy.totalled() == 3_000, 90, lambda: first.output)
    second = toy.worker(
        instance_id="same"
    )  # no commit of the first one is on its way that it would cut in two
    wait_until(lambda: not (first.running and second.running), 120, lambda: first.output + second.output)
    loser = second if first.running else first
    assert loser.wait() == 70, loser.output
    assert "is STREAM_INSTANCE_ID=same given to two workers?" in loser.output
    for worker in (first, second):  # the other one may be about to give up as well
        if worker.running:
            worker.kill()
    toy.produce(3_000)
    toy.drain()
    toy.check()
