"""Generated histories: everything that can happen to a ticket, with ties, corrections and broken clocks.

A history is a list of ``(short topic, event)`` as a platform would have told it, mostly in order of time. ``arrivals`` makes of it what a
consumer sees: any permutation, with repetitions.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas import events as ev
from stream.core.event_time import parse_time_ms
from stream.core.ticket import Ticket

START_MS = 1_793_880_000_000  # 2026-11-05T12:00:00Z
TENANT = "acme"
TICKET = "4711"

History = list[tuple[str, ev.Event]]

_DATA: dict[type[ev.Event], type[ev.Data]] = {
    event_class: event_class.__annotations__["data"] for event_class in ev.EVENT_CLASSES
}


KEY = f"t{TENANT}\0{TICKET}".encode()
"""Key of that ticket's row."""


def wire_time(time_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    seconds, ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def time_of(event: ev.Event) -> int:
    """Event time in epoch milliseconds."""
    time_ms = parse_time_ms(event.time)
    assert time_ms is not None
    return time_ms


def make(
    event_class: type[ev.Event], time_ms: int, *, event_id: str = "", sequence: str | None = None, **data: Any
) -> ev.Event:
    """One event of ticket 4711 of tenant acme, unless ``data`` says otherwise. Without ``event_id`` it is made of the content."""
    ticket = {} if ev.TOPIC_OF[event_class] == "customers" else {"ticket_id": TICKET}
    fields = {"tenant": TENANT, **ticket, **data}
    return event_class(
        specversion="1.0",
        id=event_id
        or f"{event_class.__name__}-{time_ms}-{'-'.join(f'{key}={data[key]}' for key in sorted(data))}",
        source="/test",
        time=wire_time(time_ms),
        sequence=sequence,
        data=_DATA[event_class](**fields),  # type: ignore[call-arg]  # the class decides about its fields
    )


def ticket_of(events: Sequence[ev.Event]) -> Ticket:
    """The facts of one entity after its events in this order."""
    ticket = Ticket()
    for event in events:
        ticket.merge(time_of(event), event)
    return ticket


_minutes = st.integers(0, 12).map(lambda minute: minute * 60_000) | st.sampled_from([0, 60_000])
_times = (
    _minutes  # whole seconds and many ties, as platforms log
    | st.integers(0, 30 * 86_400_000)
    | st.integers(-5_000, -1)  # a clock that is behind the creation's
)
_sequences = st.none() | st.integers(0, 12).map(lambda number: f"{number:020d}")
_agents = st.sampled_from(["a-1", "a-2", "a-3"])
_teams = st.sampled_from(["billing", "returns", "second-line"])
_queues = st.sampled_from(["voice", "chat-vip"])
_scales = st.sampled_from([(1, 5), (1, 2), (0, 10), (1, 7)])


def _maybe(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | strategy


@st.composite
def ids(draw: st.DrawFn, number: int, form: int | None = None) -> str:
    """An id that no other number has, in the forms that platforms use."""
    if form is None:
        form = draw(st.integers(0, 4))
    salt = draw(st.integers(0, 250))
    mixed = (number * 37 + salt) % 251 + 1
    if form == 0:  # random; of these the first two digits are kept, so that they decide here
        return f"{number * 37 % 251 + 1:02x}{number:02x}{salt:04x}-{salt:04x}-4{salt:03x}-8{salt:03x}-{number:012x}"
    if form == 1:  # time-ordered, of one millisecond
        return f"019a5c3e-7b00-7{mixed:02x}0-8{salt:03x}-{number:012x}"
    if form == 2:  # a counter in the shape of a UUID
        return f"00000000-0000-4000-8000-{number:012x}"
    return f"e-{mixed:03d}-{number}"


@st.composite
def _survey_answer(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["csat", "csat", "nps", "ces"]))
    data: dict[str, Any] = {
        "survey_id": draw(st.sampled_from(["s-1", "s-2"])),
        "kind": kind,
        "revision": draw(st.integers(0, 3)),
        "agent_id": draw(_maybe(_agents)),
        "team": draw(_maybe(_teams)),
    }
    if kind == "csat" and draw(st.booleans()):
        return {**data, "label": draw(st.sampled_from(["good", "bad", "satisfied", "very_dissatisfied"]))}
    low, high = (0, 10) if kind == "nps" else draw(_scales)
    return {**data, "scale": ev.Scale(min=low, max=high), "score": draw(st.integers(low, high))}


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_replies: st.SearchStrategy[tuple[type[ev.Event], dict[str, Any]]] = st.fixed_dictionaries(
    {
        "reply_id": st.integers(1, 8).map(lambda number: f"r-{number}"),
        "author": st.sampled_from(["customer", "customer", "agent", "agent", "bot", "system"]),
        "public": st.sampled_from([True, True, True, False]),
        "author_id": _maybe(_agents),
        "channel": st.sampled_from([None, None, "email"]),
    }
).map(lambda data: (ev.ReplyAdded, data))

_surveys: st.SearchStrategy[tuple[type[ev.Event], dict[str, Any]]] = st.one_of(
    _survey_answer().map(lambda data: (ev.SurveyAnswered, data)),
    st.fixed_dictionaries(
        {
            "survey_id": st.sampled_from(["s-1", "s-2"]),
            "kind": st.just("csat"),
            "scale": st.just(ev.Scale(min=1, max=5)),
            "customer_id": _maybe(st.sampled_from(["c-1", "c-2"])),
        }
    ).map(lambda data: (ev.SurveySent, data)),
    st.sampled_from(["s-1", "s-2"]).map(lambda survey_id: (ev.SurveyRetracted, {"survey_id": survey_id})),
    st.just((ev.SurveyExpired, {"survey_id": "s-1"})),
    st.fixed_dictionaries(
        {
            "review_id": st.sampled_from(["q-1", "q-2"]),
            "agent_id": _maybe(_agents),
            "criteria": st.lists(
                st.builds(
                    ev.Criterion,
                    name=st.sampled_from(["tone", "facts"]),
                    score=st.integers(0, 5),
                    max=st.just(5),
                    weight=st.integers(0, 3),
                ),
                min_size=1,
                max_size=2,
            ),
        }
    ).map(lambda data: (ev.ReviewScored, data)),
)

_life: st.SearchStrategy[tuple[type[ev.Event], dict[str, Any]]] = st.one_of(
    _optional(agent_id=_maybe(_agents), team=_maybe(_teams), queue=_maybe(_queues)).map(
        lambda data: (ev.TicketAssigned, data)
    ),
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["open", "pending", "on_hold", "solved", "closed"]),
            "agent_id": _maybe(_agents),
        }
    ).map(lambda data: (ev.TicketStatusChanged, data)),
    st.sampled_from(["1", "2"]).map(lambda tier: (ev.TicketEscalated, {"tier": tier})),
    st.fixed_dictionaries({"queue": _queues, "visit_id": st.sampled_from(["v-1", "v-2"])}).map(
        lambda data: (ev.TicketQueueEntered, data)
    ),
    st.fixed_dictionaries(
        {
            "queue": _queues,
            "visit_id": st.sampled_from(["v-1", "v-2"]),
            "outcome": st.sampled_from(["answered", "answered", "abandoned", "transferred"]),
        }
    ).map(lambda data: (ev.TicketQueueLeft, data)),
    st.just(
        (ev.TicketHandled, {"visit_id": "v-1", "agent_id": "a-1", "talk_ms": 90, "hold_ms": 0, "after_ms": 5})
    ),
    st.integers(1, 8).map(
        lambda number: (ev.ReplyRetracted, {"reply_id": f"r-{number}", "reason": "deleted"})
    ),
)

_ends: st.SearchStrategy[tuple[type[ev.Event], dict[str, Any]]] = st.sampled_from(
    [
        (ev.TicketDeleted, {"reason": "spam"}),
        (ev.TicketRestored, {}),
        (ev.TicketDeleted, {}),
        (ev.TicketRestored, {}),
        (ev.TicketMerged, {"into_ticket_id": "4712"}),
    ]
)

_creations: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "channel": st.sampled_from(["email", "chat"]),
        "team": _maybe(_teams),
        "queue": _maybe(_queues),
        "created_by": st.sampled_from(["customer", "customer", "agent", "bot"]),
        "requester_id": _maybe(st.just("c-1")),
        "segments": st.none() | st.just({"location": "oslo", "age_group": "30s"}),
    }
)


@st.composite
def histories(draw: st.DrawFn, *, ticket_id: str = TICKET, tenant: str = TENANT) -> History:
    """Everything that happened to one ticket: mostly created first, sometimes twice, sometimes never (its creation was lost)."""
    number = 0
    history: History = []
    random_ids = draw(st.booleans())  # as most platforms have them, with no sequence

    def tell(event_class: type[ev.Event], data: dict[str, Any], after_ms: int) -> None:
        nonlocal number
        number += 1
        event = make(
            event_class,
            START_MS + after_ms,
            event_id=draw(ids(number, form=0) if random_ids else ids(number)),
            sequence=None if random_ids else draw(_sequences),
            **{"tenant": tenant, "ticket_id": ticket_id, **data},
        )
        history.append((ev.TOPIC_OF[event_class], event))

    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2]))):
        tell(ev.TicketCreated, draw(_creations), draw(st.sampled_from([0, 0, 0, 60_000])))
    for _ in range(draw(st.integers(0, 18))):
        event_class, data = draw(
            draw(st.sampled_from([_replies, _replies, _replies, _surveys, _life, _life]))
        )
        tell(event_class, data, draw(_times))
    for event_class, data in draw(st.lists(_ends, max_size=3)) if draw(st.integers(0, 3)) == 0 else []:
        tell(event_class, data, draw(_times))
    return history


@st.composite
def arrivals(draw: st.DrawFn, history: History) -> History:
    """What arrives of a history: any order, and some of it again."""
    again = draw(st.lists(st.sampled_from(history), max_size=4)) if history else []
    return draw(st.permutations([*history, *again]))
