"""The alerts topic: the default rule fires on a bad day and is resolved on a good one."""

from typing import Any

import orjson
import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product
from tests.cli.test_backfill import event
from tests.support import topics

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
