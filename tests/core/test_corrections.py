"""A correction changes exactly the windows that it belongs to: as revised, with the next revision, in the gauges and in the alerts."""

from typing import Any

import orjson
import pytest

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, AlertRule, CoreConfig
from stream.core.event_time import parse_time_ms
from stream.core.record import Output, SourceRecord
from tests.support.core import oracle
from tests.support.histories import START_MS, History, make
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline, stable

MINUTE = 60_000
LATER_MS = START_MS + 20 * HOUR_MS
"""When corrections come: every window of the story has closed, and a running day still holds it."""
CONFIG = CoreConfig(
    clock="event",
    source_partitions=2,
    delta_partitions=2,
    metrics=(
        "csat",
        "survey_response",
        "first_reply_time",
        "reply_time",
        "full_resolution_time",
        "reopened",
        "live",
    ),
    groupings=((), ("team",)),
    rollup_windows_ms=(5 * MINUTE, HOUR_MS, DAY_MS),
    horizons_ms={5 * MINUTE: 35 * DAY_MS, HOUR_MS: 35 * DAY_MS, DAY_MS: 35 * DAY_MS},
    alerts=(AlertRule(name="unhappy", metric="csat", threshold=0.9, min_n=1),),
)
FIVE = ev.Scale(min=1, max=5)


def ticket(ticket_id: str, team: str, begins_ms: int) -> History:
    """Asked, answered twice, solved and rated with the best score."""
    told: list[tuple[type[ev.Event], int, dict[str, Any]]] = [
        (ev.TicketCreated, 0, {"channel": "email", "team": team, "created_by": "customer"}),
        (ev.ReplyAdded, 11, {"reply_id": "r-1", "author": "agent", "public": True}),
        (ev.ReplyAdded, 30, {"reply_id": "r-2", "author": "customer", "public": True}),
        (ev.ReplyAdded, 47, {"reply_id": "r-3", "author": "agent", "public": True}),
        (ev.TicketStatusChanged, 60, {"status": "solved"}),
        (ev.SurveySent, 61, {"survey_id": "s-1", "kind": "csat", "scale": FIVE}),
        (
            ev.SurveyAnswered,
            90,
            {"survey_id": "s-1", "kind": "csat", "scale": FIVE, "score": 5, "revision": 0},
        ),
    ]
    return [
        (ev.TOPIC_OF[kind], make(kind, begins_ms + minutes * MINUTE, ticket_id=ticket_id, **data))
        for kind, minutes, data in told
    ]


def one(kind: type[ev.Event], after_ms: int = 0, /, **data: Any) -> tuple[str, ev.Event]:
    return ev.TOPIC_OF[kind], make(kind, LATER_MS + after_ms, ticket_id="t-1", **data)


def clock(at_ms: int) -> History:
    """Event time goes on in every partition and topic, and nothing else happens."""
    return [
        (topic, make(kind, at_ms, ticket_id=f"clock-{number}", **data))
        for number in range(8)
        for topic, kind, data in (
            ("tickets", ev.TicketAssigned, {"agent_id": "a"}),
            ("replies", ev.ReplyAdded, {"reply_id": "r", "author": "system", "public": False}),
            ("surveys", ev.SurveyExpired, {"survey_id": "s"}),
        )
    ]


STORY = [
    *ticket("t-1", "billing", START_MS),
    *ticket("t-2", "billing", START_MS),
    *ticket("t-3", "returns", START_MS + 3 * HOUR_MS),
    *clock(LATER_MS),
]
RERATED = one(ev.SurveyAnswered, survey_id="s-1", kind="csat", scale=FIVE, score=1, revision=1)
CORRECTIONS: dict[str, History] = {
    "a survey is re-rated": [RERATED],
    "a survey is retracted": [one(ev.SurveyRetracted, survey_id="s-1")],
    "a reply is retracted": [one(ev.ReplyRetracted, reply_id="r-1", reason="deleted")],
    "a reply is made private": [one(ev.ReplyRetracted, reply_id="r-3", reason="made_private")],
    "a ticket is merged": [one(ev.TicketMerged, into_ticket_id="t-2")],
    "a ticket is deleted": [one(ev.TicketDeleted, reason="spam")],
    "a ticket is deleted and restored": [one(ev.TicketDeleted), one(ev.TicketRestored, 1)],
    "a ticket is reopened": [
        one(ev.TicketStatusChanged, status="open"),
        one(ev.ReplyAdded, 1, reply_id="r-9", author="customer", public=True),
    ],
}


class Walk:
    """The story, then a correction, with what each published."""

    def __init__(self, correction: History) -> None:
        records = log([*STORY, *correction], partitions=2, timestamp_ms=START_MS + 40 * DAY_MS)
        self.before, self.after = records[: len(STORY)], records[len(STORY) :]
        self.pipeline = Pipeline(CONFIG)
        self.commit(self.before)
        self.published = {rollup.key: _data(rollup) for rollup in self.pipeline.rollups}
        self.revised = self.commit(self.after)

    def commit(self, records: list[SourceRecord]) -> dict[bytes | None, dict[str, Any]]:
        """Rollups of one commit of everybody."""
        start = len(self.pipeline.rollups)
        self.pipeline.feed(records)
        self.pipeline.commit_tickets()
        self.pipeline.commit_windows()
        rollups = self.pipeline.rollups[start:]
        found = {rollup.key: _data(rollup) for rollup in rollups}
        assert len(found) == len(rollups), "each once"
        return found


def _data(rollup: Output) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(rollup.value or b"")["data"]
    return found


def _fold(records: list[SourceRecord]) -> dict[bytes, dict[str, Any]]:
    return stable(oracle(CONFIG, records, now_ms=NOW_MS).rollups)


@pytest.mark.parametrize("name", CORRECTIONS)
def test_the_windows_that_it_belongs_to_are_revised_and_no_others(name: str) -> None:
    walk = Walk(CORRECTIONS[name])
    right, was = _fold([*walk.before, *walk.after]), _fold(walk.before)
    changed = {key for key in right.keys() | was.keys() if right.get(key) != was.get(key)}
    assert walk.revised.keys() == changed
    closed = [key for key in changed if _ends_ms(key) < LATER_MS]
    assert bool(closed) == (name != "a ticket is deleted and restored")
    for key in closed:
        found, before = walk.revised[key], walk.published.get(key)
        if before is not None:
            assert (before["status"], found["status"]) == ("final", "revised")
            assert found["revision"] == before["revision"] + 1
        assert {field: found[field] for field in ("n", "value")} == (
            {field: right[key][field] for field in ("n", "value")}
            if key in right
            else {"n": 0, "value": None}
        )


def _ends_ms(key: bytes) -> int:
    *_, start, seconds = key.decode().split("/")
    start_ms = parse_time_ms(start)
    assert start_ms is not None
    return start_ms + int(seconds) * 1000


@pytest.mark.parametrize("name", CORRECTIONS)
def test_the_gauges_are_those_of_a_stream_that_was_right_from_the_start(name: str) -> None:
    walk = Walk(CORRECTIONS[name])
    whole = Pipeline(CONFIG)
    whole.feed([*walk.before, *walk.after])
    whole.commit_tickets()
    whole.commit_windows()
    for corrected, right in zip(walk.pipeline.windows, whole.windows, strict=True):
        assert corrected.snapshot.segments == right.snapshot.segments


def test_alerts_fire_and_are_resolved_by_corrections() -> None:
    """Judged at the next end of a pane: event time has to go on."""
    good_again = one(ev.SurveyRetracted, 2 * HOUR_MS, survey_id="s-1")
    later = [clock(LATER_MS + hours * HOUR_MS) for hours in (1, 2, 3)]
    parts = [STORY, later[0], [RERATED], later[1], [good_again], later[2]]
    records = iter(
        log([one for part in parts for one in part], partitions=2, timestamp_ms=START_MS + 40 * DAY_MS)
    )
    pipeline = Pipeline(CONFIG)
    states = []
    for part in parts:
        pipeline.feed([next(records) for _ in part])
        pipeline.commit_tickets()
        pipeline.commit_windows()
        told = {alert.key: orjson.loads(alert.value or b"")["data"] for alert in pipeline.alerts}
        states.append([(data["state"], data["value"]) for data in told.values()])
    fired, resolved = [("firing", 2 / 3)], [("resolved", 1.0)]
    assert states == [[], [], [], fired, fired, resolved]
    assert not any(alert.firing for shard in pipeline.windows for alert in shard.snapshot.alerts)
