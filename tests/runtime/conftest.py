"""The toy application of the shell's tests: topics, input, worker processes, and what must come out."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.process import Process

PARTITIONS = 4
DELTA_PARTITIONS = 3
KEYS = 200


class Toy:
    """One run of the toy application with names of its own."""

    def __init__(self, bootstrap: str, app: str, folder: Path, *, volatile: bool = False) -> None:
        self.bootstrap = bootstrap
        self.app = app
        self.folder = folder
        self.volatile = volatile
        self.expected: Counter[bytes] = Counter()
        self._stack = ExitStack()
        self._random = random.Random(app)
        compacted = {"cleanup.policy": "compact"}
        topics.create(
            bootstrap,
            {
                f"{app}.a": PARTITIONS,
                f"{app}.b": PARTITIONS,
                f"{app}.totals": PARTITIONS,
                f"{app}-deltas": DELTA_PARTITIONS,
                f"{app}-count-changelog": PARTITIONS,
                f"{app}-sum-changelog": DELTA_PARTITIONS,
            },
            {f"{app}-count-changelog": compacted, f"{app}-sum-changelog": compacted},
        )

    def produce(self, count: int, *, per_second: float | None = None) -> None:
        """Write ``count`` records over both sources and remember what they must come to."""
        sent = []
        for number in range(count):
            key = b"k%d" % self._random.randrange(KEYS)
            self.expected[key] += 1
            sent.append((f"{self.app}.{'ab'[number % 2]}", key, b"%d" % number))
        topics.write(self.bootstrap, sent, per_second=per_second)

    def worker(
        self,
        *,
        drain: bool = False,
        fault: tuple[str, str, int, int] | None = None,
        instance_id: str = "",
        session_ms: int = 2000,
    ) -> Process:
        """Start a worker process; it is ended with the test at the latest."""
        options = {
            "app": self.app,
            "brokers": self.bootstrap.split(","),
            "partitions": PARTITIONS,
            "delta_partitions": DELTA_PARTITIONS,
            "drain": drain,
            "fault": fault,
            "instance_id": instance_id,
            "session_ms": session_ms,
            "volatile": self.volatile,
        }
        return self._stack.enter_context(Process(self.folder, "-m", "tests.runtime.toy", json.dumps(options)))

    def drain(self, seconds: float = 120) -> None:
        """Run a worker to the end of the input."""
        worker = self.worker(drain=True)
        assert worker.wait(seconds) == 0, worker.output

    def figures(self, topic: str) -> dict[bytes, int]:
        """Key -> number, as a read_committed reader of a topic sees it after compaction."""
        found = topics.latest(topics.read(self.bootstrap, [topic], committed=not self.volatile))
        return {
            key: int(value) for key, value in found.items() if key is not None and not key.startswith(b"\0")
        }

    def check(self) -> None:
        """Rows of both stages and the published totals are exactly what the input comes to."""
        for topic in (f"{self.app}-count-changelog", f"{self.app}-sum-changelog", f"{self.app}.totals"):
            assert self.figures(topic) == dict(self.expected), topic

    def totalled(self) -> int:
        """Records that the published totals account for."""
        return sum(self.figures(f"{self.app}.totals").values())

    def close(self) -> None:
        """End the workers that still run."""
        self._stack.close()


@pytest.fixture
def toy(kafka: Kafka, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Toy]:
    """A toy application named after the test."""
    made = Toy(kafka.bootstrap, f"toy-{request.node.name.replace('[', '-').strip(']')}", tmp_path)
    try:
        yield made
    finally:
        made.close()
