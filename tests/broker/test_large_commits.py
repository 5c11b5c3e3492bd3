"""A day of every metric at once: commits that take long to fill, and a worker that does not take its own work for a broker's silence."""

import pytest

from stream.metrics import METRICS
from stream.settings import load
from tests.bench.job import generate
from tests.broker.conftest import Product

pytestmark = pytest.mark.broker

TICKETS = 3_000


def test_a_day_of_many_metrics_is_drained_in_one_go(product: Product) -> None:
    names = [metric.name for metric in METRICS if metric.entity == "ticket" and not metric.business]
    product.settings["STREAM_METRICS"] = ",".join(names)
    product.core = load(product.settings).core()
    product.send(generate(TICKETS).records)
    product.drain()
    product.check()
