"""What is done to topics under a running worker and would make it lose events ends it, by name."""

from collections.abc import Sequence

import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product
from tests.support import topics
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

ASKS_OFTEN = """
import sys
from stream.runtime import member
member.METADATA_MS = 1_000  # a minute in the product
from stream.cli import run
sys.exit(run(["worker"]))
"""


def test_partitions_that_are_added_under_a_running_worker_end_it_by_name(product: Product) -> None:
    worker = product.python("-c", ASKS_OFTEN)
    worker.wait_for("worker.ready")
    topics.grow(product.bootstrap, product.core.topics.surveys, 6)
    assert worker.wait(90) == 70, worker.output
    assert f"{product.core.topics.surveys} has 6 partitions now, and had 4" in worker.output
    again = product.stream("worker", "--drain")
    assert again.wait(90) == 1, again.output
    assert "has 6 partitions, expected 4" in again.output


@pytest.mark.parametrize("name", ["replies", "deltas"])
def test_a_topic_that_is_made_anew_under_a_running_worker_ends_it_by_name(
    product: Product, day: Sequence[SourceRecord], name: str
) -> None:
    """What comes into the new one would be taken for what was read of the old one, up to its length."""
    product.send(day[: len(day) // 2])
    worker = product.worker()
    worker.wait_for("worker.ready")

    def committed() -> int:
        found = topics.committed(product.bootstrap, product.core.topics.app_id)
        return sum(offset for (topic, _), offset in found.items() if topic in product.core.sources)

    wait_until(lambda: committed() == len(product.sent), 90, lambda: worker.output)
    core = product.core
    topic, partitions = {
        "replies": (core.topics.replies, core.source_partitions),
        "deltas": (core.topics.deltas, core.delta_partitions),
    }[name]
    topics.delete(product.bootstrap, [topic])
    topics.create(product.bootstrap, {topic: partitions})
    assert worker.wait(90) == 70, worker.output
    assert f"{topic}[" in worker.error
    assert "the topic was deleted or recreated" in worker.error
    assert "stream worker --rebuild" in worker.error
    again = product.stream("worker", "--drain")
    assert again.wait(90) != 0, again.output


def test_a_source_that_is_deleted_under_a_running_worker_ends_it_by_name(
    product: Product, day: Sequence[SourceRecord]
) -> None:
    product.send(day[:500])
    worker = product.worker()
    worker.wait_for("worker.ready")
    topic = product.core.topics.surveys
    topics.delete(product.bootstrap, [topic])
    assert worker.wait(90) == 70, worker.output
    assert f"topic {topic} does not exist any more" in worker.error
