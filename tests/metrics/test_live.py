"""live: what is open, unanswered or waiting now, and since when."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.metrics import BY_NAME
from stream.metrics.live import OPEN, QUEUE_WAITING, UNANSWERED
from tests.metrics.figures import measures_of
from tests.metrics.test_reply_times import created, said
from tests.support.histories import START_MS, arrivals, histories, make, ticket_of

MINUTE = 60_000


def status(minute: int, value: str) -> ev.Event:
    return make(ev.TicketStatusChanged, START_MS + minute * MINUTE, ticket_id="t", status=value)


def live(*events: ev.Event) -> dict[int, float]:
    """Slot -> minute since when."""
    return {
        slot: (instant_ms - START_MS) / MINUTE
        for instant_ms, _, slot, amount in measures_of("live", events)
        if amount == 1
    }


def test_a_new_ticket_of_a_customer_is_open_and_unanswered_since_its_creation() -> None:
    assert live(created()) == {OPEN: 0, UNANSWERED: 0}


def test_only_a_human_public_reply_answers() -> None:
    waiting = [created(), said(1, "bot"), said(2, "agent", public=False), said(3, "customer")]
    assert live(*waiting) == {OPEN: 0, UNANSWERED: 0}
    assert live(*waiting, said(4, "agent")) == {OPEN: 0}
    assert live(*waiting, said(4, "agent"), said(5, "customer"), said(6, "customer")) == {
        OPEN: 0,
        UNANSWERED: 5,
    }


def test_a_solved_ticket_is_neither_until_it_is_reopened() -> None:
    assert live(created(), status(5, "solved")) == {}
    assert live(created(), status(5, "closed")) == {}
    assert live(created(), status(9, "open"), status(5, "solved")) == {OPEN: 0, UNANSWERED: 0}


def test_a_ticket_that_an_agent_opened_is_not_unanswered() -> None:
    assert live(created("agent"), said(0, "agent")) == {OPEN: 0}


def test_a_ticket_that_was_never_seen_to_be_created_is_open_while_a_customer_waits_on_it() -> None:
    assert live(said(3, "customer")) == {OPEN: 3, UNANSWERED: 3}
    assert live(said(3, "customer"), said(4, "agent")) == {}
    assert live(said(3, "customer"), status(4, "solved")) == {}
    assert live(said(3, "customer"), created("agent")) == {OPEN: 0, UNANSWERED: 3}


@given(st.data())
def test_what_is_unanswered_is_open_for_the_same_holder(data: st.DataObject) -> None:
    history = data.draw(histories())
    arrived = data.draw(arrivals(history))
    ticket = ticket_of([event for _, event in arrived[: data.draw(st.integers(0, len(arrived)))]])
    counts = Counter((labels, slot) for _, labels, slot, _ in BY_NAME["live"].measures(ticket, CoreConfig()))
    for (labels, slot), count in counts.items():
        if slot == UNANSWERED:
            assert counts[labels, OPEN] == count == 1


def test_a_ticket_counts_for_who_holds_it_now() -> None:
    moved = make(ev.TicketAssigned, START_MS + MINUTE, ticket_id="t", team="returns")
    assert {labels[1] for _, labels, _, _ in measures_of("live", [created(), moved])} == {"returns"}


def test_a_visit_waits_until_it_is_left() -> None:
    data = {"ticket_id": "t", "queue": "voice", "visit_id": "v-1"}
    entered = make(ev.TicketQueueEntered, START_MS + 2 * MINUTE, **data)
    left = make(ev.TicketQueueLeft, START_MS + 3 * MINUTE, outcome="abandoned", **data)
    assert live(entered) == {QUEUE_WAITING: 2}
    assert measures_of("live", [entered])[0][1][3] == "voice"
    assert live(entered, left) == {}


def test_a_deleted_ticket_is_not_open() -> None:
    assert live(created(), make(ev.TicketDeleted, START_MS + MINUTE, ticket_id="t")) == {}
