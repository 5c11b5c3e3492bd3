"""The benchmark job: a seeded day of tickets as CloudEvents, and the figures that a right answer has.

Per ticket: created by a customer, a bot's reply at once, three customer messages and three agent replies in turn, a private note,
solved, a survey sent, 30 % of them answered. 20 teams, 4 channels, 2 % out of order by up to 60 s, 1 % exact repetitions.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import orjson

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.core.topics import Topics

DAY_START_MS = 1_793_664_000_000  # 2026-11-03T00:00:00Z
DAY_MS = 86_400_000


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
    return (
        f"2026-11-{3 + day:02d}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"
    )


def _uuid(rng: random.Random) -> str:
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def generate(tickets: int = 100_000, seed: int = 7, partitions: int = 4, topics: Topics | None = None) -> Job:
    """The job for a number of tickets. Deterministic for a seed; record timestamps are event times plus a second."""
    topics = topics or Topics()
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
        for topic, kind, time_ms, data in _ticket(
            rng, topics, ticket_id, team, channel, created_ms=created_ms
        ):
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
                csat[team, channel, minute, "good"] += data["score"] >= 4
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
    rng: random.Random, topics: Topics, ticket_id: str, team: str, channel: str, *, created_ms: int
) -> Iterator[tuple[str, str, int, dict[str, object]]]:
    common = {"tenant": "acme", "ticket_id": ticket_id}
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

    def reply(author: str, *, public: bool = True) -> tuple[str, str, int, dict[str, object]]:
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
