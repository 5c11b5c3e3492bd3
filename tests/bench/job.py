"""The benchmark job: a seeded day of tickets as CloudEvents, and the figures that a right answer has.

Per ticket: created by a customer, a bot's reply at once, three customer messages and three agent replies in turn, a private note,
solved, a survey sent, 30 % of them answered. 20 teams, 4 channels, 2 % out of order by up to 60 s, 1 % exact repetitions.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.core.topics import Topics

DAY_START_MS = 1_793_664_000_000  # 2026-11-03T00:00:00Z
DAY_MS = 86_400_000


Told = tuple[str, str, int, dict[str, object]]
"""Topic, type, time and data of an event."""
Story = Callable[[random.Random, Topics, str, str, str, int], Iterator[Told]]
"""(rng, topics, ticket id, team, channel, created at in ms) -> a ticket's events in order."""


class Job(NamedTuple):
    """A log in the order of its arrival, and what a right answer says about it."""

    records: list[SourceRecord]
    csat: Counter[tuple[str, str, int, str]]
    """(team, channel, minute, "n" | "good") -> answers."""
    first_reply: Counter[tuple[str, str, int, str]]
    """(team, channel, minute, "n" | "sum_ms") -> first replies."""


def _wire_time(time_ms: int) -> str:
    seconds, ms = divmod(time_ms - DAY_START_MS, 1000)
    day, seconds = divmod(seconds, 86_400)
    if not 0 <= day <= 27:  # of another month
        return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
    return (
        f"2026-11-{3 + day:02d}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"
    )


def _uuid(rng: random.Random) -> str:
    """A random UUID as platforms send it: version 4, RFC 9562."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def generate(tickets: int = 100_000, seed: int = 7, partitions: int = 4, topics: Topics | None = None) -> Job:
    """The job for a number of tickets. Deterministic for a seed; record timestamps are event times plus a second."""
    return _generate(_ticket, tickets, seed, partitions, topics or Topics())


def _generate(story: Story, tickets: int, seed: int, partitions: int, topics: Topics) -> Job:
    rng = random.Random(seed)
    teams = [f"team-{i:02d}" for i in range(20)]
    channels = ["email", "chat", "voice", "social"]
    csat: Counter[tuple[str, str, int, str]] = Counter()
    first_reply: Counter[tuple[str, str, int, str]] = Counter()
    arrivals: list[tuple[int, int, str, str, bytes]] = []
    order = 0
    for number in range(tickets):
        ticket_id = f"t-{number:07d}-{rng.getrandbits(32):08x}"
        team, channel = rng.choice(teams), rng.choice(channels)
        created_ms = DAY_START_MS + rng.randrange(DAY_MS * 9 // 10)
        first = True
        for topic, kind, time_ms, data in story(rng, topics, ticket_id, team, channel, created_ms):
            event = {
                "specversion": "1.0",
                "id": _uuid(rng),
                "source": "/generator/contact-centre/eu-west-1",
                "type": f"contact-centre.{kind}.v1",
                "time": _wire_time(time_ms),
                "subject": f"ticket/{ticket_id}",
                "datacontenttype": "application/json",
                "data": data,
            }
            arrival_ms = time_ms + (rng.randrange(60_000) if rng.random() < 0.02 else 0)
            value = orjson.dumps(event)
            arrivals.append((arrival_ms, order, topic, ticket_id, value))
            order += 1
            if rng.random() < 0.01:
                arrivals.append((arrival_ms + rng.randrange(30_000), order, topic, ticket_id, value))
                order += 1
            minute = time_ms // 60_000
            if kind == "reply.added" and data["author"] == "agent" and data["public"] and first:
                first = False
                first_reply[team, channel, minute, "n"] += 1
                first_reply[team, channel, minute, "sum_ms"] += time_ms - created_ms
            if kind == "survey.answered":
                csat[team, channel, minute, "n"] += 1
                csat[team, channel, minute, "good"] += data["score"] in {4, 5}
    arrivals.sort()
    offsets: Counter[tuple[str, int]] = Counter()
    records = []
    for arrival_ms, _, topic, ticket_id, value in arrivals:
        key = ticket_id.encode()
        partition = murmur2_partition(key, partitions)
        records.append(
            SourceRecord(topic, partition, offsets[topic, partition], arrival_ms + 1000, key, value)
        )
        offsets[topic, partition] += 1
    return Job(records, csat, first_reply)


def _ticket(
    rng: random.Random, topics: Topics, ticket_id: str, team: str, channel: str, created_ms: int
) -> Iterator[Told]:
    common: dict[str, object] = {"tenant": "acme", "ticket_id": ticket_id}
    yield (
        topics.tickets,
        "ticket.created",
        created_ms,
        {
            **common,
            "requester_id": f"c-{rng.randrange(50_000)}",
            "channel": channel,
            "team": team,
            "priority": "normal",
            "created_by": "customer",
        },
    )
    time_ms = created_ms + 2_000

    def reply(author: str, *, public: bool = True) -> Told:
        data = {
            **common,
            "reply_id": _uuid(rng),
            "author": author,
            "author_id": f"{author}-{rng.randrange(400)}",
            "public": public,
        }
        return topics.replies, "reply.added", time_ms, data

    yield reply("bot")
    for _ in range(3):
        time_ms += int(rng.expovariate(1 / 600_000)) + 1_000
        yield reply("customer")
        time_ms += int(rng.expovariate(1 / 900_000)) + 20_000
        yield reply("agent")
    time_ms += 5_000
    yield reply("agent", public=False)
    time_ms += 10_000
    yield topics.tickets, "ticket.status_changed", time_ms, {**common, "status": "solved"}
    survey = {
        **common,
        "survey_id": _uuid(rng),
        "customer_id": f"c-{rng.randrange(50_000)}",
        "kind": "csat",
        "scale": {"min": 1, "max": 5},
    }
    time_ms += 1_000
    yield topics.surveys, "survey.sent", time_ms, survey
    if rng.random() < 0.3:
        time_ms += rng.randrange(30_000, 3_600_000)
        score = rng.choices((1, 2, 3, 4, 5), (6, 6, 10, 28, 50))[0]
        yield topics.surveys, "survey.answered", time_ms, {**survey, "score": score, "revision": 0}


def voice(tickets: int = 20_000, seed: int = 7, partitions: int = 4, topics: Topics | None = None) -> Job:
    """Calls: a queue or two, an answer or none, the agent's work, solved, every tenth asked. As :func:`generate` otherwise."""
    return _generate(_call, tickets, seed, partitions, topics or Topics())


def long(tickets: int = 20_000, seed: int = 7, partitions: int = 4, topics: Topics | None = None) -> Job:
    """Tickets of sixty replies each, over hours. As :func:`generate` otherwise."""
    return _generate(_saga, tickets, seed, partitions, topics or Topics())


def _call(
    rng: random.Random, topics: Topics, ticket_id: str, team: str, channel: str, created_ms: int
) -> Iterator[Told]:
    common: dict[str, object] = {"tenant": "acme", "ticket_id": ticket_id}
    created = {"channel": channel, "team": team, "created_by": "customer", "requester_id": "c-1"}
    yield topics.tickets, "ticket.created", created_ms, {**common, **created}
    time_ms = created_ms
    for outcome in rng.choice((("answered",), ("abandoned",), ("transferred", "answered"))):
        visit: dict[str, object] = {**common, "queue": f"q-{rng.randrange(8)}", "visit_id": _uuid(rng)}
        agent = f"agent-{rng.randrange(400)}"
        yield topics.tickets, "ticket.queue_entered", time_ms, visit
        time_ms += int(rng.expovariate(1 / 90_000)) + 500
        yield topics.tickets, "ticket.queue_left", time_ms, {**visit, "outcome": outcome, "agent_id": agent}
        if outcome == "answered":
            work = {"talk_ms": rng.randrange(600_000), "hold_ms": rng.randrange(60_000), "after_ms": 30_000}
            time_ms += 700_000
            handled = {**common, "visit_id": visit["visit_id"], "agent_id": agent, **work}
            yield topics.tickets, "ticket.handled", time_ms, handled
    yield topics.tickets, "ticket.status_changed", time_ms + 1_000, {**common, "status": "solved"}
    if rng.random() < 0.1:
        survey: dict[str, object] = {
            **common,
            "survey_id": _uuid(rng),
            "kind": "csat",
            "scale": {"min": 1, "max": 5},
        }
        yield topics.surveys, "survey.sent", time_ms + 2_000, survey
        answer = {**survey, "score": rng.randrange(1, 6), "revision": 0}
        yield topics.surveys, "survey.answered", time_ms + 60_000, answer


def _saga(
    rng: random.Random, topics: Topics, ticket_id: str, team: str, channel: str, created_ms: int
) -> Iterator[Told]:
    common: dict[str, object] = {"tenant": "acme", "ticket_id": ticket_id}
    created = {"channel": channel, "team": team, "created_by": "customer", "requester_id": "c-1"}
    yield topics.tickets, "ticket.created", created_ms, {**common, **created}
    time_ms = created_ms
    for number in range(60):
        time_ms += int(rng.expovariate(1 / 240_000)) + 1_000
        author = ("agent", "customer")[number % 2]
        reply = {"reply_id": _uuid(rng), "author": author, "author_id": f"{author}-1", "public": True}
        yield topics.replies, "reply.added", time_ms, {**common, **reply}
    yield topics.tickets, "ticket.status_changed", time_ms + 1_000, {**common, "status": "solved"}


STREAMS: dict[str, Callable[..., Job]] = {"day": generate, "voice": voice, "long": long}
"""Jobs by name. Nothing may be tuned to one of them."""
