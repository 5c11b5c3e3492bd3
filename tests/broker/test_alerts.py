"""The alerts topic: the default rule fires on a bad day and is resolved on a good one; a rule on churn knows how many there were."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product
from tests.cli.test_backfill import event
from tests.support import topics
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

ANSWERS = 120


def answers(day: int, *, liked: int) -> list[SourceRecord]:
    """Tickets of one November day with an answer each, of which so many are good."""
    found = []
    for number in range(ANSWERS):
        ticket = {"ticket_id": f"t-{day}-{number}"}
        minute = f"2026-11-{day:02d}T{8 + number // 60:02d}:{number % 60:02d}"
        survey = {"survey_id": "s", "kind": "csat", "scale": {"min": 1, "max": 5}, "revision": 0}
        for topic, one in (
            (
                "tickets",
                event("ticket.created", f"{minute}:00Z", day * 1000 + number, **ticket, channel="chat"),
            ),
            (
                "surveys",
                event(
                    "survey.answered",
                    f"{minute}:30Z",
                    day * 1000 + 500 + number,
                    **ticket,
                    **survey,
                    score=5 if number % ANSWERS < liked else 1,
                ),
            ),
        ):
            found.append(SourceRecord(f"x.{topic}", 0, 0, 0, ticket["ticket_id"].encode(), orjson.dumps(one)))
    return found


def alerts(product: Product) -> list[dict[str, Any]]:
    found = topics.read(product.bootstrap, [product.core.topics.alerts])
    return [orjson.loads(one.value or b"")["data"] for one in found]


def test_the_default_rule_fires_and_is_resolved(product: Product) -> None:
    product.send(answers(3, liked=60))
    product.drain()
    (fired,) = alerts(product)
    assert (fired["rule"], fired["state"], fired["segment"]) == ("csat_low", "firing", {"tenant": "acme"})
    assert fired["n"] >= 100
    assert fired["value"] < 0.8
    product.send(answers(5, liked=119))
    product.drain()
    first, last = alerts(product)
    assert first == fired
    assert (last["rule"], last["state"]) == ("csat_low", "resolved")
    tail = product.stream("tail", "alerts", "--once")
    assert tail.wait() == 0, tail.output
    said = [(line.split()[1], "csat_low" in line) for line in tail.output.splitlines()]
    assert said == [("FIRING", True), ("RESOLVED", True)], tail.output


def members(told: str, time: str, numbers: range, first: int) -> list[SourceRecord]:
    """Customers who joined or left, all at one time."""
    return [
        SourceRecord(
            "x.customers",
            *(0, 0, 0),
            f"c-{number}".encode(),
            orjson.dumps(event(f"customer.{told}", time, first + number, customer_id=f"c-{number}")),
        )
        for number in numbers
    ]


def test_a_rule_on_churn_fires_once_and_a_late_join_clears_it_in_another_process(
    kafka: Kafka, tmp_path: Path
) -> None:
    rule = '[{"name": "churn_high", "metric": "churn_rate", "fires": "above", "threshold": 0.08, "clear_margin": 0.004}]'
    product = Product(
        kafka.bootstrap,
        "alerts-churn",
        tmp_path,
        STREAM_METRICS="csat,churn_rate",
        STREAM_ALERTS=rule,
        STREAM_PARTITIONS="2",
    )
    try:
        product.send(members("joined", "2025-03-01T09:00:00Z", range(120), 0))
        product.send(members("left", "2026-11-05T09:00:00Z", range(12), 1000))
        product.drain(2)
        (fired,) = alerts(product)
        assert (fired["rule"], fired["state"], fired["n"], fired["value"]) == (
            "churn_high",
            "firing",
            120,
            0.1,
        )
        product.drain()
        assert alerts(product) == [fired], "nothing new, nothing said"
        product.send(members("joined", "2025-04-01T09:00:00Z", range(200, 240), 2000))
        product.drain()
        first, last = alerts(product)
        assert first == fired
        # 12 of 160 are 7.5 %, which is 0.5 points on the good side.
        assert (last["state"], last["n"], last["value"]) == ("resolved", 160, 0.075)
        product.drain()
        assert alerts(product) == [first, last]
    finally:
        product.close()
