"""Partitions that are added to a source under a running worker end it, by name: what stands in them would never be read."""

import pytest

from tests.broker.conftest import Product
from tests.support import topics

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
