"""A simulated contact centre from a fixed seed: the surveys and queue visits that the real help-desk comments lack.

It is a tenant of its own, called ``simulated`` wherever it is shown. Calls are followed by a survey of the customer, so that
every 24 hours hold more than 100 answers; tickets have their whole life. In the bad spell one team's work goes wrong: waits grow
and satisfaction falls under 80 %, and both recover. Nothing in it is anybody's data.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.events import (
    TOPIC_OF,
    Event,
    ReplyAdded,
    ReplyAddedData,
    Scale,
    SurveyAnswered,
    SurveyAnsweredData,
    SurveySent,
    SurveySentData,
    TicketCreated,
    TicketCreatedData,
    TicketQueueEntered,
    TicketQueueEnteredData,
    TicketQueueLeft,
    TicketQueueLeftData,
    TicketStatusChanged,
    TicketStatusChangedData,
)

TENANT = "simulated"
SOURCE = "/simulation"
SEED = 17

DAY_MS = 86_400_000
MINUTE_MS = 60_000

START_MS = 1_641_081_600_000
"""2022-01-02, the day of the help desk's first comment."""
DAYS = 433
"""Until 2023-03-10: past the help desk's last comment, so that the event clock passes that too."""

SPELL_DAYS = range(120, 155)
"""The bad spell: 2022-05-02 .. 2022-06-05."""

CALLS_PER_DAY = 112
TICKETS_PER_DAY = 20
RELATIONSHIP_PER_DAY = 12
"""Answers to the question how likely the customer is to recommend, not about any ticket."""

TEAMS = ("billing", "technical", "sales")
TROUBLED_TEAM = "billing"
SATISFIED = 0.90
SATISFIED_TROUBLED = 0.30
CHANNELS = ("chat", "email", "voice")
FIVE = Scale(min=1, max=5)
TEN = Scale(min=0, max=10)


class TimedEvent(NamedTuple):
    """An event with what the publisher needs: event time, short topic name, record key, structured-mode event."""

    time_ms: int
    topic: str
    key: str
    event: Event


def simulate(seed: int = SEED, days: int = DAYS) -> Iterator[TimedEvent]:
    """The whole stream in event-time order; the same seed gives the same events, byte for byte."""
    desk = _Desk(random.Random(seed))  # noqa: S311 - no secret: it must be repeatable
    pending: list[TimedEvent] = []
    for day in range(days):
        desk.day(day, pending)
        pending.sort(key=_by_time)
        end_ms = START_MS + (day + 1) * DAY_MS
        due = sum(1 for timed in pending if timed.time_ms < end_ms)
        yield from pending[:due]
        del pending[:due]
    yield from pending


def _by_time(timed: TimedEvent) -> tuple[int, str]:
    return timed.time_ms, timed.event.id


class _Desk:
    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random  # only random() is promised to stay the same over Python versions
        self._number = 0
        self._due = dict.fromkeys(TEAMS, 0.0)

    def day(self, day: int, out: list[TimedEvent]) -> None:
        bad = day in SPELL_DAYS
        start_ms = START_MS + day * DAY_MS
        for i in range(CALLS_PER_DAY):
            self._call(start_ms + self._moment(i, CALLS_PER_DAY), bad, out)
        for i in range(TICKETS_PER_DAY):
            self._ticket(start_ms + self._moment(i, TICKETS_PER_DAY), bad, out)
        for i in range(RELATIONSHIP_PER_DAY):
            self._relationship(start_ms + self._moment(i, RELATIONSHIP_PER_DAY), bad, out)

    def _moment(self, i: int, of: int) -> int:
        """The i-th of ``of`` moments of a day, jittered; spread out, busier around noon."""
        share = (i + self._random()) / of
        return int(DAY_MS * (share - math.sin(2 * math.pi * share) * -0.08)) % DAY_MS

    def _pick(self, options: tuple[str, ...]) -> str:
        return options[int(self._random() * len(options))]

    def _exponential_ms(self, mean_ms: float) -> int:
        return int(-math.log(1.0 - self._random()) * mean_ms)

    def _next(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"

    def _satisfied(self, team: str, bad: bool) -> bool:
        """Errors are carried over, so that the share in any 24 hours is close to what it is meant to be."""
        self._due[team] += SATISFIED_TROUBLED if bad and team == TROUBLED_TEAM else SATISFIED
        happy = self._due[team] >= 0.2 + 0.6 * self._random()
        if happy:
            self._due[team] -= 1.0
        return happy

    def _csat(self, team: str, bad: bool) -> int:
        if self._satisfied(team, bad):
            return 5 if self._random() < 0.7 else 4
        return 1 + int(self._random() * 3)

    def _nps(self, bad: bool) -> int:
        draw = self._random()
        promoters, passives = (0.28, 0.60) if bad else (0.52, 0.84)
        if draw < promoters:
            return 9 + int(self._random() * 2)
        return 7 + int(self._random() * 2) if draw < passives else int(self._random() * 7)

    def _call(self, time_ms: int, bad: bool, out: list[TimedEvent]) -> None:
        customer = self._next("c")
        team = self._pick(TEAMS)
        data = SurveyAnsweredData(
            tenant=TENANT,
            customer_id=customer,
            survey_id=f"s-{customer}",
            kind="csat",
            revision=0,
            scale=FIVE,
            score=self._csat(team, bad),
            team=team,
            touchpoint="call",
        )
        out.append(_timed(time_ms, customer, SurveyAnswered, "answered", data))

    def _relationship(self, time_ms: int, bad: bool, out: list[TimedEvent]) -> None:
        customer = self._next("c")
        data = SurveyAnsweredData(
            tenant=TENANT,
            customer_id=customer,
            survey_id=f"n-{customer}",
            kind="nps",
            revision=0,
            scale=TEN,
            score=self._nps(bad),
        )
        out.append(_timed(time_ms, customer, SurveyAnswered, "answered", data))

    def _ticket(self, time_ms: int, bad: bool, out: list[TimedEvent]) -> None:
        ticket = self._next("t")
        team = self._pick(TEAMS)
        queue = f"{team}-front"
        slow = 4.0 if bad and team == TROUBLED_TEAM else 1.0
        created = TicketCreatedData(
            tenant=TENANT, ticket_id=ticket, channel=self._pick(CHANNELS), team=team, queue=queue
        )
        out.append(_timed(time_ms, ticket, TicketCreated, "created", created))
        visit = f"v-{ticket}"
        entered = TicketQueueEnteredData(tenant=TENANT, ticket_id=ticket, queue=queue, visit_id=visit)
        out.append(_timed(time_ms + 500, ticket, TicketQueueEntered, "entered", entered))
        answered_ms = time_ms + 2_000 + self._exponential_ms(90_000 * slow)
        abandoned = self._random() < 0.05 * slow
        left = TicketQueueLeftData(
            tenant=TENANT,
            ticket_id=ticket,
            queue=queue,
            visit_id=visit,
            outcome="abandoned" if abandoned else "answered",
        )
        out.append(_timed(answered_ms, ticket, TicketQueueLeft, "left", left))
        reply_ms = answered_ms + self._exponential_ms(20 * MINUTE_MS * slow)
        reply = ReplyAddedData(
            tenant=TENANT, ticket_id=ticket, reply_id=f"r-{ticket}", author="agent", public=True
        )
        out.append(_timed(reply_ms, ticket, ReplyAdded, "reply", reply))
        solved_ms = reply_ms + self._exponential_ms(300 * MINUTE_MS * slow)
        solved = TicketStatusChangedData(tenant=TENANT, ticket_id=ticket, status="solved")
        out.append(_timed(solved_ms, ticket, TicketStatusChanged, "solved", solved))
        self._survey(solved_ms + 5 * MINUTE_MS, ticket, team, bad, out)

    def _survey(self, sent_ms: int, ticket: str, team: str, bad: bool, out: list[TimedEvent]) -> None:
        sent = SurveySentData(
            tenant=TENANT, ticket_id=ticket, survey_id=f"s-{ticket}", kind="csat", scale=FIVE
        )
        out.append(_timed(sent_ms, ticket, SurveySent, "sent", sent))
        if self._random() < 0.45:
            answered = SurveyAnsweredData(
                tenant=TENANT,
                ticket_id=ticket,
                survey_id=f"s-{ticket}",
                kind="csat",
                revision=0,
                scale=FIVE,
                score=self._csat(team, bad),
            )
            answered_ms = sent_ms + self._exponential_ms(90 * MINUTE_MS)
            out.append(_timed(answered_ms, ticket, SurveyAnswered, "answered", answered))


def _timed(time_ms: int, key: str, event_class: type[Event], what: str, data: object) -> TimedEvent:
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    time = f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
    event = event_class(specversion="1.0", id=f"{key}-{what}", source=SOURCE, time=time, data=data)  # type: ignore[call-arg]  # every event class has data
    return TimedEvent(time_ms, TOPIC_OF[event_class], key, event)
