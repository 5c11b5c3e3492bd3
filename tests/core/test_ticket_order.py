"""Facts are a function of the set of events: no order of arrival and no repetition shows."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.fact import CHANGED
from stream.core.ticket import Ticket, decode_ticket, encode_ticket
from stream.metrics import METRICS
from tests.support.histories import KEY, START_MS, History, arrivals, histories, make, ticket_of, time_of

CONFIG = CoreConfig(segment_labels=("location",))


@given(st.data())
def test_any_order_with_repetitions_gives_the_same_row_and_the_same_measures(data: st.DataObject) -> None:
    history = data.draw(histories())
    in_order = ticket_of([event for _, event in sorted(history, key=_rank)])
    as_arrived = ticket_of([event for _, event in data.draw(arrivals(history))])
    assert as_arrived == in_order
    assert encode_ticket(as_arrived) == encode_ticket(in_order)
    for metric in METRICS:
        if metric.entity != "ticket":
            continue
        assert metric.says(as_arrived, CONFIG) == metric.says(in_order, CONFIG)


@given(histories())
def test_what_was_merged_once_changes_nothing_when_it_comes_again(history: History) -> None:
    ticket = ticket_of([event for _, event in history])
    before = encode_ticket(ticket)
    assert [ticket.merge(time_of(event), event) for _, event in history] == [0] * len(history)
    assert encode_ticket(ticket) == before


@given(st.data())
def test_only_what_is_said_to_have_changed_changes_a_measure(data: st.DataObject) -> None:
    """The shard compares measures only then: whatever else changes them would never reach a window."""
    ticket = Ticket()
    own = [metric for metric in METRICS if metric.entity == "ticket"]
    said = [metric.says(ticket, CONFIG) for metric in own]
    for _, event in data.draw(arrivals(data.draw(histories()))):
        outcome = ticket.merge(time_of(event), event)
        now = [metric.says(ticket, CONFIG) for metric in own]
        if outcome != CHANGED:
            assert now == said
        said = now


def status(number: str, status: str, at_ms: int = 1_000) -> ev.Event:
    return make(
        ev.TicketStatusChanged,
        START_MS + at_ms,
        event_id=f"{number}0000000-0000-4000-8000-000000000000",
        status=status,
    )


def test_a_repetition_that_moves_behind_another_change_of_its_millisecond_is_a_change() -> None:
    ticket = ticket_of(
        [make(ev.TicketCreated, START_MS, channel="email"), status("2", "open"), status("3", "solved")]
    )
    assert ticket.settled
    again = status("4", "open")  # the same said once more, by an event that ranks behind the solving
    assert ticket.merge(time_of(again), again) == CHANGED
    assert not ticket.settled


def reply(number: str, reply_id: str, author: str) -> ev.Event:
    identity = f"{number}0000000-0000-4000-8000-000000000000"
    return make(
        ev.ReplyAdded, START_MS + 1_000, event_id=identity, reply_id=reply_id, author=author, public=True
    )


def test_a_repeated_reply_that_moves_behind_another_one_of_its_millisecond_is_a_change() -> None:
    ticket = ticket_of(
        [
            make(ev.TicketCreated, START_MS, channel="email", created_by="agent"),
            reply("2", "question", "customer"),
            reply("3", "answer", "agent"),
        ]
    )
    assert ticket.waiting_since(CONFIG) is None
    again = reply(
        "4", "question", "customer"
    )  # the same said once more, by an event that ranks behind the answer
    assert ticket.merge(time_of(again), again) == CHANGED
    assert ticket.waiting_since(CONFIG) == 1_000


@given(st.data())
def test_a_row_says_all_that_the_ticket_knew(data: st.DataObject) -> None:
    events = [event for _, event in data.draw(arrivals(data.draw(histories())))]
    cut = data.draw(st.integers(0, len(events)))
    kept = ticket_of(events)
    stored = decode_ticket(encode_ticket(ticket_of(events[:cut])), KEY) if cut else Ticket()
    for event in events[cut:]:
        stored.merge(time_of(event), event)
    assert stored == kept
    assert not events or decode_ticket(encode_ticket(kept), KEY) == kept


@given(histories())
def test_replies_stand_as_the_full_rule_says(history: History) -> None:
    # The rule spelled out over whole events: the latest by (time, sequence, id) of each reply, unless retracted by then.
    standing: dict[str, tuple[tuple[int, str, str], ev.ReplyAdded]] = {}
    retracted: dict[str, int] = {}
    for _, event in history:
        if isinstance(event, ev.ReplyAdded):
            rank = (time_of(event), event.sequence or "", event.id)
            if event.data.reply_id not in standing or rank > standing[event.data.reply_id][0]:
                standing[event.data.reply_id] = rank, event
        elif isinstance(event, ev.ReplyRetracted):
            reply_id = event.data.reply_id
            retracted[reply_id] = max(retracted.get(reply_id, 0), time_of(event))
    expected = [
        (rank[0], ("customer", "agent", "bot", "system").index(event.data.author) * 2 + event.data.public)
        for rank, event in sorted(standing.values(), key=lambda pair: pair[0])
        if rank[0] > retracted.get(event.data.reply_id, -1)
    ]
    ticket = ticket_of([event for _, event in history])
    assert [(ticket.base_ms + (at >> 3), at & 7) for at in ticket.replies(CoreConfig())] == expected


@given(histories())
def test_the_current_status_is_the_latest_by_time_sequence_and_id(history: History) -> None:
    changes = [
        ((time_of(event), event.sequence or "", event.id), event.data.status)
        for _, event in history
        if isinstance(event, ev.TicketStatusChanged)
    ]
    ticket = ticket_of([event for _, event in history])
    names = ("new", "open", "pending", "on_hold", "solved", "closed")
    assert [names[change.status] for change in ticket.statuses[-1:]] == [
        status for _, status in sorted(changes)
    ][-1:]


@given(histories())
def test_holders_are_those_of_the_latest_assignment_that_names_them(history: History) -> None:
    ticket = ticket_of([event for _, event in history])
    creations = [event for _, event in history if isinstance(event, ev.TicketCreated)]
    if not creations:
        assert ticket.labels_at(10**14, CONFIG)[2] is None
        return
    created = min(creations, key=lambda event: (time_of(event), event.sequence or "", event.id)).data
    team = created.team
    for _, event in sorted(history, key=_rank):
        if isinstance(event, ev.TicketAssigned) and event.data.team is not UNSET:
            team = event.data.team
    location = (created.segments or {}).get("location")
    labels = ticket.labels_at(10**14, CONFIG)
    assert (labels[0], labels[1], labels[2], labels[5]) == ("acme", team, created.channel, location)


def _rank(told: tuple[str, ev.Event]) -> tuple[int, str, str]:
    event = told[1]
    return time_of(event), event.sequence or "", event.id
