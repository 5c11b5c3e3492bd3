"""A seeded stream with everything that makes exactness hard: repetitions, disorder, corrections of every kind, refused and unknown records.

Per ticket some twelve events; a share of the tickets is re-rated, retracted, merged, deleted, restored, reopened or reassigned,
minutes to hours after the windows in question have closed. Every tenth stays open.
"""

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import orjson

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from tests.bench.job import DAY_MS, DAY_START_MS, _uuid, _wire_time

EVENTS_PER_TICKET = 12.1
"""On average, for asking for a number of events."""

TEAMS = ("billing", "returns", "second-line")
CHANNELS = ("email", "chat")
QUEUES = ("voice", "chat-vip")

DISORDERED, VERY_DISORDERED, REPEATED, BROKEN, UNKNOWN = 0.05, 0.002, 0.02, 0.001, 0.001
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


class Arrival(NamedTuple):
    """One record as a producer sends it; ``short`` is the topic without its prefix."""

    short: str
    key: bytes
    value: bytes


def logged(arrivals: Iterable[Arrival], partitions: int) -> list[SourceRecord]:
    """Arrivals as they stand in topics ``x.<short>`` some hours after their day."""
    return [
        SourceRecord(
            f"x.{one.short}",
            murmur2_partition(one.key, partitions),
            number,
            DAY_START_MS + 2 * DAY_MS,
            one.key,
            one.value,
        )
        for number, one in enumerate(arrivals)
    ]


def traffic(events: int, seed: int, customers: int = 0) -> list[Arrival]:
    """About ``events`` records of one day, in the order of their arrival, and those of so many customers; a function of its arguments."""
    rng = random.Random(seed)
    tickets = max(1, round(events / EVENTS_PER_TICKET))
    arrivals: list[tuple[int, int, Arrival]] = []

    def tell(short: str, wire_type: str, entity_id: str, time_ms: int, **data: Any) -> None:
        id_name = "customer_id" if short == "customers" else "ticket_id"
        event = {
            "specversion": "1.0",
            "id": _uuid(rng),
            "source": "/chaos",
            "type": f"contact-centre.{wire_type}.v1",
            "time": _wire_time(time_ms),
            "data": {"tenant": "acme", id_name: entity_id, **data},
        }
        at_ms, chance = time_ms, rng.random()
        if chance < VERY_DISORDERED:
            at_ms += rng.randrange(6 * HOUR_MS)
        elif chance < DISORDERED:
            at_ms += rng.randrange(MINUTE_MS)
        arrival = Arrival(short, entity_id.encode(), orjson.dumps(event))
        arrivals.append((at_ms, len(arrivals), arrival))
        if rng.random() < REPEATED:
            arrivals.append((at_ms + rng.randrange(HOUR_MS), len(arrivals), arrival))
        if rng.random() < BROKEN:
            broken = rng.choice((b"{", b"\xff", b"null", arrival.value[:-1], b""))
            arrivals.append((at_ms, len(arrivals), arrival._replace(value=broken)))
        if rng.random() < UNKNOWN:
            event["type"] = "contact-centre.ticket.sung_to.v1"
            arrivals.append((at_ms, len(arrivals), arrival._replace(value=orjson.dumps(event))))

    for number in range(tickets):
        _life(rng, f"t-{number:06d}-{rng.getrandbits(24):06x}", tickets, tell)
    for number in range(customers):
        _customer(rng, f"c-{number}", tell)
    arrivals.sort()
    return [arrival for _, _, arrival in arrivals]


def mixed(events: int, seed: int, customers: int) -> list[Arrival]:
    """As :func:`traffic`, with the customers' events spread over all of it: some come in every part."""
    arrivals = traffic(events, seed, customers)
    places: list[tuple[float, int]] = []
    for theirs in (False, True):
        own = [place for place, one in enumerate(arrivals) if (one.short == "customers") is theirs]
        places += [(rank / len(own), place) for rank, place in enumerate(own)]
    return [arrivals[place] for _, place in sorted(places)]


Tell = Callable[..., None]


def _life(rng: random.Random, ticket: str, tickets: int, tell: Tell) -> None:
    now = DAY_START_MS + rng.randrange(DAY_MS * 8 // 10)
    tell(
        "tickets",
        "ticket.created",
        ticket,
        now,
        channel=rng.choice(CHANNELS),
        team=rng.choice(TEAMS),
        queue=rng.choice((*QUEUES, None)),
        kind=rng.choice(("question", "complaint")),
        requester_id=f"c-{rng.randrange(5000) % max(2, tickets // 4)}",  # each with several tickets, on any partition
        created_by=rng.choice(("customer", "customer", "customer", "agent")),
    )
    now = _visit(rng, ticket, now, tell)
    replies: list[str] = []

    def reply(at_ms: int, author: str, *, public: bool = True) -> None:
        reply_id = _uuid(rng)
        if author == "agent" and public:
            replies.append(reply_id)
        author_id = f"a-{rng.randrange(5)}" if author == "agent" else None
        said = {"reply_id": reply_id, "author": author, "public": public, "author_id": author_id}
        tell("replies", "reply.added", ticket, at_ms, **said)

    reply(now + 1000, "bot")
    for _ in range(rng.randint(1, 3)):
        now += int(rng.expovariate(1 / 600_000)) + 1000
        reply(now, "customer")
        now += int(rng.expovariate(1 / 900_000)) + 20_000
        reply(now, "agent")
    reply(now + 5000, "agent", public=False)
    if rng.random() < 0.15:
        tell("tickets", "ticket.assigned", ticket, now + 7000, team=rng.choice(TEAMS), agent_id="a-1")
    if rng.random() < 0.05:
        tell("tickets", "ticket.escalated", ticket, now + 8000, tier="2")
    now += 10_000
    status = "pending" if ticket[7] == "0" else "solved"
    tell("tickets", "ticket.status_changed", ticket, now, status=status)
    now = _surveys(rng, ticket, now, tell)
    _corrections(rng, ticket, now, tickets, tell, reply, replies)


def _visit(rng: random.Random, ticket: str, now: int, tell: Tell) -> int:
    if rng.random() < 0.4:
        visit: dict[str, Any] = {"queue": rng.choice(QUEUES), "visit_id": _uuid(rng)}
        tell("tickets", "ticket.queue_entered", ticket, now + 500, **visit)
        now += 500 + rng.randrange(300_000)
        outcome = rng.choice(("answered", "answered", "abandoned"))
        tell("tickets", "ticket.queue_left", ticket, now, outcome=outcome, **visit)
        if outcome == "answered":
            spent = {part: rng.randrange(200_000) for part in ("talk_ms", "hold_ms", "after_ms")}
            handled = {"visit_id": visit["visit_id"], "agent_id": "a-1", **spent}
            tell("tickets", "ticket.handled", ticket, now + 400_000, **handled)
    return now


def _surveys(rng: random.Random, ticket: str, now: int, tell: Tell) -> int:
    kind, low, high = ("csat", 1, 5) if rng.random() < 0.7 else ("nps", 0, 10)
    survey = {"survey_id": _uuid(rng), "kind": kind, "scale": {"min": low, "max": high}}
    tell("surveys", "survey.sent", ticket, now + 1000, **survey)
    if rng.random() < 0.1:
        criterion = {"name": "tone", "score": rng.randint(0, 5), "max": 5, "weight": 2}
        review = {"review_id": _uuid(rng), "agent_id": "a-1", "criteria": [criterion]}
        tell("surveys", "review.scored", ticket, now + 2 * HOUR_MS, **review)
    if rng.random() < 0.1:
        tell("surveys", "survey.expired", ticket, now + 6 * HOUR_MS, survey_id=survey["survey_id"])
    elif rng.random() < 0.65:
        now += rng.randrange(30_000, HOUR_MS)
        tell("surveys", "survey.answered", ticket, now, **survey, score=rng.randint(low, high), revision=0)
        if rng.random() < 0.2:
            now += rng.randrange(4 * HOUR_MS)
            again = rng.randint(low, high)
            tell("surveys", "survey.answered", ticket, now, **survey, score=again, revision=1)
        if rng.random() < 0.1:
            now += rng.randrange(2 * HOUR_MS)
            tell("surveys", "survey.retracted", ticket, now, survey_id=survey["survey_id"])
    return now


def _corrections(
    rng: random.Random,
    ticket: str,
    now: int,
    tickets: int,
    tell: Tell,
    reply: Callable[[int, str], None],
    replies: list[str],
) -> None:
    if rng.random() < 0.1:  # reopened
        now += rng.randrange(3 * HOUR_MS)
        tell("tickets", "ticket.status_changed", ticket, now, status="open")
        reply(now + 1000, "customer")
        reply(now + 600_000, "agent")
        tell("tickets", "ticket.status_changed", ticket, now + 700_000, status="solved")
    if rng.random() < 0.08:
        reply_id = rng.choice(replies)
        tell("replies", "reply.retracted", ticket, now + HOUR_MS, reply_id=reply_id, reason="deleted")
    if rng.random() < 0.05:
        tell("tickets", "ticket.assigned", ticket, now + 2 * HOUR_MS, team=rng.choice(TEAMS))
    end = rng.random()
    if end < 0.03:
        tell("tickets", "ticket.merged", ticket, now + HOUR_MS, into_ticket_id=f"t-{rng.randrange(tickets)}")
    elif end < 0.07:
        tell("tickets", "ticket.deleted", ticket, now + HOUR_MS, reason=rng.choice(("spam", "deleted")))
        if end < 0.05:
            tell("tickets", "ticket.restored", ticket, now + 3 * HOUR_MS)


def _customer(rng: random.Random, customer: str, tell: Tell) -> None:
    """Joins before or in the day, buys, corrects an order, speaks, brings others, leaves and comes back."""
    now = DAY_START_MS + rng.randrange(DAY_MS // 2)
    segments = rng.choice((None, {"location": "oslo"}))
    joined_ms = now - 20 * DAY_MS if rng.random() < 0.7 else now
    tell("customers", "customer.joined", customer, joined_ms, segments=segments)
    for order in range(rng.randrange(4)):
        now += rng.randrange(HOUR_MS)
        bought = {"order_id": f"o-{order}", "currency": rng.choice(("EUR", "EUR", "USD"))}
        tell(
            "customers", "customer.purchased", customer, now, amount_minor=rng.randrange(-500, 9000), **bought
        )
        if rng.random() < 0.2:
            tell("customers", "customer.purchased", customer, now + HOUR_MS, amount_minor=100, **bought)
    for mention in range(rng.randrange(3)):
        mood = rng.choice(("positive", "neutral", "negative"))
        said = {"mention_id": f"m-{mention}", "network": "forum", "sentiment": mood}
        tell("customers", "customer.mentioned", customer, now + rng.randrange(HOUR_MS), **said)
    if rng.random() < 0.3:
        tell("customers", "customer.referred", customer, now, referred_customer_id=f"c-{rng.randrange(5000)}")
    if rng.random() < 0.3:
        now += rng.randrange(3 * HOUR_MS)
        tell("customers", "customer.left", customer, now)
        if rng.random() < 0.3:
            tell("customers", "customer.joined", customer, now + HOUR_MS)
