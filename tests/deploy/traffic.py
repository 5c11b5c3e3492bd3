"""A little traffic in which every figure has a value, folded by the core: what a worker would show after it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from stream.core.calendar import Calendars
from stream.core.config import CoreConfig
from stream.core.record import SourceRecord
from stream.core.snapshot import Snapshot
from stream.core.topics import Topics
from stream.metrics import BY_NAME, selected
from stream.runtime.status import CommitStatus, PartStatus, RecoveryStatus, RuntimeStatus
from stream.web.exporter import Exporter
from stream.web.status import SourceView
from tests.support.calendars import ALWAYS, made
from tests.support.core import oracle

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 1440 * MINUTE

ANSWERS, SATISFIED = 120, 84
CSAT = SATISFIED / ANSWERS
CSAT_BANDS = 55, 71
PROMOTERS, PASSIVES, DETRACTORS = 7, 2, 1
UNANSWERED = 3
EFFORTS = 8
CUSTOMERS = 6
TEAMS = {"north": (190, 200), "south": (80, 100)}
"""Of globex: satisfied ones and answers."""
BY_AGENT = 3
"""Of each team, about one agent, and all of them good: with figures per agent these stand beside the team's."""
SUSPICIOUS = 30
COMPLAINTS, ESCALATED, ABANDONED, REOPENED = 12, 9, 6, 5

CALENDARS = Calendars({"always": made("UTC", ALWAYS)}, default="always")
DAY_BEFORE = 3
CONFIG = CoreConfig(
    groupings=(*CoreConfig().groupings, ("agent",), ("team", "agent")),
    metrics=tuple(BY_NAME),
    calendars=CALENDARS,
    quality_criteria=("tone",),
    customers=True,
    answers=True,
    compare_min_n=DAY_BEFORE - 1,
)


def records(now_ms: int, topics: Topics = CONFIG.topics) -> list[SourceRecord]:
    """All within the last two minutes, so that it stands in every running window, but for a little of the day before."""
    return list(_with_offsets(_events(now_ms, topics), now_ms))


def snapshot(now_ms: int) -> Snapshot:
    """What the windows stage shows after the traffic."""
    return oracle(CONFIG, records(now_ms), now_ms=now_ms).windows.snapshot


def exporter(status: Callable[[], RuntimeStatus]) -> Exporter:
    """The exporter over a status that the test can change."""
    return Exporter(
        selected(CONFIG), status, min_n=CONFIG.compare_min_n, csat_bands=CSAT_BANDS, agent_gauges=True
    )


def status_of(*snapshots: Snapshot, dead_letters: int = 0, reasons: tuple[str, ...] = ()) -> RuntimeStatus:
    """A worker's status; without a snapshot it is one that owns no segment."""
    topics = CONFIG.topics
    counts = {topics.tickets: {"applied": 500, "duplicate": 2, "skipped:unknown_type": 1}}
    if dead_letters:
        counts[topics.tickets]["dead_lettered:not_json"] = dead_letters
    source = SourceView(
        counts, max([one.watermark_ms for one in snapshots], default=-1), {"team": 1}, {"csat": 1}
    )
    parts = {
        ("windows", number): PartStatus("windows", number, 10, 900, one)
        for number, one in enumerate(snapshots)
    }
    if snapshots:
        parts["tickets", 0] = PartStatus("tickets", 0, 123, 45_000, source)
    return RuntimeStatus(
        state="running",
        reasons=reasons,
        parts=parts,
        lag={(topic, 0): 5 for topic in topics.sources} if snapshots else {},
        commits={"tickets": CommitStatus(12, 0.05, 1), "windows": CommitStatus(50, 0.02, 1)},
        recovery=RecoveryStatus(123, 123, 0.4),
    )


def _with_offsets(events: Iterator[tuple[str, str, dict[str, Any]]], now_ms: int) -> Iterator[SourceRecord]:
    offsets: dict[str, int] = {}
    for topic, key, event in events:
        offset = offsets.get(topic, 0)
        offsets[topic] = offset + 1
        yield SourceRecord(topic, 0, offset, now_ms, key.encode(), json.dumps(event).encode())


def _events(now_ms: int, topics: Topics) -> Iterator[tuple[str, str, dict[str, Any]]]:
    number = 0
    start_ms = now_ms - 2 * MINUTE
    before_ms = now_ms - DAY - 60 * MINUTE

    def event(
        topic: str, key: str, kind: str, time_ms: int, data: dict[str, Any]
    ) -> tuple[str, str, dict[str, Any]]:
        nonlocal number
        number += 1
        time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
        content = {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": "/test",
            "type": f"contact-centre.{kind}.v1",
            "time": time,
            "data": {"tenant": "acme", **data},
        }
        return topic, key, content

    for i in range(ANSWERS):
        ticket = {"ticket_id": f"t{i}"}
        made = {**ticket, "channel": "chat", "team": "billing", "queue": "calls"}
        if i < COMPLAINTS:
            made["kind"] = "complaint"
        yield event(topics.tickets, f"t{i}", "ticket.created", start_ms, made)
        visit = {**ticket, "queue": "calls", "visit_id": "v"}
        yield event(topics.tickets, f"t{i}", "ticket.queue_entered", start_ms, visit)
        answered = {**visit, "outcome": "answered"}
        yield event(topics.tickets, f"t{i}", "ticket.queue_left", start_ms + (i % 30) * SECOND, answered)
        reply = {**ticket, "reply_id": "r", "author": "agent", "public": True}
        yield event(topics.replies, f"t{i}", "reply.added", start_ms + (1 + i % 50) * SECOND, reply)
        work = {**visit, "agent_id": "a", "talk_ms": 20_000, "hold_ms": 5_000, "after_ms": 3_000}
        yield event(topics.tickets, f"t{i}", "ticket.handled", start_ms + 45 * SECOND, work)
        if i < ESCALATED:
            yield event(topics.tickets, f"t{i}", "ticket.escalated", start_ms + 40 * SECOND, ticket)
        if i < ABANDONED:
            again = {**ticket, "queue": "calls", "visit_id": "w"}
            yield event(topics.tickets, f"t{i}", "ticket.queue_entered", start_ms + 30 * SECOND, again)
            left = {**again, "outcome": "abandoned"}
            yield event(topics.tickets, f"t{i}", "ticket.queue_left", start_ms + 40 * SECOND, left)
        history = ["pending", "on_hold", "solved", "open", "solved"] if i < REOPENED else ["solved"]
        for step, status in enumerate(history):
            changed = {**ticket, "status": status}
            time_ms = start_ms + 51 * SECOND - 100 * (len(history) - 1 - step)
            yield event(topics.tickets, f"t{i}", "ticket.status_changed", time_ms, changed)
        survey = {**ticket, "survey_id": f"s{i}", "kind": "csat", "scale": {"min": 1, "max": 5}}
        yield event(topics.surveys, f"t{i}", "survey.sent", start_ms + 52 * SECOND, survey)
        score = {**survey, "score": 5 if i < SATISFIED else 1, "revision": 0, "customer_id": f"c{i % 60}"}
        yield event(topics.surveys, f"t{i}", "survey.answered", start_ms + 55 * SECOND, score)
    scores = [10] * PROMOTERS + [8] * PASSIVES + [2] * DETRACTORS
    for i, score_of_ten in enumerate(scores):
        nps = {"ticket_id": f"t{i}", "survey_id": f"n{i}", "kind": "nps", "scale": {"min": 0, "max": 10}}
        given = {**nps, "score": score_of_ten, "revision": 0}
        yield event(topics.surveys, f"t{i}", "survey.answered", start_ms + 56 * SECOND, given)
    for i in range(EFFORTS):
        effort = {"ticket_id": f"t{i}", "survey_id": f"c{i}", "kind": "ces", "scale": {"min": 1, "max": 7}}
        given = {**effort, "score": 2, "revision": 0}
        yield event(topics.surveys, f"t{i}", "survey.answered", start_ms + 56 * SECOND, given)
        review = {"ticket_id": f"t{i}", "review_id": "q", "agent_id": "a"}
        criteria = [{"name": "Tone", "score": 4, "max": 5, "weight": 2}]
        yield event(
            topics.surveys, f"t{i}", "review.scored", start_ms + 57 * SECOND, {**review, "criteria": criteria}
        )
    for i in range(UNANSWERED):
        key = f"u{i}"
        waiting = {"ticket_id": key, "channel": "voice", "team": "sales", "queue": "calls"}
        yield event(topics.tickets, key, "ticket.created", start_ms, waiting)
        entered = {"ticket_id": key, "queue": "calls", "visit_id": "v"}
        yield event(topics.tickets, key, "ticket.queue_entered", start_ms, entered)
    yield from _customers(event, topics.customers, start_ms)
    for i in range(DAY_BEFORE):
        key = f"d{i}"
        ticket = {"ticket_id": key}
        made = {**ticket, "channel": "chat", "team": "billing"}
        yield event(topics.tickets, key, "ticket.created", before_ms, made)
        reply = {**ticket, "reply_id": "r", "author": "agent", "public": True}
        yield event(topics.replies, key, "reply.added", before_ms + (9 + i) * SECOND, reply)
        for kind, low, high in (("csat", 1, 5), ("nps", 0, 10)):
            survey = {**ticket, "survey_id": kind, "kind": kind, "scale": {"min": low, "max": high}}
            given = {**survey, "score": high - i, "revision": 0}
            yield event(topics.surveys, key, "survey.answered", before_ms + MINUTE, given)
        solved = {**ticket, "status": "solved"}
        yield event(topics.tickets, key, "ticket.status_changed", before_ms + MINUTE, solved)
        order = {"order_id": "d", "amount_minor": 900, "currency": "EUR"}
        bought = {"customer_id": f"c{i + 1}", **order}
        yield event(topics.customers, f"c{i + 1}", "customer.purchased", before_ms, bought)
    # A bot that sends as an agent and a colleague behind it, at a tenant of its own: nobody else's figures have it.
    for i in range(SUSPICIOUS):
        key = f"b{i}"
        theirs = {"tenant": "globex", "ticket_id": key}
        yield event(topics.tickets, key, "ticket.created", start_ms, {**theirs, "channel": "email"})
        for who, second in (("auto", 7 + i % 3), ("ann", 40)):
            told = {**theirs, "reply_id": who, "author": "agent", "author_id": who, "public": True}
            yield event(topics.replies, key, "reply.added", start_ms + second * SECOND, told)
    for team, (satisfied, answers) in TEAMS.items():
        for i in range(answers):
            key = f"{team}{i}"
            theirs = {"tenant": "globex", "ticket_id": key}
            made = {**theirs, "channel": "email", "team": team}
            yield event(topics.tickets, key, "ticket.created", start_ms, made)
            survey = {**theirs, "survey_id": "s", "kind": "csat", "scale": {"min": 1, "max": 5}}
            score = {**survey, "score": 5 if i < satisfied else 1, "revision": 0}
            if i < BY_AGENT:
                score["agent_id"] = "ann"
            yield event(topics.surveys, key, "survey.answered", start_ms + 55 * SECOND, score)
    # A reply before its ticket was made: a clock that is wrong, so the duration is excluded and counted.
    skewed = {"ticket_id": "x", "channel": "chat", "team": "billing"}
    yield event(topics.tickets, "x", "ticket.created", start_ms + MINUTE, skewed)
    early = {"ticket_id": "x", "reply_id": "r", "author": "agent", "public": True}
    yield event(topics.replies, "x", "reply.added", start_ms, early)


def _customers(
    event: Callable[[str, str, str, int, dict[str, Any]], tuple[str, str, dict[str, Any]]],
    topic: str,
    start_ms: int,
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Customers of long standing, of whom one leaves, and a new one; a purchase, a referral and moods."""
    for i in range(CUSTOMERS):
        key = f"c{i}"
        one = {"customer_id": key}
        yield event(topic, key, "customer.joined", start_ms - 30 * DAY if i else start_ms, one)
        order = {**one, "order_id": "o", "amount_minor": 5000, "currency": "EUR"}
        yield event(topic, key, "customer.purchased", start_ms + SECOND, order)
        mood = ("positive", "neutral", "negative")[i % 3]
        said = {**one, "mention_id": "m", "network": "forum", "sentiment": mood}
        yield event(topic, key, "customer.mentioned", start_ms + SECOND, said)
    referred = {"customer_id": "c1", "referred_customer_id": "c0"}
    yield event(topic, "c1", "customer.referred", start_ms, referred)
    yield event(topic, "c2", "customer.left", start_ms + MINUTE, {"customer_id": "c2"})


def exposed_series() -> set[str]:
    """Names of all samples that a worker exposes after the traffic, with every kind of counter and gauge in it."""
    now_ms = 1_790_000_000_000
    status = status_of(snapshot(now_ms), dead_letters=1)
    lines = exporter(lambda: status).render().body.decode().splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
