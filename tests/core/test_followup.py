"""Follow-ups: open exactly while a bad answer stands, by the facts and not by how they were told."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.followup import followups
from stream.core.record import Output
from stream.core.ticket import decode_ticket
from stream.core.tickets_shard import SETTLE_AT
from tests.support.core import oracle
from tests.support.histories import START_MS, History, arrivals, histories, make, time_of
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline

CONFIG = CoreConfig(clock="event", horizons_ms={MINUTE_MS: -1, HOUR_MS: -1, DAY_MS: -1})
LOG_MS = START_MS + 40 * DAY_MS
ONE_TO_FIVE = ev.Scale(min=1, max=5)
ONE_TO_SEVEN = ev.Scale(min=1, max=7)


def latest(outputs: Sequence[Output]) -> dict[bytes, dict[str, Any]]:
    """Key -> data as a compacted topic has it."""
    return {output.key or b"": orjson.loads(output.value or b"")["data"] for output in outputs}


def still_open(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    return [data for data in latest(outputs).values() if data["open"]]


def created(**data: Any) -> tuple[str, ev.Event]:
    return "tickets", make(ev.TicketCreated, START_MS, channel="chat", team="billing", **data)


def answered(minute: int, revision: int = 0, **data: Any) -> tuple[str, ev.Event]:
    fields: dict[str, Any] = {"survey_id": "s-1", "kind": "csat", "revision": revision, **data}
    return "surveys", make(ev.SurveyAnswered, START_MS + minute * MINUTE_MS, **fields)


def rated(minute: int, score: int, revision: int = 0) -> tuple[str, ev.Event]:
    return answered(minute, revision, score=score, scale=ONE_TO_FIVE)


def told(*histories: History) -> list[list[dict[str, Any]]]:
    """What each part of a history publishes, one commit per part."""
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    every = log([pair for history in histories for pair in history], timestamp_ms=LOG_MS)
    found = []
    for history in histories:
        pipeline.feed(every[: len(history)])
        every = every[len(history) :]
        before = len(pipeline.followups)
        pipeline.commit_tickets()
        found.append([orjson.loads(one.value or b"")["data"] for one in pipeline.followups[before:]])
        pipeline.restart()
    return found


def test_a_bad_answer_opens_one_and_a_better_one_withdraws_it() -> None:
    opened, again, withdrawn = told([created(), rated(5, 1)], [rated(5, 1)], [rated(9, 5, 1)])
    assert opened == [
        {
            "tenant": "acme",
            "survey_id": "s-1",
            "open": True,
            "answered_at": "2026-11-05T12:05:00.000Z",
            "kind": "csat",
            "scale": {"min": 1, "max": 5},
            "ticket_id": "4711",
            "score": 1,
            "team": "billing",
        }
    ]
    assert again == []
    assert withdrawn == [{**opened[0], "open": False}]


def test_what_opens_and_closes_within_one_commit_is_not_worth_a_word() -> None:
    assert told([created(), rated(5, 1), rated(6, 5, 1)], [rated(7, 2, 2), rated(8, 4, 3)]) == [[], []]


def test_however_much_a_commit_has_between_the_two() -> None:
    """A large commit says of its tickets in several steps what has changed; what counts is what the last commit published."""
    others = [
        ("tickets", make(ev.TicketCreated, START_MS, ticket_id=f"other-{number}", channel="chat"))
        for number in range(SETTLE_AT)
    ]
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    steps = [[created(), rated(5, 1)], [rated(6, 5, 1)], [rated(7, 2, 2)], [rated(8, 5, 3), rated(9, 2, 4)]]
    records = log([pair for step in steps for pair in (*step, *others)], timestamp_ms=LOG_MS)
    told_by_step = []
    for number, step in enumerate(steps):
        for part in (step, others):  # all the others are enough to say what has changed so far
            pipeline.feed(records[: len(part)])
            records = records[len(part) :]
        if number % 2:
            pipeline.commit_tickets()
            told_by_step.append([orjson.loads(one.value or b"")["data"] for one in pipeline.followups])
            pipeline.followups.clear()
    assert [[(data["open"], data["score"]) for data in told] for told in told_by_step] == [[], [(True, 2)]]


@pytest.mark.parametrize(
    "gone",
    [
        ("surveys", make(ev.SurveyRetracted, START_MS + HOUR_MS, survey_id="s-1")),
        ("tickets", make(ev.TicketDeleted, START_MS + HOUR_MS)),
        ("tickets", make(ev.TicketMerged, START_MS + HOUR_MS, into_ticket_id="1")),
    ],
    ids=["retracted", "deleted", "merged"],
)
def test_it_is_withdrawn_when_the_answer_or_its_ticket_is_gone(gone: tuple[str, ev.Event]) -> None:
    opened, withdrawn = told([created(), rated(5, 2)], [gone])
    assert withdrawn == [{**opened[0], "open": False}]


def test_a_restored_ticket_opens_it_again() -> None:
    deleted = ("tickets", make(ev.TicketDeleted, START_MS + HOUR_MS))
    restored = ("tickets", make(ev.TicketRestored, START_MS + 2 * HOUR_MS))
    opened, _, again = told([created(), rated(5, 2)], [deleted], [restored])
    assert again == opened


def test_what_is_open_is_not_said_again_when_another_survey_of_the_ticket_opens_one() -> None:
    _, second = told([created(), rated(5, 1)], [answered(6, survey_id="s-2", label="bad")])
    assert [data["survey_id"] for data in second] == ["s-2"]


def test_who_held_the_ticket_is_told_again_when_it_becomes_known() -> None:
    first, second = told([rated(5, 1)], [created()])
    assert "team" not in first[0]
    assert second == [{**first[0], "team": "billing"}]


@pytest.mark.parametrize(
    ("answer", "bad"),
    [
        ({"kind": "csat", "score": 2, "scale": ONE_TO_FIVE}, True),
        ({"kind": "csat", "score": 3, "scale": ONE_TO_FIVE}, False),
        ({"kind": "csat", "score": 1, "scale": ev.Scale(min=1, max=2)}, True),
        ({"kind": "csat", "score": 2, "scale": ev.Scale(min=1, max=2)}, False),
        ({"kind": "csat", "score": 0, "scale": ev.Scale(min=0, max=1)}, True),
        ({"kind": "csat", "score": 5, "scale": ev.Scale(min=0, max=10)}, False),
        ({"kind": "csat", "score": 4, "scale": ev.Scale(min=0, max=10)}, True),
        ({"kind": "csat", "label": "bad"}, True),
        ({"kind": "csat", "label": "dissatisfied"}, True),
        ({"kind": "csat", "label": "neutral"}, False),
        ({"kind": "csat", "label": "good"}, False),
        ({"kind": "nps", "score": 6, "scale": ev.Scale(min=0, max=10)}, True),
        ({"kind": "nps", "score": 7, "scale": ev.Scale(min=0, max=10)}, False),
        ({"kind": "nps", "score": 1, "scale": ONE_TO_FIVE}, False),
        ({"kind": "ces", "score": 5, "scale": ONE_TO_SEVEN}, True),
        ({"kind": "ces", "score": 4, "scale": ONE_TO_SEVEN}, False),
        ({"kind": "ces", "score": 3, "scale": ONE_TO_SEVEN}, False),
        ({"kind": "ces", "score": 4, "scale": ONE_TO_FIVE}, True),
    ],
)
def test_what_is_bad(answer: dict[str, Any], bad: bool) -> None:
    (found,) = told([created(), answered(5, **answer)])
    assert bool(found) == bad
    if "label" in answer and bad:
        assert found[0]["label"] == answer["label"]


HIGH_IS_GOOD = msgspec.structs.replace(CONFIG, ces_direction="high_is_good")


@pytest.mark.parametrize(
    ("score", "low_is_good", "high_is_good"), [(7, 1, 0), (4, 0, 0), (3, 0, 1), (1, 0, 1)]
)
def test_which_effort_is_bad_follows_the_direction(score: int, low_is_good: int, high_is_good: int) -> None:
    effort = [created(), answered(5, kind="ces", score=score, scale=ONE_TO_SEVEN)]
    records = log(effort, timestamp_ms=LOG_MS)
    assert len(oracle(CONFIG, records, now_ms=NOW_MS).followups) == low_is_good
    assert len(oracle(HIGH_IS_GOOD, records, now_ms=NOW_MS).followups) == high_is_good


def test_effort_that_is_rated_anew_is_withdrawn_or_opened() -> None:
    def effort(minute: int, score: int, revision: int) -> tuple[str, ev.Event]:
        return answered(minute, revision, kind="ces", score=score, scale=ONE_TO_SEVEN)

    parts = told([created(), effort(5, 2, 0)], [effort(6, 7, 1)], [effort(7, 1, 2)], [effort(8, 6, 3)])
    assert [[(data["open"], data["score"]) for data in part] for part in parts] == [
        [],
        [(True, 7)],
        [(False, 7)],
        [(True, 6)],
    ]


def test_what_is_open_stays_so_when_the_direction_is_turned_round_and_is_withdrawn_with_its_answer() -> None:
    config = msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1)
    pipeline = Pipeline(config)
    retracted = "surveys", make(ev.SurveyRetracted, START_MS + HOUR_MS, survey_id="s-1")
    other = (
        "surveys",
        make(ev.SurveyAnswered, START_MS + HOUR_MS, survey_id="s-2", kind="csat", label="bad", revision=0),
    )
    effort = answered(5, kind="ces", score=7, scale=ONE_TO_SEVEN)
    records = log([created(), effort, other, retracted], timestamp_ms=LOG_MS)
    pipeline.feed(records[:2])
    pipeline.commit_tickets()
    pipeline.change(msgspec.structs.replace(config, generation=2, ces_direction="high_is_good"))
    pipeline.build()
    pipeline.feed(records[2:3])
    pipeline.commit_tickets()
    assert sorted(data["survey_id"] for data in still_open(pipeline.followups)) == ["s-1", "s-2"]
    pipeline.feed(records[3:])
    pipeline.commit_tickets()
    assert [data["survey_id"] for data in still_open(pipeline.followups)] == ["s-2"]


def test_two_tenants_may_share_a_survey_id() -> None:
    pairs = [
        (
            "surveys",
            make(
                ev.SurveyAnswered,
                START_MS,
                tenant=tenant,
                survey_id="s",
                kind="csat",
                revision=0,
                label="bad",
            ),
        )
        for tenant in ("acme", "beta")
    ]
    assert set(latest(oracle(CONFIG, log(pairs, timestamp_ms=LOG_MS), now_ms=NOW_MS).followups)) == {
        b"acme/ticket/4711/s",
        b"beta/ticket/4711/s",
    }


def test_two_tickets_may_share_a_survey_id() -> None:
    pairs = [
        answered(0, ticket_id="a", label="bad"),
        answered(1, ticket_id="a/b", label="bad"),
        answered(2, ticket_id="a", label="good", revision=1),
    ]
    (standing,) = still_open(oracle(CONFIG, log(pairs, timestamp_ms=LOG_MS), now_ms=NOW_MS).followups)
    assert standing["ticket_id"] == "a/b"
    keys = latest(oracle(CONFIG, log(pairs[:2], timestamp_ms=LOG_MS), now_ms=NOW_MS).followups)
    assert set(keys) == {b"acme/ticket/a/s-1", b"acme/ticket/a%2Fb/s-1"}


def test_an_answer_of_no_ticket_names_its_customer() -> None:
    data: dict[str, Any] = {
        "survey_id": "s",
        "kind": "nps",
        "revision": 0,
        "score": 0,
        "scale": ev.Scale(min=0, max=10),
    }
    event = make(ev.SurveyAnswered, START_MS, ticket_id=None, customer_id="c-7", **data)
    (found,) = still_open(
        oracle(CONFIG, log([("surveys", event)], timestamp_ms=LOG_MS), now_ms=NOW_MS).followups
    )
    assert found["customer_id"] == "c-7"
    assert "ticket_id" not in found


def test_who_to_call_back_is_the_requester_where_the_answer_names_nobody() -> None:
    asked = created(requester_id="c-1")
    (first,), (second,) = told([rated(5, 1)], [asked])
    assert ("customer_id" in first, second["customer_id"]) == (False, "c-1")
    ((named,),) = told([asked, answered(5, customer_id="c-2", score=1, scale=ONE_TO_FIVE)])
    assert named["customer_id"] == "c-2"


KEEP_MS = DAY_MS
"""Of the windows below: an answer is too late a day after the end of its hour."""
SHORT = CoreConfig(
    clock="event",
    lateness_ms=0,
    rollup_windows_ms=(HOUR_MS,),
    gauge_windows_ms=(),
    compare_windows_ms=(),
    horizons_ms={HOUR_MS: KEEP_MS},
    alerts=(),
    source_partitions=1,
    delta_partitions=1,
)


def clock(time_ms: int) -> History:
    """Event time goes on, on every topic."""
    return [
        ("tickets", make(ev.TicketCreated, time_ms, ticket_id="clock", channel="email")),
        (
            "replies",
            make(ev.ReplyAdded, time_ms, ticket_id="clock", reply_id="r", author="system", public=False),
        ),
        ("surveys", make(ev.SurveyExpired, time_ms, ticket_id="clock", survey_id="s")),
    ]


class Desk:
    """A pipeline of short horizons, told part after part; what it says in each commit."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(SHORT)
        self._offsets: Counter[tuple[str, int]] = Counter()

    def tell(self, *pairs: tuple[str, ev.Event]) -> list[dict[str, Any]]:
        said = len(self.pipeline.followups)
        records = []
        for one in log(pairs, timestamp_ms=START_MS + 400 * DAY_MS):
            place = one.topic, one.partition
            records.append(one._replace(offset=self._offsets[place]))
            self._offsets[place] += 1
        self.pipeline.feed(records)
        self.pipeline.commit_tickets()
        return [orjson.loads(one.value or b"")["data"] for one in self.pipeline.followups[said:]]

    def later(self, time_ms: int) -> list[dict[str, Any]]:
        """The watermark passes a time; in the second commit it is known to have done so."""
        return [*self.tell(*clock(time_ms)), *self.tell()]


def solved(minute: int) -> tuple[str, ev.Event]:
    return "tickets", make(ev.TicketStatusChanged, START_MS + minute * MINUTE_MS, status="solved")


def retracted(at_ms: int) -> tuple[str, ev.Event]:
    return "surveys", make(ev.SurveyRetracted, at_ms, survey_id="s-1")


LATE_MS = START_MS + 3 * KEEP_MS


@pytest.mark.parametrize(
    "after",
    [
        [retracted(LATE_MS)],
        [
            (
                "surveys",
                make(ev.SurveyAnswered, LATE_MS, survey_id="s-1", kind="csat", revision=1, label="good"),
            )
        ],
        [("tickets", make(ev.TicketDeleted, LATE_MS)), ("tickets", make(ev.TicketRestored, LATE_MS + 1))],
    ],
    ids=["retracted", "re-rated", "deleted and restored"],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_too_late_to_react_to_opens_nothing_and_nothing_is_withdrawn(
    after: History, restarts: bool
) -> None:
    desk = Desk()
    desk.tell(created())
    desk.later(LATE_MS)
    assert desk.tell(rated(5, 1)) == []
    for one in after:
        if restarts:
            desk.pipeline.restart()
        assert desk.tell(one) == []


def test_one_that_came_too_late_and_is_said_again_by_another_event_is_not_withdrawn_either() -> None:
    def said(sequence: str) -> tuple[str, ev.Event]:
        topic, event = rated(5, 1)
        return topic, msgspec.structs.replace(event, id=f"e-{sequence}", sequence=sequence)

    desk = Desk()
    desk.tell(created())
    desk.later(LATE_MS)
    assert desk.tell(said("1")) == []
    assert desk.tell(said("2")) == []
    assert desk.tell(retracted(LATE_MS)) == []


def test_one_that_came_too_late_opens_one_when_it_is_given_again_now() -> None:
    desk = Desk()
    desk.tell(created())
    desk.later(LATE_MS)
    assert desk.tell(rated(5, 1)) == []
    (again,) = desk.tell(rated(3 * 24 * 60 + 5, 2, revision=1))
    assert (again["open"], again["score"]) == (True, 2)


def test_a_ticket_that_is_restored_too_late_does_not_open_it_again() -> None:
    desk = Desk()
    assert len(desk.tell(created(), rated(5, 1))) == 1
    assert [one["open"] for one in desk.tell(("tickets", make(ev.TicketDeleted, START_MS + HOUR_MS)))] == [
        False
    ]
    desk.later(START_MS + KEEP_MS + HOUR_MS + 10 * MINUTE_MS)
    desk.pipeline.restart()
    assert desk.tell(("tickets", make(ev.TicketRestored, START_MS + 2 * HOUR_MS))) == []
    assert desk.tell(retracted(START_MS + 3 * HOUR_MS)) == []


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_forgotten_is_closed_as_expired(restarts: bool) -> None:
    desk = Desk()
    (opened,) = desk.tell(created(), rated(5, 1), solved(6))
    if restarts:
        desk.pipeline.restart()
    assert desk.later(LATE_MS) == [{**opened, "open": False, "expired": True}]
    assert desk.tell(retracted(LATE_MS)) == []
    (again,) = desk.tell(rated(3 * 24 * 60 + 5, 2, revision=1))
    assert (again["open"], again["score"]) == (True, 2)


def test_an_open_ticket_is_not_forgotten_nor_are_its_followups() -> None:
    desk = Desk()
    (opened,) = desk.tell(created(), rated(5, 1))
    assert desk.later(LATE_MS) == []
    assert desk.tell(retracted(LATE_MS)) == [{**opened, "open": False}]


def _ticket(event: ev.Event, ticket_id: str) -> ev.Event:
    return msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, ticket_id=ticket_id))  # type: ignore[attr-defined]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_in_any_history_each_opens_and_is_withdrawn_in_turn_and_what_rows_call_for_is_what_is_open(
    data: st.DataObject,
) -> None:
    """Two tickets that share surveys; event time goes on by days, rows are forgotten, workers restart."""
    told: History = []
    for ticket_id in ("a", "b"):
        told += [(topic, _ticket(event, ticket_id)) for topic, event in data.draw(histories())]
    told = data.draw(st.permutations(told)) if data.draw(st.booleans()) else told
    desk = Desk()
    day = 0
    while told:
        cut = data.draw(st.integers(1, 6))
        desk.tell(*told[:cut])
        told = told[cut:]
        step = data.draw(st.sampled_from([0, 0, 1, 2, 5]))
        if step:
            day += step
            desk.later(START_MS + day * DAY_MS)
        if data.draw(st.booleans()):
            desk.pipeline.restart()
    if data.draw(st.booleans()):
        desk.later(START_MS + 60 * DAY_MS)
    open_now: dict[bytes, dict[str, Any]] = {}
    for output in desk.pipeline.followups:
        key = output.key or b""
        said = orjson.loads(output.value or b"")["data"]
        if said["open"]:
            assert open_now.get(key) != said, "nothing is said twice"
            open_now[key] = said
        else:
            assert key in open_now, "none is withdrawn that is not open"
            del open_now[key]
    (rows,) = desk.pipeline.facts()["tickets"]
    called_for = {
        (ticket_id, one.survey_id, one.score)
        for ticket_id, key in (("a", b"tacme\0a"), ("b", b"tacme\0b"))
        if key in rows
        for one in followups(decode_ticket(rows[key], key), SHORT)
    }
    assert {(one["ticket_id"], one["survey_id"], one.get("score")) for one in open_now.values()} == called_for


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_arrival_with_any_cuts_and_restarts_leaves_open_what_the_fold_in_order_does(
    data: st.DataObject,
) -> None:
    history = data.draw(histories())
    arrived = data.draw(arrivals(history))
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    records = log(arrived, timestamp_ms=LOG_MS)
    start = 0
    while start < len(records):
        end = start + data.draw(st.integers(1, 6))
        pipeline.feed(records[start:end])
        start = end
        if data.draw(st.booleans()):
            pipeline.commit_tickets()
            pipeline.restart()
    pipeline.close()
    in_order = sorted(history, key=lambda pair: time_of(pair[1]))
    expected = oracle(CONFIG, log(in_order, timestamp_ms=LOG_MS), now_ms=NOW_MS).followups
    assert sorted(map(str, still_open(pipeline.followups))) == sorted(map(str, still_open(expected)))
    opened: set[bytes | None] = set()
    for output in pipeline.followups:  # none is withdrawn that was not open
        if orjson.loads(output.value or b"")["data"]["open"]:
            opened.add(output.key)
        else:
            assert output.key in opened
            opened.remove(output.key)
