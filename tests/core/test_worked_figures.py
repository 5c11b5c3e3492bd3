"""The worked figures of the definitions, from the bytes of events through decoder, both stages and rollups."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from schemas import events as ev
from stream.core.calendar import Calendars
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.metrics import BY_NAME
from tests.support.calendars import local_ms, made
from tests.support.core import oracle
from tests.support.histories import START_MS, TENANT, History, make
from tests.support.log import log

CONFIG = CoreConfig(
    clock="event",
    metrics=tuple(BY_NAME),
    groupings=((),),
    horizons_ms={MINUTE_MS: -1, HOUR_MS: -1, DAY_MS: -1},
    calendars=Calendars({"office": made()}, tenants={TENANT: "office"}),
)
LOG_MS = START_MS + 40 * DAY_MS


def answers(kind: str, low: int, high: int, *scores: int) -> History:
    """One survey per score, each of a ticket of its own."""
    scale = ev.Scale(min=low, max=high)
    return [
        (
            "surveys",
            make(
                ev.SurveyAnswered,
                START_MS,
                ticket_id=f"t-{number}",
                survey_id=f"s-{number}",
                kind=kind,
                scale=scale,
                score=score,
                revision=0,
            ),
        )
        for number, score in enumerate(scores)
    ]


def waits(*minutes: int) -> History:
    """One visit of a queue per wait."""
    found: History = []
    for number, wait in enumerate(minutes):
        visit = {"ticket_id": f"t-{number}", "queue": "voice", "visit_id": "v"}
        found.append(("tickets", make(ev.TicketQueueEntered, START_MS, **visit)))
        left = make(ev.TicketQueueLeft, START_MS + wait * MINUTE_MS, outcome="answered", **visit)
        found.append(("tickets", left))
    return found


def first_replies(*minutes: int) -> History:
    """One ticket per minute at which it was answered."""
    found: History = []
    for number, minute in enumerate(minutes):
        ticket = f"t-{number}"
        found.append(("tickets", make(ev.TicketCreated, START_MS, ticket_id=ticket, channel="chat")))
        said: dict[str, Any] = {"reply_id": "r", "author": "agent", "public": True}
        at_ms = START_MS + minute * MINUTE_MS
        found.append(("replies", make(ev.ReplyAdded, at_ms, ticket_id=ticket, **said)))
    return found


def reviews(*lines: tuple[int, int, int]) -> History:
    """One review with a criterion per (score, max, weight)."""
    criteria = [
        ev.Criterion(name=f"c-{number}", score=score, max=most, weight=weight)
        for number, (score, most, weight) in enumerate(lines)
    ]
    return [("surveys", make(ev.ReviewScored, START_MS, event_id="e", review_id="q", criteria=criteria))]


def complaint(days: int) -> History:
    return [
        ("tickets", make(ev.TicketCreated, START_MS, channel="email", kind="complaint")),
        ("tickets", make(ev.TicketStatusChanged, START_MS + days * DAY_MS, status="solved")),
    ]


def over_a_weekend() -> History:
    return [
        ("tickets", make(ev.TicketCreated, local_ms("2026-11-06 16:00"), channel="email")),
        (
            "replies",
            make(ev.ReplyAdded, local_ms("2026-11-09 10:00"), reply_id="r", author="agent", public=True),
        ),
    ]


@pytest.mark.parametrize(
    ("metric", "events", "value", "n"),
    [
        ("csat", answers("csat", 1, 5, *[5] * 50, *[4] * 30, *[3] * 20, *[1] * 12), 80 / 112, 112),
        ("csat", answers("csat", 1, 5, *[5] * 30, *[2] * 20), 0.6, 50),
        ("nps", answers("nps", 0, 10, *[9] * 40, *[10] * 30, *[7] * 20, *[6] * 10), 60, 100),
        ("queue_wait_time", waits(*[2] * 100, *[3] * 100), 150, 200),
        ("complaint_resolution_time", complaint(2), 2 * 86_400, 1),
        ("ces", answers("ces", 1, 7, *[1] * 80, *[4] * 15, *[7] * 5), 1.75, 100),
        ("quality_score", reviews((4, 5, 3), (6, 10, 7)), 0.66, 1),
        ("service_level_20s", waits(*[0] * 17, 1, 2, 3), 0.85, 20),
        ("first_reply_within_10m", first_replies(1, 5, 10, 11), 0.75, 4),
        ("first_reply_within_1h", first_replies(1, 5, 10, 11), 1, 4),
        ("first_reply_time", over_a_weekend(), 66 * 3_600, 1),
        ("first_reply_time_business", over_a_weekend(), 2 * 3_600, 1),
    ],
    ids=[
        *("71.43 %", "60 %", "NPS 60", "2.5 min", "2 days"),
        *("CES 1.75", "66 %", "85 % in 20 s", "3 of 4 in 10 min", "all in 1 h"),
        *("66 h", "2 h"),
    ],
)
def test_worked_figure(metric: str, events: Sequence[Any], value: float, n: int) -> None:
    rollups = oracle(CONFIG, log(events, timestamp_ms=LOG_MS), now_ms=LOG_MS).rollups
    data = [orjson.loads(one.value or b"")["data"] for one in rollups]
    found = [one for one in data if one["metric"] == metric and one["window_seconds"] == 86_400]
    (figure,) = found
    assert (figure["value"], figure["n"]) == (pytest.approx(value, abs=1e-12), n)
    assert figure["status"] == "final"
