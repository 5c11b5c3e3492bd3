"""A commit may span more event time than any horizon (a worker that catches up): what came in order is never too late."""

from typing import Any

from schemas.events import (
    Event,
    ReplyAdded,
    ReplyAddedData,
    Scale,
    SurveySent,
    SurveySentData,
    TicketCreated,
    TicketCreatedData,
)
from stream.core.config import HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.delta import decode_delta
from stream.core.record import SourceRecord
from stream.core.tickets_shard import TicketsShard
from tests.support.core import new_tickets
from tests.support.log import log

CORE = CoreConfig(
    source_partitions=1,
    delta_partitions=1,
    clock="event",
    metrics=("survey_response",),
    groupings=((),),
    rollup_windows_ms=(MINUTE_MS,),
    gauge_windows_ms=(),
    horizons_ms={MINUTE_MS: HOUR_MS},
    alerts=(),
)
NOW_MS = 1_800_000_000_000


def day(number: int, time: str) -> list[tuple[str, Event]]:
    """A ticket with a reply and a survey, all at once, so that every topic has come as far."""
    common: dict[str, Any] = {"specversion": "1.0", "id": f"e{number}", "source": "/test", "time": time}
    ticket_id = f"t{number}"
    return [
        ("tickets", TicketCreated(data=TicketCreatedData(ticket_id=ticket_id, channel="chat"), **common)),
        (
            "replies",
            ReplyAdded(
                data=ReplyAddedData(ticket_id=ticket_id, reply_id="r", author="agent", public=True), **common
            ),
        ),
        (
            "surveys",
            SurveySent(
                data=SurveySentData(
                    ticket_id=ticket_id, survey_id="s", kind="csat", scale=Scale(min=1, max=5)
                ),
                **common,
            ),
        ),
    ]


def commit(shard: TicketsShard, *days: list[tuple[str, Event]]) -> int:
    """Apply everything, let time pass, flush: how many minutes have measures in the deltas."""
    records = log([event for one in days for event in one], timestamp_ms=NOW_MS)
    for topic in CORE.topics.sources:
        batch: list[SourceRecord] = [record for record in records if record.topic == topic]
        shard.apply(topic, batch, shard.positions.get(topic, 0) + len(batch), NOW_MS)
    shard.tick(NOW_MS, {})
    outputs = shard.flush(NOW_MS).outputs
    return sum(
        len(minutes) for one in outputs for minutes in decode_delta(one.value or b"").segments.values()
    )


def test_a_commit_that_spans_years_in_order_loses_nothing() -> None:
    shard = new_tickets(CORE, 0)
    shard.ready()
    assert commit(shard, day(1, "2022-01-02T12:00:00Z"), day(2, "2026-11-05T12:00:00Z")) == 2
    assert shard.too_late == {}


def test_what_comes_after_that_commit_is_too_late() -> None:
    shard = new_tickets(CORE, 0)
    shard.ready()
    commit(shard, day(2, "2026-11-05T12:00:00Z"))
    assert commit(shard, day(1, "2022-01-02T12:00:00Z")) == 0
    assert shard.too_late == {"survey_response": 1}
