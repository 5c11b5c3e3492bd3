"""The broker goes away and comes back; the worker comes back alone, or ends with 70 where a commit failed and is started again."""

import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product, scrape
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import wait_until

pytestmark = pytest.mark.broker


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker that this test may harm."""
    with Kafka() as kafka:
        yield kafka


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_the_broker_is_away_for_a_while(
    own_kafka: Kafka, day: Sequence[SourceRecord], tmp_path: Path, how: str
) -> None:
    product = Product(own_kafka.bootstrap, "outage", tmp_path, STREAM_DELIVERY_TIMEOUT="20s")
    try:
        port = free_ports(1)[0]
        worker = product.worker(port=port)
        worker.wait_for("worker.ready")
        third = len(day) // 3
        product.send(day[:third])
        node = own_kafka.nodes[0]
        if how == "killed":
            node.end(signal.SIGKILL)
            time.sleep(4)
            node.start()
            own_kafka.wait()
        else:
            node.send(signal.SIGSTOP)
            time.sleep(6)
            node.send(signal.SIGCONT)
        product.send(day[third:])
        wait_until(lambda: not worker.running or _caught_up(port), 120, lambda: worker.output[-3000:])
        if not worker.running:
            assert worker.wait() == 70, worker.output[-3000:]
            worker = product.worker(port=port)  # as a supervisor does
            wait_until(lambda: _caught_up(port), 120, lambda: worker.output[-3000:])
        # A commit that was cut in two may still be waited for. What was not committed the drain does again.
        assert worker.stop() in {0, 70}, worker.output[-3000:]
        product.drain()
        product.check()
    finally:
        product.close()


def _caught_up(port: int) -> bool:
    try:
        series = scrape(port)
    except OSError:  # it has just ended
        return False
    lag = [value for name, value in series.items() if name.startswith("contact_centre_stream_lag_records")]
    return len(lag) > 10 and not any(lag) and series["contact_centre_stream_ready"] == 1
