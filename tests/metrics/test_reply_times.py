"""first_reply_time and reply_time: who stops the clock, and from when it runs."""

import pytest
from hypothesis import given

from schemas import events as ev
from stream.core.histogram import RELATIVE_ERROR
from tests.metrics.figures import figure_of, measures_of, minutes
from tests.support.histories import START_MS, History, histories, make, time_of

MINUTE = 60_000


def created(by: str = "customer", ticket: str = "t") -> ev.Event:
    return make(ev.TicketCreated, START_MS, ticket_id=ticket, channel="email", team="billing", created_by=by)


def said(minute: float, author: str, *, public: bool = True, ticket: str = "t") -> ev.Event:
    return make(
        ev.ReplyAdded,
        START_MS + int(minute * MINUTE),
        ticket_id=ticket,
        reply_id=f"{author}-{minute}-{public}",
        author=author,
        public=public,
    )


def waits(metric: str, *events: ev.Event) -> list[tuple[float, float]]:
    """(minute of the reply, minutes waited) per value."""
    return [
        (minutes([measure])[0], measure[3] / MINUTE)
        for measure in measures_of(metric, events)
        if measure[2] == 16
    ]


def test_the_first_reply_is_the_first_public_one_of_a_human_agent() -> None:
    events = [
        created(),
        said(0.1, "bot"),
        said(0.2, "system"),
        said(1, "agent", public=False),
        said(2, "customer"),
        said(5, "agent"),
        said(9, "agent"),
    ]
    assert waits("first_reply_time", *events) == [(5, 5)]


def test_on_a_ticket_opened_by_an_agent_the_second_public_reply_stops_the_clock() -> None:
    assert waits("first_reply_time", created("agent"), said(0, "agent"), said(3, "agent")) == [(3, 3)]
    assert waits("first_reply_time", created("agent"), said(0, "agent")) == []
    assert waits("first_reply_time", created("bot"), said(3, "agent")) == [(3, 3)]


def test_without_its_creation_a_ticket_has_no_first_reply_time_but_reply_times() -> None:
    events = [said(1, "customer"), said(4, "agent")]
    assert waits("first_reply_time", *events) == []
    assert waits("reply_time", *events) == [(4, 3)]


def test_each_wait_runs_from_the_first_unanswered_message() -> None:
    events = [
        created(),
        said(0, "customer"),
        said(2, "customer"),
        said(3, "bot"),
        said(5, "agent"),
        said(6, "agent"),
        said(10, "customer"),
        said(12, "customer"),
        said(13, "agent", public=False),
        said(20, "agent"),
        said(30, "customer"),
    ]
    assert waits("reply_time", *events) == [(5, 5), (20, 10)]


def test_a_ticket_that_no_customer_opened_waits_from_the_customers_first_message() -> None:
    assert waits("reply_time", created("agent"), said(0, "agent"), said(4, "customer"), said(9, "agent")) == [
        (9, 5)
    ]


@pytest.mark.parametrize("metric", ["first_reply_time", "reply_time"])
def test_a_reply_from_before_the_creation_is_excluded_and_counted(metric: str) -> None:
    figure = figure_of(metric, [created(), said(-1, "agent")])
    assert (figure.n, figure.value, figure.excluded) == (0, None, {"negative_duration": 1})


def test_mean_and_quantiles() -> None:
    replies = [1, 2, 3, 4, 90]
    events = [
        event
        for number, minute in enumerate(replies)
        for event in (created(ticket=f"t-{number}"), said(minute, "agent", ticket=f"t-{number}"))
    ]
    figure = figure_of("first_reply_time", events)
    assert (figure.n, figure.value, figure.unit) == (5, 20 * 60, "seconds")
    assert figure.parts["sum"] == 6000
    assert figure.quantiles is not None
    assert figure.quantiles["p50"] == pytest.approx(180, rel=RELATIVE_ERROR)
    assert figure.quantiles["p90"] == pytest.approx((0.4 * 4 + 0.6 * 90) * 60, rel=RELATIVE_ERROR)
    assert figure.quantiles["p99"] == pytest.approx((0.04 * 4 + 0.96 * 90) * 60, rel=RELATIVE_ERROR)


def test_a_wait_belongs_to_the_team_that_holds_the_ticket_when_it_ends() -> None:
    moved = make(ev.TicketAssigned, START_MS + 2 * MINUTE, ticket_id="t", team="returns", agent_id="a-1")
    events = [created(), said(1, "agent"), moved, said(3, "customer"), said(5, "agent")]
    teams = [labels[1] for _, labels, slot, _ in measures_of("reply_time", events) if slot == 16]
    assert teams == ["billing", "returns"]


def test_comments_as_a_help_desk_exports_them() -> None:
    # The first line opens the ticket; whole seconds; lines of one time stand in file order, told by the sequence.
    lines = [
        (0, "reporter", False, False),
        (16, "bot", False, True),
        (26, "others", True, False),
        (119, "assignee", False, False),
        (119, "reporter", False, False),
        (240, "others", False, False),
    ]
    author = {"reporter": "customer", "assignee": "agent", "others": "agent", "bot": "bot"}
    events = [make(ev.TicketCreated, START_MS, channel="web")]
    for number, (second, role, private, _) in enumerate(lines[1:], start=1):
        events.append(
            make(
                ev.ReplyAdded,
                START_MS + second * 1000,
                sequence=f"{number:08d}",
                reply_id=f"c-{number}",
                author=author[role],
                public=not private,
            )
        )
    assert figure_of("first_reply_time", events).value == 119
    reply_times = figure_of("reply_time", events[::-1])
    assert (reply_times.n, reply_times.parts["sum"]) == (2, 119 + 121)


@given(histories())
def test_every_answered_wait_is_counted_once_in_the_minute_of_its_reply(history: History) -> None:
    events = [event for _, event in history]
    ends = {time_of(event) for event in events if isinstance(event, ev.ReplyAdded)}
    for metric in ("first_reply_time", "reply_time"):
        measures = measures_of(metric, events)
        assert {instant_ms for instant_ms, *_ in measures} <= ends
        sums = [measure for measure in measures if measure[2] == 16]
        buckets = [measure for measure in measures if measure[2] > 16]
        assert len(sums) == len(buckets)
        assert all(amount >= 0 for _, _, _, amount in measures)
    assert len([m for m in measures_of("first_reply_time", events) if m[2] in (0, 16)]) <= 1
