"""The contract's rules of identity, order and repetition, one by one."""

from typing import Any

import msgspec
import pytest

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.fact import order_of, order_text
from stream.core.ticket import (
    ALWAYS,
    GROUPS,
    GROUPS_OF,
    RowVersionError,
    Ticket,
    decode_ticket,
    encode_ticket,
    entity_key,
)
from stream.core.ticket_facts import Facts
from stream.metrics import METRICS as ALL_METRICS
from tests.support.histories import KEY, START_MS, make, ticket_of, time_of

METRICS = [metric for metric in ALL_METRICS if metric.entity == "ticket"]

CONFIG = CoreConfig()
MINUTE = 60_000
CREATED = make(ev.TicketCreated, START_MS, channel="email", team="billing", queue="mail")


def reply(minute: float, reply_id: str, author: str = "agent", **fields: Any) -> ev.Event:
    data: dict[str, Any] = {"reply_id": reply_id, "author": author, "public": True, **fields}
    return make(ev.ReplyAdded, START_MS + int(minute * MINUTE), **data)


def standing(*events: ev.Event) -> list[tuple[float, int]]:
    ticket = ticket_of(events)
    return [((ticket.base_ms + (at >> 3) - START_MS) / MINUTE, at & 7) for at in ticket.replies(CoreConfig())]


def test_a_repetition_is_told_from_news() -> None:
    ticket = Ticket()
    assert ticket.merge(START_MS, CREATED) == 1
    assert ticket.merge(START_MS, CREATED) == 0
    answer = reply(1, "r-1")
    assert ticket.merge(time_of(answer), answer) == 1
    assert ticket.merge(time_of(answer), answer) == 0


def test_the_same_fact_told_by_another_event_is_a_repetition() -> None:
    first = reply(1, "r-1", event_id="e-2")
    again = reply(1, "r-1", event_id="e-1")
    higher = reply(1, "r-1", event_id="e-3")
    ticket = ticket_of([first])
    assert ticket.merge(time_of(again), again) == 0
    assert ticket.merge(time_of(higher), higher) == 2  # the row is written, no figure changes


def test_of_two_creations_the_earliest_stands() -> None:
    later = make(ev.TicketCreated, START_MS + MINUTE, channel="chat")
    for events in ([CREATED, later], [later, CREATED]):
        ticket = ticket_of(events)
        assert ticket.base_ms == START_MS
        assert ticket.labels_at(START_MS, CONFIG) == ("acme", "billing", "email", "mail", None)


def test_of_two_creations_at_one_millisecond_the_lower_sequence_stands() -> None:
    low = make(ev.TicketCreated, START_MS, channel="chat", sequence="01", event_id="z")
    high = make(ev.TicketCreated, START_MS, channel="voice", sequence="02", event_id="a")
    assert ticket_of([high, low]).labels_at(START_MS, CONFIG)[2] == "chat"
    assert ticket_of([low, high]).labels_at(START_MS, CONFIG)[2] == "chat"


def test_the_later_version_of_a_reply_stands() -> None:
    assert standing(reply(5, "r-1", "customer"), reply(2, "r-1", "agent")) == [(5, 1)]
    assert standing(reply(2, "r-1", "agent"), reply(5, "r-1", "customer")) == [(5, 1)]


def test_a_retracted_reply_does_not_count_unless_it_is_added_again_later() -> None:
    retracted = make(ev.ReplyRetracted, START_MS + 3 * MINUTE, reply_id="r-1", reason="made_private")
    assert standing(reply(2, "r-1"), retracted) == []
    assert standing(retracted, reply(2, "r-1")) == []
    assert standing(retracted, reply(3, "r-1")) == []
    assert standing(reply(4, "r-1"), retracted) == [(4, 3)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # sequence before id; none before any; else the id as text
        ({"sequence": "0009", "event_id": "z"}, {"sequence": "0010", "event_id": "a"}),
        ({"event_id": "z"}, {"sequence": "0", "event_id": "a"}),
        ({"event_id": "e-1"}, {"event_id": "e-2"}),
        ({"sequence": "7", "event_id": "e-1"}, {"sequence": "7", "event_id": "e-2"}),
        (
            {"event_id": "1b0c1d5e-6a5f-4f5e-9d0a-0d6d3f1c2b11"},
            {"event_id": "8b0c1d5e-6a5f-4f5e-9d0a-0d6d3f1c2b11"},
        ),
        (
            {"event_id": "00000000-0000-4000-8000-000000000001"},
            {"event_id": "00000000-0000-4000-8000-000000000002"},
        ),
        (
            {"event_id": "019a5c3e-7b00-7001-8000-000000000000"},
            {"event_id": "019a5c3e-7b00-7002-8000-000000000000"},
        ),
    ],
)
def test_events_of_one_millisecond_are_ordered_by_sequence_then_id(
    first: dict[str, str], second: dict[str, str]
) -> None:
    solved = make(ev.TicketStatusChanged, START_MS, status="solved", **first)
    reopened = make(ev.TicketStatusChanged, START_MS, status="open", **second)
    for events in ([solved, reopened], [reopened, solved]):
        assert [change.status for change in ticket_of(events).statuses] == [4, 1]
    assert order_text(order_of(solved)) < order_text(order_of(reopened))


def test_of_equal_milliseconds_the_order_decides_whether_a_message_was_answered() -> None:
    question = reply(1, "r-1", "customer", sequence="1")
    answer = reply(1, "r-2", "agent", sequence="2")
    assert standing(answer, question) == [(1, 1), (1, 3)]


def test_absent_is_unchanged_and_null_is_nobody() -> None:
    to_agent = make(ev.TicketAssigned, START_MS + MINUTE, agent_id="a-1", team="returns")
    unassigned = make(ev.TicketAssigned, START_MS + 2 * MINUTE, agent_id=None)
    ticket = ticket_of([unassigned, CREATED, to_agent])
    assert ticket.labels_at(START_MS + MINUTE - 1, CONFIG) == ("acme", "billing", "email", "mail", None)
    assert ticket.labels_at(START_MS + MINUTE, CONFIG) == ("acme", "returns", "email", "mail", "a-1")
    assert ticket.labels_at(START_MS + 2 * MINUTE, CONFIG) == ("acme", "returns", "email", "mail", None)


def test_labels_that_are_known_count_while_the_creation_is_missing() -> None:
    ticket = ticket_of([make(ev.TicketAssigned, START_MS, team="returns")])
    assert ticket.labels_at(START_MS, CONFIG) == ("acme", "returns", None, None, None)


def test_allow_listed_segments_are_labels() -> None:
    created = make(ev.TicketCreated, START_MS, channel="email", segments={"location": "oslo", "plan": "pro"})
    config = CoreConfig(segment_labels=("plan", "location", "age_group"))
    assert ticket_of([created]).labels_at(START_MS, config)[5:] == ("pro", "oslo", None)


MERGED = make(ev.TicketMerged, START_MS + MINUTE, into_ticket_id="4712")
SELF_MERGED = make(ev.TicketMerged, START_MS + MINUTE, into_ticket_id="4711")
DELETED = make(ev.TicketDeleted, START_MS + MINUTE, reason="spam")
RESTORED = make(ev.TicketRestored, START_MS + 2 * MINUTE)
SCALE = ev.Scale(min=1, max=5)


COMPLAINT = msgspec.structs.replace(CREATED, data=msgspec.structs.replace(CREATED.data, kind="complaint"))  # type: ignore[attr-defined]  # a creation has data


def whole_ticket() -> list[ev.Event]:
    """A ticket of which every metric has something to say: a complaint, escalated, with two visits, solved and opened again."""
    return [
        COMPLAINT,
        make(ev.TicketEscalated, START_MS, tier="2"),
        make(
            ev.TicketHandled,
            START_MS + MINUTE,
            visit_id="v-1",
            agent_id="a-1",
            talk_ms=1000,
            hold_ms=0,
            after_ms=0,
        ),
        make(ev.TicketStatusChanged, START_MS + 5 * MINUTE, status="solved"),
        make(ev.TicketStatusChanged, START_MS + 6 * MINUTE, status="open"),
        reply(1, "r-1"),
        reply(2, "r-2", "customer"),
        make(ev.TicketQueueEntered, START_MS, queue="voice", visit_id="v-1"),
        make(ev.TicketQueueLeft, START_MS + MINUTE, queue="voice", visit_id="v-1", outcome="answered"),
        make(ev.TicketQueueEntered, START_MS, queue="voice", visit_id="v-2"),
        make(ev.SurveySent, START_MS, survey_id="s-1", kind="csat", scale=SCALE),
        make(ev.SurveyAnswered, START_MS, survey_id="s-1", kind="csat", revision=0, scale=SCALE, score=5),
        make(
            ev.SurveyAnswered,
            START_MS,
            survey_id="s-2",
            kind="nps",
            revision=0,
            scale=ev.Scale(min=0, max=10),
            score=9,
        ),
        make(
            ev.SurveyAnswered,
            START_MS,
            survey_id="s-3",
            kind="ces",
            revision=0,
            scale=ev.Scale(min=1, max=7),
            score=2,
        ),
        make(
            ev.ReviewScored,
            START_MS,
            review_id="q-1",
            criteria=[ev.Criterion(name="tone", score=4, max=5, weight=1)],
        ),
    ]


@pytest.mark.parametrize("ending", [[MERGED], [SELF_MERGED], [DELETED], [RESTORED, DELETED, MERGED]])
def test_a_ticket_that_is_gone_has_no_measures(ending: list[ev.Event]) -> None:
    assert all(metric.measures(ticket_of(whole_ticket()), CONFIG) for metric in METRICS)
    ticket = ticket_of([*ending, *whole_ticket()])
    assert [metric.measures(ticket, CONFIG) for metric in METRICS] == [[]] * len(METRICS)


def test_a_restored_ticket_counts_again() -> None:
    plain = ticket_of(whole_ticket())
    restored = ticket_of([RESTORED, *whole_ticket(), DELETED])
    for metric in METRICS:
        assert metric.measures(restored, CONFIG) == metric.measures(plain, CONFIG)


def test_tenants_and_customers_are_entities_of_their_own() -> None:
    survey: dict[str, Any] = {"survey_id": "s", "ticket_id": None, "customer_id": "4711"}
    keys = [
        entity_key(CREATED),
        entity_key(make(ev.TicketCreated, START_MS, tenant="other", channel="email")),
        entity_key(make(ev.SurveyRetracted, START_MS, **survey)),
        entity_key(make(ev.SurveyRetracted, START_MS, survey_id="s", customer_id="c-1")),
    ]
    assert keys == [b"tacme\x004711", b"tother\x004711", b"cacme\x004711", b"tacme\x004711"]


def test_every_event_of_the_source_topics_has_its_groups() -> None:
    expected = {event for event, topic in ev.TOPIC_OF.items() if topic != "customers"}
    assert set(GROUPS_OF) == expected
    assert {group for groups in GROUPS_OF.values() for group in groups} == set(GROUPS)
    assert set(GROUPS) >= ALWAYS


def test_a_row_of_another_version_or_a_damaged_one_is_refused() -> None:
    row = encode_ticket(ticket_of(whole_ticket()))
    fields = msgspec.msgpack.decode(row)
    with pytest.raises(RowVersionError, match="version 3"):
        decode_ticket(msgspec.msgpack.encode([3, *fields[1:]]), KEY)
    with pytest.raises(msgspec.DecodeError):
        decode_ticket(row[:-3], KEY)


def test_a_key_is_found_at_its_place_only() -> None:
    facts = Facts(reply_ids=b"AAAAA" + b"B" + b"CDEFG" + b"H", reply_at=[1, 2])
    assert [facts.find_reply(key) for key in (b"AAAAA", b"CDEFG", b"BCDEF", b"ZZZZZ")] == [0, 1, -1, -1]


def test_the_row_of_the_usual_ticket_is_short() -> None:
    def uuid(number: int) -> str:
        return f"{number * 2654435761 % 2**32:08x}-6a5f-4f5e-9d0a-0d6d3f1c2b11"

    authors = ["bot", "customer", "agent", "customer", "agent", "customer", "agent", "agent"]
    events = [
        make(
            ev.TicketCreated,
            START_MS,
            event_id=uuid(1),
            channel="email",
            team="team-07",
            requester_id="c-40123",
            priority="normal",
        ),
        *(
            make(
                ev.ReplyAdded,
                START_MS + number * 17 * MINUTE,
                event_id=uuid(number + 2),
                reply_id=uuid(number + 50),
                author=author,
                author_id=f"{author}-{number}",
                public=number < 7,
            )
            for number, author in enumerate(authors)
        ),
        make(ev.TicketStatusChanged, START_MS + 200 * MINUTE, event_id=uuid(20), status="solved"),
        make(
            ev.SurveySent,
            START_MS + 201 * MINUTE,
            event_id=uuid(21),
            survey_id=uuid(99),
            customer_id="c-40123",
            kind="csat",
            scale=SCALE,
        ),
    ]
    assert len(encode_ticket(ticket_of(events))) <= 222
