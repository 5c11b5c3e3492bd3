"""Ten times the usual rate at once, and a reader of the rollups that cannot keep up: what waits, waits in Kafka and not in the worker."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from stream.settings import load
from tests.bench.job import generate
from tests.broker.conftest import Product, scrape
from tests.support.ports import free_ports
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

USUAL_PER_SECOND, USUAL_SECONDS = 1_000, 4
MORE_MIB = 250
"""What a worker may need beyond its usual peak: fetches of at most 4 MiB for each of twelve partitions, and 20,000 decoded tickets."""


class SlowReader(threading.Thread):
    """Takes ten rollups a second of many thousands."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.bootstrap, self.topic = bootstrap, topic
        self.ended = threading.Event()
        self.read = 0

    def run(self) -> None:
        asyncio.run(self._read())

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            self.topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest", group_id="slow"
        )
        await consumer.start()
        try:
            while not self.ended.is_set():
                for records in (await consumer.getmany(timeout_ms=100, max_records=1)).values():
                    self.read += len(records)
                await asyncio.sleep(0.1)
        finally:
            await consumer.stop()


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def figures(port: int) -> set[str]:
    """The series of figures, without the pipeline's own."""
    return {
        name for name in scrape(port) if "contact_centre_" in name and "contact_centre_stream_" not in name
    }


def lag(port: int) -> float:
    return sum(value for name, value in scrape(port).items() if "_lag_records" in name)


def test_a_burst_waits_in_kafka_and_a_slow_reader_holds_nothing_up(product: Product) -> None:
    (port,) = free_ports(1)
    records = generate(10_000).records
    # Few windows, so that what grows would be a queue and not the state of a whole day.
    product.settings |= {"STREAM_ROLLUP_WINDOWS": "1h,24h", "STREAM_GAUGE_WINDOWS": "24h"}
    product.core = load(product.settings).core()
    usual = USUAL_PER_SECOND * USUAL_SECONDS
    reader = SlowReader(product.bootstrap, product.core.topics.rollups)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    product.send(records[:usual], per_second=USUAL_PER_SECOND)
    wait_until(lambda: lag(port) == 0, 60, lambda: worker.output)
    reader.start()
    before_mib, series = peak_mib(worker.pid), len(figures(port))

    behind = [0.0]
    burst = threading.Thread(target=product.send, args=(records[usual:],))
    burst.start()
    while burst.is_alive() or behind[-1]:
        behind.append(lag(port))
        assert worker.running, worker.output
        time.sleep(0.2)
    after_mib = peak_mib(worker.pid)
    shown = len(figures(port))
    reader.ended.set()
    reader.join(30)
    assert worker.stop() == 0, worker.output
    print(f"{max(behind):,.0f} records behind, {after_mib - before_mib:.0f} MiB more")
    assert max(behind) > 10_000, "the burst was none"
    assert after_mib - before_mib < MORE_MIB
    assert shown < 2 * series, "series grow with teams and channels, not with events"
    product.drain()
    product.check()
    assert 0 < reader.read < len(product.rollups()) / 2
