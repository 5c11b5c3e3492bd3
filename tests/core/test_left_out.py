"""What is in no sum is told from the facts: tickets that are gone as if they were there, and replies that stop no clock."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, CoreConfig
from stream.core.left_out import left_out
from stream.core.ticket import encode_ticket
from stream.metrics import BY_NAME
from tests.support.histories import KEY, START_MS, History, histories, make, ticket_of
from tests.support.pipeline import Pipeline
from tests.vectors.test_vectors import records
from tests.vectors.told import told

LINES = """
10:00 ticket.created ticket=counted team=billing created_by=customer
10:01 reply.added ticket=counted author=bot
10:02 reply.added ticket=counted author=agent public=no
10:03 reply.added ticket=counted author=bot public=no
10:05 reply.added ticket=counted author=agent
11:05 reply.added ticket=counted author=bot
10:00 ticket.created ticket=merged team=billing created_by=customer
10:05 reply.added ticket=merged author=agent
10:06 reply.added ticket=merged author=bot
12:00 ticket.merged ticket=merged into_ticket_id=counted
12:01 ticket.deleted ticket=merged
10:00 ticket.created ticket=spam team=returns created_by=customer
10:05 reply.added ticket=spam author=agent
12:00 ticket.deleted ticket=spam reason=spam
10:00 ticket.created ticket=gone team=billing created_by=customer
10:59 reply.added ticket=gone author=agent
12:00 ticket.deleted ticket=gone
10:00 ticket.created ticket=later team=billing created_by=customer
11:00 reply.added ticket=later author=agent
12:00 ticket.deleted ticket=later
10:00 ticket.created ticket=back team=billing created_by=customer
10:05 reply.added ticket=back author=agent
12:00 ticket.deleted ticket=back
13:00 ticket.restored ticket=back
10:00 ticket.created ticket=other tenant=b created_by=customer
10:05 reply.added ticket=other tenant=b author=agent
12:00 ticket.deleted ticket=other tenant=b
"""
TEN_O_CLOCK = 1_762_336_800_000  # 2025-11-05T10:00:00Z


def of(name: str, segment: str, metric: str = "") -> dict[str, int]:
    config = CoreConfig(source_partitions=2)
    pipeline = Pipeline(config)
    lines = [
        one
        for number, line in enumerate(LINES.split("\n"))
        if line
        for one in told(line, number, "acme", "2025-11-05")
    ]
    pipeline.feed(records(lines, config, Counter()))
    pipeline.commit_tickets()
    return left_out(
        config,
        BY_NAME[metric or name],
        name,
        pipeline.facts()["tickets"],
        segment,
        start_ms=TEN_O_CLOCK,
        end_ms=TEN_O_CLOCK + HOUR_MS,
        tenant="acme",
    )


@pytest.mark.parametrize(
    ("name", "segment", "expected"),
    [
        ("first_reply_time", "tenant=acme", {"merged": 1, "spam": 1, "deleted": 1, "bot": 1, "private": 2}),
        ("first_reply_time", "team=billing&tenant=acme", {"merged": 1, "deleted": 1, "bot": 1, "private": 2}),
        ("first_reply_time", "team=returns&tenant=acme", {"spam": 1}),
        ("reply_time", "team=returns&tenant=acme", {"spam": 1}),
        ("channel_share", "tenant=acme", {"merged": 1, "spam": 1, "deleted": 2}),
        ("csat", "tenant=acme", {}),
    ],
)
def test_it_is_told_by_reason(name: str, segment: str, expected: dict[str, int]) -> None:
    assert of(name, segment) == expected


def test_one_figure_of_several() -> None:
    one = of("first_reply_within_10m", "tenant=acme", "first_reply_within")
    assert one == {"merged": 1, "spam": 1, "deleted": 1, "bot": 1, "private": 2}


GOING = (ev.TicketMerged, ev.TicketDeleted, ev.TicketRestored)


@given(
    histories(),
    st.sampled_from(
        [name for name, metric in BY_NAME.items() if not metric.live and metric.entity == "ticket"]
    ),
)
def test_a_ticket_that_is_deleted_is_left_out_by_as_much_as_it_would_count(
    history: History, name: str
) -> None:
    metric, config = BY_NAME[name], CoreConfig()
    events = [event for _, event in history if not isinstance(event, GOING)]
    ticket = ticket_of(events)
    tally: Counter[int] = Counter()
    for _, _, slot, amount in metric.measures(ticket, config):
        tally[slot] += amount
    figures = metric.figures(tally)
    figure = next((one for one in figures if one.metric == name), figures[0])
    ticket = ticket_of([*events, make(ev.TicketDeleted, START_MS + 90 * DAY_MS)])
    found = left_out(
        config,
        metric,
        name,
        [{KEY: encode_ticket(ticket)}],
        "tenant=acme",
        start_ms=0,
        end_ms=2 * START_MS,
        tenant="acme",
    )
    assert found == ({"deleted": figure.n} if figure.n else {})
