"""The same job on the embedded broker: weaker guarantees, the same figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream.core.record import SourceRecord
from stream.runtime.embedded import EmbeddedBroker
from tests.broker.conftest import Product


@pytest.fixture
def volatile(tmp_path: Path) -> Iterator[Product]:
    with EmbeddedBroker() as broker:
        made = Product(
            broker.address, "embedded", tmp_path, STREAM_ALLOW_VOLATILE="yes", STREAM_SESSION_TIMEOUT="6s"
        )
        try:
            yield made
        finally:
            made.close()


def test_the_job_on_the_embedded_broker(volatile: Product, day: Sequence[SourceRecord]) -> None:
    volatile.send(day[: len(day) // 2])
    worker = volatile.worker()
    worker.wait_for("worker.ready")
    volatile.send(day[len(day) // 2 :])
    assert worker.stop() == 0, worker.output
    assert "volatile broker: weaker guarantees" in worker.output
    volatile.drain()
    volatile.check()


def test_a_broker_without_transactions_is_refused_unless_asked_for(volatile: Product) -> None:
    worker = volatile.stream("worker", STREAM_ALLOW_VOLATILE="no")
    assert worker.wait() == 1
    assert "has no transactions" in worker.output
