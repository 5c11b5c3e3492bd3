"""What a figure is made from, as people read it."""

import pytest

from schemas.events import WIRE_TYPE
from stream.metrics import BY_NAME, METRICS
from stream.metrics.facts import facts_of


def test_each_metric_names_all_facts_that_it_reads_with_events_of_the_contract() -> None:
    known = {
        f"contact-centre.{name}.v1"
        for metric in METRICS
        for told in facts_of(metric).values()
        for name in told
    }
    assert known - set(WIRE_TYPE.values()) == {
        "contact-centre.the customer's survey answers on all tickets.v1"
    }
    assert [metric.name for metric in METRICS if set(facts_of(metric)) != metric.reads] == []


@pytest.mark.parametrize(
    ("name", "group", "events"),
    [
        ("reply_time", "reply", ["reply.added", "reply.retracted"]),
        ("queue_wait_time", "visit", ["ticket.queue_entered", "ticket.queue_left"]),
        ("churn_rate", "membership", ["customer.joined", "customer.left"]),
        ("csat_change", "answer", ["the customer's survey answers on all tickets"]),
    ],
)
def test_facts_and_the_events_that_say_them(name: str, group: str, events: list[str]) -> None:
    assert facts_of(BY_NAME[name])[group] == events
