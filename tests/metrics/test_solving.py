"""Resolution times, times in a status, and reopenings."""

import msgspec
import pytest

from schemas import events as ev
from tests.metrics.figures import figure_of, measures_of, minutes
from tests.support.histories import START_MS, make

MINUTE = 60_000
DAY = 86_400_000
MONDAY_MS = START_MS


def created(**data: str) -> ev.Event:
    return make(ev.TicketCreated, MONDAY_MS, channel="email", **data)


def status(minute: int, value: str) -> ev.Event:
    return make(ev.TicketStatusChanged, START_MS + minute * MINUTE, status=value)


def of_ticket(event: ev.Event, ticket_id: str) -> ev.Event:
    data = msgspec.structs.replace(event.data, ticket_id=ticket_id)  # type: ignore[attr-defined]  # all have data
    return msgspec.structs.replace(event, data=data)


TWICE = [created(), status(10, "open"), status(30, "solved"), status(50, "open"), status(90, "closed")]
"""Solved after 30 minutes, opened again after 50, closed after 90."""


def test_a_complaint_of_monday_resolved_on_wednesday_took_two_days() -> None:
    events = [created(kind="complaint"), make(ev.TicketStatusChanged, MONDAY_MS + 2 * DAY, status="solved")]
    assert figure_of("complaint_resolution_time", events).value == 2 * 86_400
    assert figure_of("complaint_resolution_time", [created(kind="question"), *events[1:]]).n == 0


def test_first_and_full_resolution_of_a_reopened_ticket() -> None:
    assert figure_of("first_resolution_time", TWICE).value == 30 * 60
    assert figure_of("full_resolution_time", TWICE).value == 90 * 60
    assert set(minutes(measures_of("first_resolution_time", TWICE))) == {30}
    assert set(minutes(measures_of("full_resolution_time", TWICE))) == {90}


def test_until_it_is_solved_again_the_former_resolution_stands() -> None:
    assert figure_of("full_resolution_time", TWICE[:4]).value == 30 * 60


def test_from_solved_to_closed_is_no_second_solving() -> None:
    events = [created(), status(30, "solved"), status(90, "closed")]
    assert figure_of("full_resolution_time", events).value == 30 * 60
    assert figure_of("reopened", events).parts == {"reopened": 0, "solved": 1}


def test_only_what_was_escalated_is_an_escalation() -> None:
    escalated = make(ev.TicketEscalated, START_MS + 5 * MINUTE, tier="2")
    assert figure_of("escalation_resolution_time", TWICE).n == 0
    assert figure_of("escalation_resolution_time", [*TWICE, escalated]).value == 90 * 60


@pytest.mark.parametrize(
    "metric",
    [
        "first_resolution_time",
        "full_resolution_time",
        "requester_wait_time",
        "agent_wait_time",
        "on_hold_time",
    ],
)
def test_a_ticket_without_a_known_creation_is_not_in_it(metric: str) -> None:
    assert figure_of(metric, TWICE[1:]).n == 0
    assert figure_of(metric, [*TWICE, make(ev.TicketDeleted, START_MS + DAY)]).n == 0


def test_a_solving_before_the_creation_is_excluded_and_counted() -> None:
    figure = figure_of("full_resolution_time", [created(), status(-1, "solved")])
    assert (figure.n, figure.excluded) == (0, {"negative_duration": 1})


def test_who_waited_for_whom_adds_up_over_reopenings() -> None:
    events = [
        created(),
        status(10, "open"),
        status(20, "pending"),
        status(50, "on_hold"),
        status(65, "solved"),
        status(100, "open"),
        status(103, "solved"),
    ]
    assert figure_of("requester_wait_time", events).value == (10 + 10 + 15 + 3) * 60
    assert figure_of("agent_wait_time", events).value == 30 * 60
    assert figure_of("on_hold_time", events).value == 15 * 60
    assert set(minutes(measures_of("requester_wait_time", events))) == {103}
    assert figure_of("requester_wait_time", events[:-1]).value == 35 * 60


def test_reopened_is_a_share_of_the_solved_in_the_window_of_the_first_solving() -> None:
    events = [
        of_ticket(event, f"t-{number}")
        for number in range(10)
        for event in (TWICE if number < 2 else TWICE[:3])
    ]
    figure = figure_of("reopened", events)
    assert (figure.value, figure.n) == (0.2, 10)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < 0.2 < figure.high
    assert set(minutes(measures_of("reopened", events))) == {30}


def reply(minute: int, number: int = 1, author: str = "agent", public: bool = True) -> ev.Event:
    return make(
        ev.ReplyAdded, START_MS + minute * MINUTE, reply_id=f"r-{number}", author=author, public=public
    )


def at_first_contact(*events: ev.Event) -> int | float:
    figure = figure_of("first_contact_resolution", events)
    assert figure.n == 1
    return figure.parts["at_first_contact"]


SOLVED = (created(), reply(5), status(30, "solved"))


def test_one_reply_and_solved_is_resolved_at_first_contact() -> None:
    assert at_first_contact(*SOLVED) == 1
    assert at_first_contact(*SOLVED, reply(20, 2, "bot"), reply(21, 3, public=False)) == 1
    assert set(minutes(measures_of("first_contact_resolution", SOLVED))) == {30}


def test_none_or_two_replies_are_no_first_contact() -> None:
    assert at_first_contact(SOLVED[0], SOLVED[2]) == 0
    assert at_first_contact(*SOLVED, reply(20, 2)) == 0


def test_opened_again_within_seven_days_is_no_first_contact() -> None:
    week = 7 * 24 * 60
    assert at_first_contact(*SOLVED, status(30 + week, "open")) == 0
    assert at_first_contact(*SOLVED, status(31 + week, "open"), reply(40 + week, 2)) == 1
    assert at_first_contact(*SOLVED, status(40, "closed")) == 1


def test_the_opening_message_of_an_agent_is_no_contact() -> None:
    opened = created(created_by="agent")
    assert at_first_contact(opened, reply(0), reply(5, 2), status(30, "solved")) == 1
    assert at_first_contact(opened, reply(0), status(30, "solved")) == 0
