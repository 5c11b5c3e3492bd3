"""The audit finds an answer that was lost, doubled or changed between its ticket and its customer, and nothing else."""

from collections.abc import Callable, Sequence

import msgspec

from schemas import events as ev
from stream.core.answers import AnswerBatch, AnswerSaid, decode_answers
from stream.core.audit import Audit, audit
from stream.core.config import DAY_MS, HOUR_MS, CoreConfig
from stream.core.partitioner import murmur2_partition
from stream.metrics import selected
from tests.support.histories import START_MS, History, make
from tests.support.log import log
from tests.support.pipeline import Pipeline

CONFIG = CoreConfig(
    clock="event",
    source_partitions=2,
    delta_partitions=1,
    metrics=("csat", "csat_change"),
    customers=True,
    answers=True,
    groupings=((), ("team",)),
    rollup_windows_ms=(HOUR_MS, DAY_MS),
    horizons_ms={HOUR_MS: 7 * DAY_MS, DAY_MS: 7 * DAY_MS},
)
PEOPLE = ("c-1", "c-2", "c-3", "c-4")
Answers = list[AnswerSaid]


def _answers(begins_ms: int, score: int) -> History:
    """One answer of each customer, each on a ticket of its own."""
    return [
        (
            "surveys",
            make(
                ev.SurveyAnswered,
                begins_ms + number * HOUR_MS,
                ticket_id=f"t-{number}-{score}",
                survey_id="s",
                kind="csat",
                scale=ev.Scale(min=1, max=5),
                score=score,
                revision=0,
                customer_id=customer,
            ),
        )
        for number, customer in enumerate(PEOPLE)
    ]


def _clock(at_ms: int) -> History:
    return [
        (topic, make(kind, at_ms, **{id_name: f"x-{number}"}, **data))
        for number in range(6)
        for topic, kind, id_name, data in (
            ("tickets", ev.TicketStatusChanged, "ticket_id", {"status": "solved"}),
            ("replies", ev.ReplyRetracted, "ticket_id", {"reply_id": "r", "reason": "deleted"}),
            ("surveys", ev.SurveyExpired, "ticket_id", {"survey_id": "none"}),
            ("customers", ev.CustomerLeft, "customer_id", {}),
        )
    ]


def _run(change: Callable[[Answers], Answers], *, later_ms: int = DAY_MS) -> Audit:
    """Two answers of each customer, the first of which are changed on their way to their customers; then the audit."""
    pipeline = Pipeline(CONFIG)
    told = [*_answers(START_MS, 2), *_answers(START_MS + DAY_MS, 5), *_clock(START_MS + later_ms)]
    records = log(told, partitions=2, timestamp_ms=START_MS + 400 * DAY_MS)
    pipeline.feed(records[: len(PEOPLE)])
    pipeline.commit_tickets(hear=0)
    for said in pipeline.answers:
        for number, record in enumerate(said):
            batch = decode_answers(record.value, "", 1)
            said[number] = record._replace(value=_encode(batch, change(batch.answers)))
    pipeline.feed(records[len(PEOPLE) :])
    for _ in range(2):
        pipeline.commit_tickets()
        pipeline.commit_windows()
    return audit(
        CONFIG,
        selected(CONFIG),
        pipeline.facts(),
        pipeline.changelogs[CONFIG.feeds :],
        [len(deltas) for deltas in pipeline.deltas],
        [len(answers) for answers in pipeline.answers],
    )


def _encode(batch: AnswerBatch, answers: Answers) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(batch, answers=answers))


def _of(answers: Sequence[AnswerSaid], customer: str) -> Answers:
    return [one for one in answers if one.customer == customer]


def test_what_arrives_as_it_was_said_is_no_difference() -> None:
    found = _run(lambda answers: answers)
    assert (found.answers, found.wrong_answers, found.differences) == (8, [], [])


def test_a_lost_answer_is_found_and_nothing_else() -> None:
    lost: Answers = []

    def lose(answers: Answers) -> Answers:
        lost.extend(_of(answers, "c-2"))
        return [one for one in answers if one.customer != "c-2"]

    found = _run(lose)
    assert found.differences == [], "no sum says it: it was never counted"
    [answer], [wrong] = lost, found.wrong_answers
    assert (wrong.key, wrong.tenant, wrong.extra) == (answer.key, "acme", ())
    assert wrong.partition == murmur2_partition(b"c-2", 2)
    [missing] = wrong.missing
    assert (missing.at, missing.score) == (answer.at, 2)


def test_a_doubled_answer_is_found_and_nothing_else() -> None:
    doubled: Answers = []
    here = murmur2_partition(b"c-3", 2)
    other = next(one for one in PEOPLE if one != "c-3" and murmur2_partition(one.encode(), 2) == here)

    def double(answers: Answers) -> Answers:
        doubled.extend(_of(answers, "c-3"))
        return [*answers, *(msgspec.structs.replace(one, customer=other) for one in _of(answers, "c-3"))]

    found = _run(double)
    assert found.differences == []
    [answer], [wrong] = doubled, found.wrong_answers
    assert (wrong.key, wrong.missing, len(wrong.extra)) == (answer.key, (), 1)
    assert wrong.partition == here


def test_an_answer_that_arrived_as_another_one_is_found_and_nothing_else() -> None:
    def change(answers: Answers) -> Answers:
        return [msgspec.structs.replace(one, score=4) if one.customer == "c-1" else one for one in answers]

    found = _run(change)
    assert found.differences == []
    [wrong] = found.wrong_answers
    assert ([one.score for one in wrong.missing], [one.score for one in wrong.extra]) == ([2], [4])


def test_a_word_that_is_said_twice_is_no_difference() -> None:
    found = _run(lambda answers: answers * 2)
    assert found.wrong_answers == []


def test_what_either_side_may_have_forgotten_is_left_out() -> None:
    def lose(answers: Answers) -> Answers:
        return []

    assert len(_run(lose, later_ms=90 * DAY_MS).wrong_answers) == 4
    found = _run(lose, later_ms=91 * DAY_MS)
    assert (found.answers, found.wrong_answers) == (4, [])
