"""First replies by author are a function of the facts, agree with first_reply_time, and an author named a bot is one."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.bot_rule import WITHIN_S
from stream.core.config import CoreConfig
from stream.core.fact import author_key
from stream.core.first_replies import (
    SUM_MS,
    TAKEN_OVER,
    TAKEN_OVER_SUM_MS,
    UNNAMED,
    WHAT_BITS,
    WHAT_MASK,
    first_replies,
)
from stream.core.state_shape import shape
from stream.metrics import BY_NAME, METRICS
from tests.support.histories import START_MS, History, arrivals, histories, make, ticket_of

CONFIG = CoreConfig()
FIRST_REPLY = BY_NAME["first_reply_time"]


def bots(*authors: str) -> CoreConfig:
    return msgspec.structs.replace(CONFIG, bot_authors={"acme": frozenset(map(author_key, authors))})


def reply(second: float, author_id: str | None, author: str = "agent") -> ev.Event:
    time_ms = START_MS + int(second * 1000)
    return make(
        ev.ReplyAdded, time_ms, reply_id=f"r{second}", author=author, author_id=author_id, public=True
    )


CREATED = make(ev.TicketCreated, START_MS, channel="email")


def said(*events: ev.Event, created: ev.Event = CREATED) -> list[tuple[int, str, int, int]]:
    """(Seconds after the creation, author, what, amount)."""
    names = {int.from_bytes(author_key(name)): name for name in ("ann", "bob", "auto")} | {UNNAMED: "?"}
    return [
        ((instant_ms - START_MS) // 1000, names[slot >> WHAT_BITS], slot & WHAT_MASK, amount)
        for instant_ms, slot, amount in first_replies(ticket_of([created, *events]), CONFIG)
    ]


def test_the_first_one_counts_and_who_would_have_been_first_without_them() -> None:
    assert said(reply(9, "auto"), reply(12, "auto"), reply(700, "ann"), reply(800, "bob")) == [
        (9, "auto", 9, 1),
        (9, "auto", SUM_MS, 9_000),
        (700, "auto", TAKEN_OVER, 1),
        (700, "auto", TAKEN_OVER_SUM_MS, 700_000),
    ]
    assert said(reply(700, "ann")) == [(700, "ann", WITHIN_S, 1), (700, "ann", SUM_MS, 700_000)]
    assert said(reply(59.999, "ann")) == [(59, "ann", 59, 1), (59, "ann", SUM_MS, 59_999)]


def test_who_does_not_say_their_name_is_counted_and_cannot_be_named() -> None:
    assert said(reply(9, None), reply(30, "ann")) == [(9, "?", 9, 1), (9, "?", SUM_MS, 9_000)]
    assert [what for _, _, what, _ in said(reply(9, "ann"), reply(30, None))] == [
        9,
        SUM_MS,
        TAKEN_OVER,
        TAKEN_OVER_SUM_MS,
    ]


def test_what_is_no_first_reply_is_not_counted() -> None:
    assert said() == []
    assert said(reply(5, "auto", author="bot"), reply(6, "ann", author="customer")) == []
    assert said(reply(-5, "ann")) == []
    by_agent = make(ev.TicketCreated, START_MS, channel="email", created_by="agent")
    assert said(reply(0, "ann"), created=by_agent) == []
    assert said(reply(0, "ann"), reply(9, "bob"), created=by_agent)[0] == (9, "bob", 9, 1)
    assert said(reply(5, "auto"), make(ev.TicketDeleted, START_MS + 9_000, reason="spam")) == []


@given(st.data())
def test_no_order_of_arrival_shows_and_the_first_replies_are_those_of_the_metric(data: st.DataObject) -> None:
    history = data.draw(histories())
    ticket = ticket_of([event for _, event in data.draw(arrivals(history))])
    found = first_replies(ticket, CONFIG)
    figure = FIRST_REPLY.figures(
        {slot: amount for _, _, slot, amount in FIRST_REPLY.measures(ticket, CONFIG)}
    )[0]
    assert sum(amount for _, slot, amount in found if slot & WHAT_MASK <= WITHIN_S) == figure.n
    assert sum(amount for _, slot, amount in found if slot & WHAT_MASK == SUM_MS) == round(
        figure.parts["sum"] * 1000
    )
    authors = {slot >> WHAT_BITS for _, slot, _ in found}
    assert len(authors) <= 1
    for name in ("a-1", "a-2", "a-3"):
        if authors == {int.from_bytes(author_key(name))}:
            without = FIRST_REPLY.measures(ticket, bots(name))
            taken_over = [amount for _, slot, amount in found if slot & WHAT_MASK == TAKEN_OVER_SUM_MS]
            assert [amount for _, _, slot, amount in without if slot == 16] == taken_over


def as_bot(history: History, name: str) -> list[ev.Event]:
    """The history as it would be if the author had said what they are."""
    found = []
    for _, event in history:
        if isinstance(event, ev.ReplyAdded) and event.data.author_id == name and event.data.author == "agent":
            event = msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, author="bot"))  # noqa: PLW2901 - the same event, told rightly
        found.append(event)
    return found


@given(histories(), st.sampled_from(["a-1", "a-2"]))
@settings(max_examples=200)
def test_an_author_named_in_the_settings_is_a_bot_for_every_metric(history: History, name: str) -> None:
    told = ticket_of([event for _, event in history])
    rightly = ticket_of(as_bot(history, name))
    if told.creation is not None and told.creation.created_by == 1:
        return  # its opening message is nobody's reply: see below
    for metric in (one for one in METRICS if one.entity == "ticket"):
        assert metric.measures(told, bots(name)) == metric.measures(rightly, CONFIG)
    assert first_replies(told, bots(name)) == first_replies(rightly, CONFIG)
    assert metric.measures(told, bots("nobody")) == metric.measures(told, CONFIG)


def test_the_opening_message_of_an_agents_ticket_is_no_reply_whoever_wrote_it() -> None:
    created = make(ev.TicketCreated, START_MS, channel="email", created_by="agent")
    ticket = ticket_of([created, reply(0, "auto"), reply(5, "auto"), reply(700, "ann")])
    assert [amount for _, _, slot, amount in FIRST_REPLY.measures(ticket, bots("auto")) if slot == 16] == [
        700_000
    ]


def test_another_tenants_author_of_that_name_is_none() -> None:
    config = msgspec.structs.replace(CONFIG, bot_authors={"globex": frozenset((author_key("ann"),))})
    ticket = ticket_of([CREATED, reply(9, "ann")])
    assert FIRST_REPLY.measures(ticket, config) == FIRST_REPLY.measures(ticket, CONFIG) != []


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_naming_a_bot_shapes_the_figures(name: str) -> None:
    assert shape(bots(name), METRICS) != shape(CONFIG, METRICS)
