"""Workers start from changelogs that the broker's cleaner has been through, emptied transaction markers and all."""

import struct
from collections.abc import Iterator, Sequence

import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product
from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.process import Process, wait_until

pytestmark = pytest.mark.broker

AT_ONCE = {
    "cleanup.policy": "compact",
    "max.message.bytes": str(4 * 2**20),
    "segment.ms": "1000",  # the least that the broker takes
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1",
    "delete.retention.ms": "0",
}
"""A changelog's settings, so that records are compacted as soon as their segment is not the last any more."""

HEADER = struct.Struct(">qiibIhiqqqhii")
CONTROL = 0x20

STARTS = 3
SLICES = 160
PAUSE_SECONDS = 0.4
"""Between two slices of the day: a segment ends with the first commit that comes a second after its own first one."""


def batches(kafka: Kafka, topic: str) -> Iterator[tuple[bool, int]]:
    """For each batch in the broker's files: whether it is a control batch, and how many records it has left."""
    for file in kafka.nodes[0].folder.glob(f"log-*/{topic}-[0-9]*/*.log"):
        try:
            held = file.read_bytes()
        except FileNotFoundError:  # the cleaner has put another one in its place
            continue
        at = 0
        while at + HEADER.size <= len(held):
            _, length, *_, attributes, _, _, _, _, _, _, records = HEADER.unpack_from(held, at)
            if length <= 0:  # room that is not written yet
                break
            yield bool(attributes & CONTROL), records
            at += 12 + length


def emptied(kafka: Kafka, changelogs: Sequence[str]) -> set[str]:
    """The changelogs that hold a transaction's marker without its record."""
    return {name for name in changelogs if (True, 0) in batches(kafka, name)}


def ready(product: Product) -> Process:
    worker = product.worker()
    worker.wait_for("worker.ready")
    return worker


def test_a_worker_starts_from_compacted_changelogs(
    kafka: Kafka, product: Product, day: Sequence[SourceRecord]
) -> None:
    changelogs = [product.core.topics.tickets_changelog, product.core.topics.windows_changelog]
    topics.configure(kafka.bootstrap, changelogs, AT_ONCE)
    step = len(day) // SLICES
    slices = iter([day[at : at + step] for at in range(0, len(day), step)])
    worker = ready(product)

    def compacted() -> bool:
        """After one slice more, whether the cleaner has emptied a marker in each changelog."""
        product.send(next(slices))
        return emptied(kafka, changelogs) == set(changelogs)

    for _ in range(STARTS):
        wait_until(compacted, 25, lambda: "the cleaner did not get there", pause=PAUSE_SECONDS)
        worker.kill()
        assert emptied(kafka, changelogs) == set(changelogs), "what this is about is not there any more"
        worker = ready(product)
    assert worker.stop() == 0, worker.output
    product.send([record for rest in slices for record in rest])
    product.drain()
    product.check()
