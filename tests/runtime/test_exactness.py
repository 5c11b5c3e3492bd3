"""A figure that counts every record once stays exact whatever happens to the workers. Real Kafka, real processes and signals."""

import random
import signal
import time

import pytest

from tests.runtime.conftest import Toy
from tests.support.process import wait_until

pytestmark = pytest.mark.broker


def test_drain_applies_everything_once_and_a_second_one_nothing(toy: Toy) -> None:
    toy.produce(20_000)
    toy.drain()
    toy.check()
    toy.drain()
    toy.check()


def test_drain_of_empty_topics_ends(toy: Toy) -> None:
    toy.drain()
    assert toy.totalled() == 0


def test_sigterm_in_the_middle_loses_and_doubles_nothing(toy: Toy) -> None:
    worker = toy.worker()
    toy.produce(5_000)
    wait_until(lambda: toy.totalled() > 0, 90, lambda: worker.output)
    toy.produce(5_000)
    assert worker.stop() == 0, worker.output
    toy.produce(5_000)
    toy.drain()
    toy.check()


@pytest.mark.parametrize("step", ["begun", "sent_some", "acknowledged", "offsets", "committed"])
@pytest.mark.parametrize("stage", ["count", "sum"])
def test_sigkill_between_the_steps_of_a_commit(toy: Toy, stage: str, step: str) -> None:
    toy.produce(2_000)
    worker = toy.worker(fault=(stage, step, 3, signal.SIGKILL))
    assert worker.wait() == -signal.SIGKILL, worker.output
    toy.produce(500)
    toy.drain()
    toy.check()


def test_sigkill_at_random_moments(toy: Toy) -> None:
    seed = 20260
    print("seed", seed)
    moments = random.Random(seed)
    for _ in range(5):
        worker = toy.worker()
        worker.wait_for("worker.ready")
        toy.produce(3_000, per_second=4_000)
        time.sleep(moments.random())
        worker.kill()
    toy.drain()
    toy.check()


def test_one_worker_two_one_again(toy: Toy) -> None:
    first = toy.worker()
    first.wait_for("worker.ready")
    toy.produce(3_000, per_second=3_000)
    second = toy.worker()
    second.wait_for("worker.ready")
    toy.produce(3_000, per_second=3_000)
    assert first.stop() == 0, first.output
    toy.produce(3_000, per_second=3_000)
    third = toy.worker()
    third.wait_for("worker.ready")
    toy.produce(3_000, per_second=3_000)
    second.kill()
    toy.produce(1_000)
    wait_until(lambda: toy.totalled() == toy.expected.total(), 90, lambda: third.output)
    assert third.stop() == 0, third.output
    toy.check()


def test_a_worker_that_was_stopped_too_long_changes_nothing_when_it_wakes(toy: Toy) -> None:
    toy.produce(2_000)
    zombie = toy.worker(fault=("count", "sent_some", 2, signal.SIGSTOP))
    wait_until(lambda: zombie.stopped, 90, lambda: zombie.output)
    successor = toy.worker()
    toy.produce(2_000)
    wait_until(lambda: toy.totalled() == toy.expected.total(), 90, lambda: successor.output)
    zombie.send(signal.SIGCONT)
    assert zombie.wait() == 70, zombie.output
    toy.produce(500)
    wait_until(lambda: toy.totalled() == toy.expected.total(), 90, lambda: successor.output)
    assert successor.stop() == 0, successor.output
    toy.drain()
    toy.check()
