"""``python -m tests.bench.freshness``: seconds from an event's produce to its gauge and to its rollup, at parts of the highest rate.

First a worker catches up with a backlog: that is the highest rate. Then the benchmark's day comes in real time, dated now, at 20, 50 and
80 % of it, and among its events answers of a team of its own: the n-th of them is there when the team's count of answers is n. The
gauge is looked at every 0.1 s by asking for the whole page, as Prometheus does it; what that costs the worker is in the figures.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from tests.bench.job import generate
from tests.bench.recovery import State
from tests.broker.conftest import Product, scrape
from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import Process, wait_until

BACKLOG_TICKETS = 20_000
SHARES = (0.2, 0.5, 0.8)
PROBES_PER_SECOND = 4
STEP_SECONDS = 0.02
SETTLE_SECONDS = 15
"""What comes to no end by then is missing, and said to be."""
TEAM = "probe"
SETTINGS = {"STREAM_CLOCK": "wall", "STREAM_PARTITIONS": "4", "STREAM_SESSION_TIMEOUT": "10s"}
SETTINGS |= {"STREAM_COMMIT_INTERVAL": "1s", "STREAM_HEARTBEAT_INTERVAL": "500ms"}


class Seen(NamedTuple):
    """When so many of the team's answers were counted."""

    at: float
    answers: int


def now_text() -> bytes:
    """The time as events have it."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)).encode() + b".%03dZ" % (now % 1 * 1000)


def dated(value: bytes, at: bytes) -> bytes:
    """An event with another time."""
    head, mark, rest = value.partition(b'"time":"')
    return head + mark + at + rest[rest.index(b'"') :]


def answer(number: int) -> bytes:
    """The n-th answer of the team that is looked at."""
    data = {"tenant": "acme", "ticket_id": f"probe-{number}", "team": TEAM, "survey_id": f"probe-{number}"}
    data |= {"kind": "csat", "scale": {"min": 1, "max": 5}, "score": 5, "revision": 0}  # type: ignore[dict-item]  # whatever JSON has
    event = {"specversion": "1.0", "id": f"p-{number}", "source": "/probe", "time": now_text().decode()}
    return orjson.dumps({**event, "type": "contact-centre.survey.answered.v1", "data": data})


def send(
    bootstrap: str, surveys: str, records: Sequence[SourceRecord], per_second: float, first: int
) -> list[float]:
    """In a process of its own: send the records as of now at this rate, and answers among them; gives when each of those was sent."""
    return asyncio.run(_send(bootstrap, surveys, records, per_second, first))


async def _send(
    bootstrap: str, surveys: str, records: Sequence[SourceRecord], per_second: float, first: int
) -> list[float]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=1 << 17)
    await producer.start()
    sent_at: list[float] = []
    try:
        began, done = time.monotonic(), 0
        while done < len(records):
            due = min(len(records), int((time.monotonic() - began) * per_second))
            at = now_text()
            for record in records[done:due]:
                await producer.send(
                    record.topic, dated(record.value or b"", at), record.key, partition=record.partition
                )
            done = max(done, due)
            if time.monotonic() - began > len(sent_at) / PROBES_PER_SECOND:
                number = first + len(sent_at)
                sent_at.append(time.time())
                key = b"probe-%d" % number
                await producer.send(surveys, answer(number), key, partition=murmur2_partition(key, 4))
            await asyncio.sleep(STEP_SECONDS)
        await producer.flush()
    finally:
        await producer.stop()
    return sent_at


def watch_rollups(bootstrap: str, topic: str, answers: int, seconds: float) -> list[Seen]:
    """In a process of its own: read the team's day from the rollups until it counts so many answers."""
    return asyncio.run(_watch_rollups(bootstrap, topic, answers, seconds))


async def _watch_rollups(bootstrap: str, topic: str, answers: int, seconds: float) -> list[Seen]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    seen: list[Seen] = []
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until and (not seen or seen[-1].answers < answers):
            for records in (await consumer.getmany(timeout_ms=50)).values():
                for record in records:
                    if b"/csat/" not in record.key or not record.key.endswith(b"/86400"):
                        continue
                    data = orjson.loads(record.value)["data"]
                    if data["segment"].get("team") == TEAM and "channel" not in data["segment"]:
                        seen.append(Seen(time.time(), data["n"]))
    finally:
        await consumer.stop()
    return seen


def watch_gauge(port: int, answers: int, seconds: float) -> list[Seen]:
    """Look at the team's count of answers until it is so many."""
    seen: list[Seen] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until and (not seen or seen[-1].answers < answers):
        page = scrape(port)
        for name, value in page.items():
            if (
                name.startswith("contact_centre_csat_answers{")
                and f'team="{TEAM}"' in name
                and '"24h"' in name
            ):
                seen.append(Seen(time.time(), int(value)))
                break
        time.sleep(0.1)
    return seen


def delays(sent_at: Sequence[float], seen: Sequence[Seen], first: int) -> Iterator[float]:
    """Seconds from the sending of each to the first sight of a count that has it; one that was never seen is infinite."""
    for number, at in enumerate(sent_at, first + 1):
        found = [one.at for one in seen if one.answers >= number]
        yield min(found) - at if found else float("inf")


def tell(name: str, found: Sequence[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(found)
    return f"{name} p50 {median(ordered):.2f} s, p99 {ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]:.2f} s"


class Run:
    """One worker on one broker."""

    def __init__(self, kafka: Kafka, folder: Path, port: int, **settings: str) -> None:
        self.kafka = kafka
        self.product = Product(kafka.bootstrap, "fresh", folder, **SETTINGS, **settings)
        self.port = port
        self.records = generate(BACKLOG_TICKETS, topics=self.product.core.topics).records
        self.answers = 0

    def highest_rate(self) -> float:
        """Events per second of a worker that catches up."""
        at = now_text()
        written = [(one.topic, one.key, dated(one.value or b"", at)) for one in self.records]
        topics.write(self.kafka.bootstrap, written)
        worker = self.start()
        began, before = time.monotonic(), self.applied()
        wait_until(lambda: self.applied() >= len(written), 300, lambda: worker.output)
        rate = (len(written) - before) / (time.monotonic() - began)
        assert worker.stop(60) == 0, worker.output
        return rate

    def start(self) -> Process:
        """A worker that is ready."""
        worker = self.product.worker(port=self.port)
        worker.wait_for("worker.ready", 60)
        return worker

    def applied(self) -> float:
        """Source records that the page accounts for."""
        page = scrape(self.port)
        return sum(v for name, v in page.items() if name.startswith("contact_centre_stream_events_total"))

    def at(self, per_second: float, seconds: float, say: Callable[[str], None]) -> None:
        """Measure at one rate."""
        number = int(per_second * seconds)
        source = generate(-(-number // 10), seed=int(per_second), topics=self.product.core.topics).records
        names = self.product.core.topics
        first = self.answers
        expected = first + int(seconds * PROBES_PER_SECOND) + 1  # at both ends of the time
        worker = self.start()
        before = State(worker).cpu_seconds
        with ProcessPoolExecutor(2) as pool:
            rollups = pool.submit(
                watch_rollups, self.kafka.bootstrap, names.rollups, expected, seconds + SETTLE_SECONDS
            )
            time.sleep(3)  # it has joined
            sending = pool.submit(
                send, self.kafka.bootstrap, names.surveys, source[:number], per_second, first
            )
            gauge = watch_gauge(self.port, expected, seconds + SETTLE_SECONDS)
            sent_at, published = sending.result(), rollups.result()
        cpu = State(worker).cpu_seconds - before
        self.answers += len(sent_at)
        say(
            f"{per_second:,.0f} events/s: {tell('gauge', list(delays(sent_at, gauge, first)))}; "
            f"{tell('rollup', list(delays(sent_at, published, first)))}; {len(sent_at)} answers; "
            f"worker {cpu / seconds:.2f} cores"
        )
        assert worker.stop(60) == 0, worker.output


def main(arguments: Sequence[str]) -> int:
    """Print a line per rate."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.freshness", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each rate")
    parser.add_argument("--most", type=float, help="events a second; not given: measured")
    parser.add_argument("--windows-interval", default="200ms", help="STREAM_WINDOWS_INTERVAL")
    parser.add_argument("--commit-interval", default="1s", help="STREAM_COMMIT_INTERVAL")
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = {"STREAM_WINDOWS_INTERVAL": chosen.windows_interval}
    SETTINGS["STREAM_COMMIT_INTERVAL"] = chosen.commit_interval
    with Kafka(lasting=True) as kafka, tempfile.TemporaryDirectory(prefix="fresh-") as temporary:
        [port] = free_ports(1)
        run = Run(kafka, Path(temporary), port, **settings)
        try:
            most = chosen.most or run.highest_rate()
            print(f"highest rate: {most:,.0f} events/s", flush=True)
            for share in SHARES:
                run.at(share * most, chosen.seconds, lambda text: print(text, flush=True))
        finally:
            run.product.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
