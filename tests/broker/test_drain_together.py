"""Workers that drain the same input side by side and leave at about the same time: nobody leaves deltas behind."""

from pathlib import Path

import pytest

from stream.core.config import DEFAULT_METRICS
from tests.broker.conftest import Product
from tests.chaos.traffic import logged, traffic
from tests.support import topics
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

ROUNDS, EVENTS, WORKERS = 5, 60, 2


def test_what_the_last_commit_of_one_says_is_taken_in_by_the_other(kafka: Kafka, tmp_path: Path) -> None:
    """Three stages: answers go from the tickets stage over the customers stage to the windows, deltas of tickets there directly."""
    app_id = "drain-together"
    arrivals = [one for one in traffic(ROUNDS * EVENTS, 3, 40) if one.short != "customers"]
    records = logged(arrivals, 2)
    product = Product(
        kafka.bootstrap,
        app_id,
        tmp_path,
        STREAM_METRICS=",".join((*DEFAULT_METRICS, "csat_change")),
        STREAM_PARTITIONS="2",
        STREAM_ROLLUP_WINDOWS="1h,24h",
        STREAM_CORRECTION_HORIZON="35d",
        STREAM_SESSION_TIMEOUT="8s",
        STREAM_HEARTBEAT_INTERVAL="2s",  # who stays hears late that another has left
    )
    try:
        deltas, answers = product.core.topics.deltas, product.core.topics.answers
        for begin in range(0, len(records), EVENTS):
            product.send(records[begin : begin + EVENTS])
            product.drain(WORKERS)
            committed = topics.committed(kafka.bootstrap, app_id)
            for partition, end in topics.ends(kafka.bootstrap, deltas, product.core.delta_partitions).items():
                assert committed[deltas, partition] == end, (begin // EVENTS, partition)
            for partition, end in topics.ends(kafka.bootstrap, answers, 2).items():
                assert committed[answers, partition] == end, (begin // EVENTS, partition)
        product.check()
        changes = [one for one in product.published().values() if one["metric"] == "csat_change" and one["n"]]
        assert changes
        audit = product.stream("audit")
        assert audit.wait() == 0, audit.output
    finally:
        product.close()
