"""The whole program on a real broker: topics, input, worker processes, and the oracle that their rollups must equal."""

import asyncio
import os
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream.commands.kafka import fitted_core
from stream.core.record import SourceRecord
from stream.runtime import clients
from stream.runtime.topic_specs import specs, unread
from stream.runtime.topics import create, describe
from stream.settings import Settings, load
from tests.bench.job import generate
from tests.support import topics
from tests.support.core import oracle
from tests.support.kafka import Kafka
from tests.support.pipeline import VOLATILE, stable
from tests.support.ports import free_ports
from tests.support.process import Process

TICKETS = 700  # some 8,000 events
SEED = 11

SETTINGS = {
    "STREAM_CLOCK": "event",
    "STREAM_COMMIT_INTERVAL": "300ms",
    "STREAM_SESSION_TIMEOUT": "2s",
    "STREAM_HEARTBEAT_INTERVAL": "300ms",
    "STREAM_HTTP_PORT": "0",
}

POISON = [
    b"\xff\xfe",
    b"{",
    b"null",
    b'{"specversion":"1.0","id":"1","source":"/x","type":"contact-centre.ticket.created.v1"}',
    b"",
]


class Product:
    """One run of the program with topics and a group of its own."""

    def __init__(self, bootstrap: str, name: str, folder: Path, **more: str) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.volatile = "STREAM_ALLOW_VOLATILE" in more
        self.settings = {
            **SETTINGS,
            "STREAM_BROKERS": bootstrap,
            "STREAM_TOPIC_PREFIX": f"{name}.",
            "STREAM_APP_ID": name,
            **more,
        }
        self.core = load(self.settings).core()
        self._clean = {key: value for key, value in os.environ.items() if not key.startswith("STREAM_")}
        self._stack = ExitStack()
        self.sent: list[SourceRecord] = []
        asyncio.run(_make_topics(load(self.settings)))

    def stream(self, *arguments: str, **more: str) -> Process:
        """Start a command of the program; it is ended with the test at the latest."""
        return self.python("-m", "stream", *arguments, **more)

    def python(self, *arguments: str, **more: str) -> Process:
        """Start Python with the settings of this run."""
        env = {**self._clean, **self.settings, **more}
        return self._stack.enter_context(Process(self.folder, *arguments, env=env))

    def worker(self, *, port: int = 0) -> Process:
        """Start a worker."""
        return self.stream("worker", STREAM_HTTP_PORT=str(port))

    def drain(self, workers: int = 1, seconds: float = 120) -> None:
        """Run workers to the end of the input."""
        started = [self.stream("worker", "--drain") for _ in range(workers)]
        for worker in started:
            assert worker.wait(seconds) == 0, worker.output

    def send(self, records: Sequence[SourceRecord], *, per_second: float | None = None) -> None:
        """Write records to their topics under this run's prefix, in their order."""
        prefix = self.core.topics.prefix
        renamed = [record._replace(topic=prefix + record.topic.rsplit(".", 1)[1]) for record in records]
        topics.write(
            self.bootstrap,
            [(record.topic, record.key, record.value) for record in renamed],
            per_second=per_second,
        )
        self.sent += renamed

    def rollups(self) -> list[SourceRecord]:
        """Everything that a read_committed reader finds in the rollups topic."""
        return topics.read(self.bootstrap, [self.core.topics.rollups], committed=not self.volatile)

    def published(self) -> dict[bytes, dict[str, Any]]:
        """Rollup key -> data as it stands, without what may differ between two runs."""
        return stable(self.rollups())  # type: ignore[arg-type]  # a record has key and value, too

    def oracle(self) -> dict[bytes, dict[str, Any]]:
        """What must stand: the fold of everything that was sent, in its order."""
        return stable(oracle(self.core, self.sent, now_ms=0).rollups)

    def check(self) -> None:
        """The rollups are the oracle's, and each revision of each was written once, growing."""
        expected = self.oracle()
        found = self.published()
        assert expected
        assert {key for key in found if found[key]["n"]} == {key for key in expected if expected[key]["n"]}
        wrong = differing(expected, found)
        assert not wrong, (
            f"{len(wrong)} of {len(expected)}, such as {found.get(wrong[0])} instead of {expected[wrong[0]]}"
        )
        revisions: dict[bytes | None, int] = {}
        for rollup in self.rollups():
            revision = orjson.loads(rollup.value or b"")["data"]["revision"]
            assert revision > revisions.get(rollup.key, -1), rollup.key
            revisions[rollup.key] = revision

    def statuses(self) -> set[str]:
        """Statuses of the rollups as they stand."""
        latest = topics.latest(self.rollups())
        return {orjson.loads(value)["data"]["status"] for value in latest.values()}

    def close(self) -> None:
        """End every process that still runs."""
        self._stack.close()


async def _make_topics(settings: Settings) -> None:
    """As ``stream topics create`` does it, without a process that costs a second of CPU time, and until all of them can be seen."""
    core = await fitted_core(settings)
    wanted = (*specs(core), *unread(core))
    admin = clients.admin(settings.runtime())
    await admin.start()
    try:
        await create(admin, wanted, settings.replication_factor)
        names = [spec.name for spec in wanted]
        while any(one.partitions is None for one in (await describe(admin, names)).values()):  # noqa: ASYNC110 - the broker does not call back
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


Figures = Mapping[bytes, Mapping[str, Any]]
"""Rollup key -> data as it stands."""


def differing(expected: Figures, found: Figures) -> list[bytes]:
    """Keys of the figures that are not what was expected, also of those about nothing but exclusions.

    What was emptied before it was ever published is not published at all: that depends on the cut into commits.
    """
    silent = {key for key, one in expected.items() if not one["n"] and not any(one["excluded"].values())}
    return [
        key for key in expected if found.get(key) != expected[key] and (key in found or key not in silent)
    ]


def scrape(port: int) -> dict[str, float]:
    """Series -> value of one worker's /metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {
        series: float(value)
        for series, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")
    }


@pytest.fixture(scope="session")
def day() -> list[SourceRecord]:
    """A seeded day of tickets, in order of arrival."""
    print("seed", SEED)
    return generate(TICKETS, SEED).records


@pytest.fixture
def product(kafka: Kafka, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    """The program with names after the test."""
    made = Product(kafka.bootstrap, request.node.name.replace("[", "-").strip("]"), tmp_path)
    try:
        yield made
    finally:
        made.close()


__all__ = ["POISON", "VOLATILE", "Product", "differing", "free_ports", "scrape"]
