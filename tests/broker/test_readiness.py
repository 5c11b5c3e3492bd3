"""A worker whose broker does not answer is not ready, and says why; it is ready again by itself."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import Product
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import wait_until


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker that this test may stop."""
    with Kafka() as kafka:
        yield kafka


def readiness(port: int) -> tuple[int, list[str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)["reasons"]
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["reasons"]
    except OSError as error:
        return 0, [str(error)]


@pytest.mark.broker
@pytest.mark.parametrize("doing", ["nothing", "a commit"])
def test_a_silent_broker_makes_the_worker_not_ready(own_kafka: Kafka, tmp_path: Path, doing: str) -> None:
    # With the wall clock an idle worker commits its watermark every second; with event time it has nothing to commit.
    clock = {"STREAM_CLOCK": "wall", "STREAM_IDLE_AFTER": "1s"} if doing == "a commit" else {}
    product = Product(own_kafka.bootstrap, "silent", tmp_path, **clock)
    (port,) = free_ports(1)
    (node,) = own_kafka.nodes
    try:
        worker = product.worker(port=port)
        worker.wait_for("worker.ready")
        wait_until(lambda: readiness(port) == (200, []), 60, lambda: worker.output[-3000:])
        node.send(signal.SIGSTOP)
        try:
            reasons: list[str] = []

            def refuses() -> bool:
                status, reasons[:] = readiness(port)
                return status == 503

            wait_until(refuses, 60, lambda: str(reasons))
            known = ("heartbeat", "joining", "commit")
            assert all(any(word in reason for word in known) for reason in reasons), reasons
        finally:
            node.send(signal.SIGCONT)
        wait_until(
            lambda: readiness(port) == (200, []) or not worker.running,
            60,
            lambda: f"{readiness(port)} {worker.output[-3000:]}",
        )
        assert worker.running, worker.output[-3000:]
        silent, answered = (worker.output.find(f"brokers.{what}") for what in ("silent", "answer"))
        assert -1 < silent < answered, worker.output[-3000:]  # the log says it as well
        assert worker.stop() == 0, worker.output
    finally:
        product.close()
