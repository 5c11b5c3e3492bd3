"""``python -m tests.bench.recovery``: what a worker needs until it is ready on a state of so many tickets of the job.

The rows are those that the product writes for the benchmark's tickets, under keys of as many tickets as are asked for; they stand in
the changelog of a real Kafka. CPU and memory are the worker process's own, against those of a worker without any state.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from stream.core.tickets_meta import META_KEY, encode_meta, take_meta
from stream.settings import load
from tests.bench.job import generate
from tests.support.core import new_tickets
from tests.support.kafka import Kafka
from tests.support.process import Process
from tests.support.topics import read

SAMPLE_TICKETS = 5_000
READY_SECONDS = 300


class State:
    """What one worker process came to."""

    def __init__(self, worker: Process) -> None:
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()
        self.cpu_seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        status = Path(f"/proc/{worker.pid}/status").read_text()
        self.rss_bytes = int(status.split("VmRSS:")[1].split()[0]) * 1024


def rows(count: int, settings: dict[str, str]) -> Iterator[tuple[int, bytes, bytes]]:
    """Partition, key and value of ``count`` ticket rows."""
    core = load(settings).core()
    job = generate(SAMPLE_TICKETS, topics=core.topics)
    shards = [new_tickets(core, number) for number in range(core.source_partitions)]
    for record in job.records:
        shards[record.partition].apply(record.topic, [record], record.offset + 1, 0)
    written = [
        (key, value)
        for shard in shards
        for key, value in shard.flush(0).rows
        if key[:1] == b"t" and value is not None
    ]
    for number in range(count):
        key, value = written[number % len(written)]
        yield number % core.source_partitions, b"%b-%07d" % (key[:-8], number), value


def meta_rows(kafka: Kafka, topic: str, count: int) -> Iterator[tuple[int, bytes, bytes]]:
    """The partitions' own rows as they are there, with how many rows each is going to have: fewer or more are refused."""
    kept = {
        row.partition: row.value
        for row in read(kafka.bootstrap, [topic])
        if row.key == META_KEY and row.value
    }
    for partition, value in kept.items():
        found = take_meta({META_KEY: value}, topic)
        assert found is not None
        number = (count + len(kept) - 1 - partition) // len(kept)
        yield partition, META_KEY, encode_meta(replace(found[0], rows=number))


async def fill(bootstrap: str, topic: str, source: Iterable[tuple[int, bytes, bytes]]) -> int:
    """Write the rows; returns the bytes of their keys."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=4 * 2**20)
    await producer.start()
    batches: dict[int, Any] = {}
    key_bytes = 0
    try:
        for partition, key, value in source:
            key_bytes += len(key)
            batch = batches.get(partition)
            if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
                if batch is not None:
                    await producer.send_batch(batch, topic, partition=partition)
                batch = batches[partition] = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return key_bytes


def preload(kafka: Kafka, count: int, settings: dict[str, str]) -> int:
    """Put so many rows into the changelog of an application that has been run once; returns the bytes of their keys."""
    topic = load(settings).core().topics.tickets_changelog
    metas = list(meta_rows(kafka, topic, count))
    key_bytes = asyncio.run(fill(kafka.bootstrap, topic, rows(count, settings)))
    asyncio.run(fill(kafka.bootstrap, topic, metas))
    return key_bytes


def measure(kafka: Kafka, folder: Path, count: int) -> tuple[State, float, int]:
    """Cost and elapsed seconds until the worker is ready on ``count`` rows, and the bytes of their keys."""
    settings = {
        "STREAM_BROKERS": kafka.bootstrap,
        "STREAM_TOPIC_PREFIX": f"rows-{count}.",
        "STREAM_APP_ID": f"rows-{count}",
        "STREAM_PARTITIONS": "4",
        "STREAM_CLOCK": "event",
        "STREAM_HTTP_PORT": "0",
    }
    with ExitStack() as stack:

        def start(*arguments: str) -> Process:
            return stack.enter_context(Process(folder, "-m", "stream", *arguments, env=settings))

        assert start("topics", "create").wait() == 0
        drained = start("worker", "--drain")  # makes the internal topics
        assert drained.wait() == 0, drained.output
        key_bytes = preload(kafka, count, settings)
        began = time.monotonic()
        worker = start("worker")
        worker.wait_for("worker.ready", READY_SECONDS)
        seconds = time.monotonic() - began
        state = State(worker)
        assert worker.stop() == 0, worker.output
        return state, seconds, key_bytes


def main(arguments: Sequence[str]) -> int:
    """Print a line per number of rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recovery", description=__doc__)
    parser.add_argument("rows", type=int, nargs="*", default=[100_000, 1_000_000])
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with Kafka(lasting=True) as kafka, tempfile.TemporaryDirectory(prefix="recovery-") as temporary:
        folder = Path(temporary)
        empty, seconds, _ = measure(kafka, folder, 0)
        print(f"no rows: {empty.cpu_seconds:.2f} CPU s, ready after {seconds:.1f} s", flush=True)
        for count in chosen.rows:
            state, seconds, key_bytes = measure(kafka, folder, count)
            beyond = (state.rss_bytes - empty.rss_bytes - key_bytes) / count
            print(
                f"{count} rows: {state.cpu_seconds:.2f} CPU s ({state.cpu_seconds - empty.cpu_seconds:.2f} more than without), "
                f"ready after {seconds:.1f} s; {beyond:.0f} bytes of RSS a row beyond its key of {key_bytes / count:.0f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
