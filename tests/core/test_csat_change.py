"""csat_change follows a customer across tickets and partitions: whatever happens on the way, it is what the answers come to."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.answers import AnswerBatch, AnswerSaid, Heard, answers_of, decode_answers
from stream.core.audit import AuditError, audit
from stream.core.config import DAY_MS, HOUR_MS, PAIR_WITHIN_MS, CoreConfig
from stream.core.customer import Customer, decode_customer, encode_customer
from stream.core.customers_shard import CustomersShard
from stream.core.event_time import parse_time_ms
from stream.core.fact import DELETIONS, SCALES
from stream.core.pane import FOREVER
from stream.core.partitioner import murmur2_partition
from stream.core.progress import SourceProgress
from stream.core.state_shape import GenerationError
from stream.core.tally import DamagedRowError
from stream.core.ticket import Ticket
from stream.metrics import selected
from tests.support.core import oracle
from tests.support.histories import START_MS, History, arrivals, histories, make, time_of
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline, stable

CONFIG = CoreConfig(
    clock="event",
    metrics=("csat", "csat_change"),
    customers=True,
    answers=True,
    groupings=((), ("team",), ("location",)),
    segment_labels=("location",),
    rollup_windows_ms=(HOUR_MS, DAY_MS),
    horizons_ms={HOUR_MS: FOREVER, DAY_MS: FOREVER},
)
LOG_MS = START_MS + 400 * DAY_MS
FIVE = ev.Scale(min=1, max=5)


def _several(data: st.DataObject) -> tuple[History, History]:
    told: History = []
    arrived: History = []
    for number in range(data.draw(st.integers(1, 4))):
        history = data.draw(histories(ticket_id=f"t-{number}"))
        told += history
        arrived += data.draw(arrivals(history))
    told.sort(key=lambda one: (time_of(one[1]), one[1].sequence or "", one[1].id))
    return told, data.draw(st.permutations(arrived))


def _figures(pipeline_or_rollups: Any) -> dict[bytes, dict[str, Any]]:
    return {key: one for key, one in stable(pipeline_or_rollups).items() if one["n"] or one["excluded"]}


def _day_by_day(told: History) -> dict[str, tuple[int, float, dict[str, int]]]:
    """Day -> (pairs, sum of changes, left out by reason) by a plain reading of the definition over whole tickets."""
    tickets: dict[str, Ticket] = defaultdict(Ticket)
    for _, event in told:
        tickets[event.data.ticket_id].merge(time_of(event), event)  # type: ignore[attr-defined]
    answers: dict[str, list[tuple[int, float]]] = defaultdict(list)
    left_out: dict[str, Counter[str]] = defaultdict(Counter)
    for ticket in tickets.values():
        for survey in ticket.surveys:
            answer = survey.answer
            if answer is None or answer.kind or survey.withdrawn:
                continue
            sent = survey.sent.customer if survey.sent else None
            customer = answer.customer or sent or (ticket.creation.requester if ticket.creation else None)
            at = ticket.base_ms + (survey.first_at or 0)
            if not customer:
                continue
            if ticket.gone or answer.score is None:
                left_out[str(at // DAY_MS)][_gone(ticket) if ticket.gone else "no_score"] += 1
                continue
            low, high = SCALES[answer.scale]
            answers[customer].append((at, (answer.score - low) / (high - low)))
    sums: dict[str, tuple[int, float]] = {}
    for scores in answers.values():
        scores.sort()
        left_out[str(scores[0][0] // DAY_MS)]["no_recent_answer"] += 1
        for before, after in pairwise(scores):
            day = str(after[0] // DAY_MS)
            n, total = sums.get(day, (0, 0.0))
            sums[day] = n + 1, total + after[1] - before[1]
    days = sums.keys() | left_out.keys()
    return {day: (*sums.get(day, (0, 0.0)), dict(left_out[day])) for day in days}


def _gone(ticket: Ticket) -> str:
    rare = ticket.rare
    if rare is None or rare.merged is not None or rare.deletion is None:
        return "merged"
    return "spam" if rare.deletion.kind == DELETIONS["spam"] else "deleted"


def _ties(told: History) -> bool:
    """Whether two surveys were first answered in one millisecond: which of them is the previous one is then anybody's guess."""
    at = [time_of(event) for _, event in told if isinstance(event, ev.SurveyAnswered)]
    return len(set(at)) != len(at)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_the_fold_is_a_plain_reading_of_the_definition(data: st.DataObject) -> None:
    told, arrived = _several(data)
    if _ties(told):
        return
    rollups = _figures(oracle(CONFIG, log(arrived, timestamp_ms=LOG_MS), now_ms=NOW_MS).rollups)
    found = {
        str(_day(key)): (one["n"], (one["value"] or 0) * one["n"], one["excluded"])
        for key, one in rollups.items()
        if one["metric"] == "csat_change" and one["window_seconds"] == 86400
        if one["segment"] == {"tenant": "acme"}
    }
    expected = _day_by_day(told)
    assert found.keys() == expected.keys()
    for day, (n, total, left_out) in expected.items():
        assert found[day] == (n, pytest.approx(total), left_out)


def _day(key: bytes) -> int:
    start = parse_time_ms(key.decode().split("/")[3])
    assert start is not None
    return start // DAY_MS


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_arrival_cut_into_any_commits_with_restarts_is_the_fold_in_order(data: st.DataObject) -> None:
    told, arrived = _several(data)
    config = msgspec.structs.replace(
        CONFIG,
        source_partitions=data.draw(st.integers(1, 3)),
        delta_partitions=data.draw(st.integers(1, 2)),
    )
    records = log(arrived, partitions=config.source_partitions, timestamp_ms=LOG_MS)
    pipeline = Pipeline(config)
    start = 0
    while start < len(records):
        end = start + data.draw(st.integers(1, 12))
        pipeline.feed(records[start:end])
        start = end
        steps = data.draw(st.sets(st.sampled_from(("tickets", "windows", "restart"))))
        if steps & {"tickets", "restart"}:
            pipeline.commit_tickets(hear=data.draw(st.integers(0, 2)))
        if "windows" in steps:
            pipeline.commit_windows()
        if "restart" in steps:
            pipeline.restart()
    pipeline.close()
    expected = oracle(config, log(told, timestamp_ms=LOG_MS), now_ms=NOW_MS)
    assert _figures(pipeline.rollups) == _figures(expected.rollups)
    _audited(pipeline)


def _audited(pipeline: Pipeline) -> None:
    config = pipeline.config
    found = audit(
        config,
        selected(config),
        pipeline.facts(),
        pipeline.changelogs[config.feeds :],
        [len(deltas) for deltas in pipeline.deltas],
        [len(answers) for answers in pipeline.answers],
    )
    assert found.differences == []
    assert found.wrong_answers == []


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_chosen_dropped_and_chosen_again_it_ends_as_if_it_had_always_been_there(
    data: st.DataObject,
) -> None:
    told, arrived = _several(data)
    records = log(arrived, partitions=2, timestamp_ms=LOG_MS)
    first = msgspec.structs.replace(CONFIG, source_partitions=2, delta_partitions=1)
    without = msgspec.structs.replace(
        first, metrics=("csat", "referral_rate"), answers=False, customers=data.draw(st.booleans())
    )
    if not without.customers:
        without = msgspec.structs.replace(without, metrics=("csat",))
    cuts = sorted(data.draw(st.integers(0, len(records))) for _ in range(2))
    pipeline = Pipeline(first if data.draw(st.booleans()) else without)
    parts = (records[: cuts[0]], records[cuts[0] : cuts[1]], records[cuts[1] :])
    for number, (part, config) in enumerate(zip(parts, (None, without, first), strict=True)):
        if config is not None:
            pipeline.change(msgspec.structs.replace(config, generation=number + 1))
            if data.draw(st.booleans()):
                pipeline.build()
        pipeline.feed(part)
        pipeline.commit_tickets(hear=data.draw(st.integers(0, 2)))
        pipeline.commit_windows()
        if config is None and data.draw(st.booleans()):
            pipeline.restart()
    if pipeline.building():
        pipeline.build()
    pipeline.close()
    expected = oracle(first, log(told, timestamp_ms=LOG_MS), now_ms=NOW_MS)
    assert _figures(pipeline.rollups) == _figures(expected.rollups)
    _audited(pipeline)


def _answer(
    hours: float, ticket: str, score: int, *, customer: str = "c-1", revision: int = 0, scale: ev.Scale = FIVE
) -> tuple[str, ev.Event]:
    at = START_MS + int(hours * HOUR_MS)
    fields: dict[str, Any] = {
        "kind": "csat",
        "scale": scale,
        "score": score,
        "revision": revision,
        "customer_id": customer,
    }
    return "surveys", make(ev.SurveyAnswered, at, ticket_id=ticket, survey_id="s", **fields)


def _whole(config: CoreConfig, *told: tuple[str, ev.Event]) -> dict[str, Any]:
    """The figure of the tenant in the day of the start and the one after it, by day."""
    found = oracle(config, log(told, timestamp_ms=LOG_MS), now_ms=NOW_MS).rollups
    return {
        one["window_start"][:10]: (one["n"], one["value"], one["parts"]["better"], one["parts"]["worse"])
        for one in stable(found).values()
        if one["metric"] == "csat_change" and one["window_seconds"] == 86400 and one["n"]
        if one["segment"] == {"tenant": "acme"}
    }


def test_worked_figures() -> None:
    up, down = _answer(0, "a", 2), _answer(1, "b", 5)
    assert _whole(CONFIG, up, down) == {"2026-11-05": (1, 0.75, 1, 0)}
    assert _whole(CONFIG, up, down, _answer(2, "c", 4)) == {"2026-11-05": (2, 0.25, 1, 1)}
    again = _answer(3, "b", 1, revision=1)
    assert _whole(CONFIG, up, down, again) == {"2026-11-05": (1, -0.25, 0, 1)}, "it stays where it was"
    other = _answer(1, "b", 5, customer="c-2")
    assert _whole(CONFIG, up, other) == {}, "two customers are no pair"
    seven = _answer(24, "b", 7, scale=ev.Scale(min=1, max=7))
    assert _whole(CONFIG, up, seven) == {"2026-11-06": (1, 0.75, 1, 0)}, "each by its own scale"
    gone = ("tickets", make(ev.TicketDeleted, START_MS + 9 * HOUR_MS, ticket_id="b"))
    assert _whole(CONFIG, up, down, _answer(2, "c", 4), gone) == {"2026-11-05": (1, 0.5, 1, 0)}, (
        "what was between is gone"
    )


def test_answers_more_than_ninety_days_apart_are_no_pair() -> None:
    days = PAIR_WITHIN_MS / HOUR_MS
    assert [n for n, *_ in _whole(CONFIG, _answer(0, "a", 2), _answer(days, "b", 3)).values()] == [1]
    assert _whole(CONFIG, _answer(0, "a", 2), _answer(days + 1 / 3600, "b", 3)) == {}


SHORT = msgspec.structs.replace(
    CONFIG,
    source_partitions=2,
    delta_partitions=1,
    groupings=((),),
    segment_labels=(),
    rollup_windows_ms=(DAY_MS,),
    horizons_ms={DAY_MS: 2 * DAY_MS},
)


def _changes(pipeline: Pipeline) -> list[tuple[int, float | None, dict[str, int]]]:
    """n, value and what is left out, window by window."""
    found = [one for one in stable(pipeline.rollups).values() if one["metric"] == "csat_change"]
    found.sort(key=lambda one: one["window_start"])
    return [(one["n"], one["value"], one["excluded"]) for one in found]


class Walk:
    """Two partitions, fed step by step, with all topics at one event time."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(SHORT)
        self._offsets = [0, 0]
        self.told: History = []

    def tell(self, hours: float, *told: tuple[str, ev.Event]) -> None:
        """A commit of all stages that ends with something at an hour on every topic and partition."""
        at = START_MS + int(hours * HOUR_MS)
        more: History = list(told)
        for number in range(4):
            more += [
                ("tickets", make(ev.TicketStatusChanged, at, ticket_id=f"x-{number}", status="solved")),
                (
                    "replies",
                    make(ev.ReplyRetracted, at, ticket_id=f"x-{number}", reply_id="r", reason="deleted"),
                ),
                ("surveys", make(ev.SurveyExpired, at, ticket_id=f"x-{number}", survey_id="none")),
                ("customers", make(ev.CustomerLeft, at, customer_id=f"x-{number}")),
            ]
        self.told += more
        records = log(more, partitions=2, timestamp_ms=LOG_MS)
        self.pipeline.feed(
            [one._replace(offset=one.offset + self._offsets[one.partition]) for one in records]
        )
        self._offsets = [offset + 100 for offset in self._offsets]
        self.pipeline.commit_tickets()
        self.pipeline.commit_windows()

    def rows(self, number: int) -> int:
        """Rows of tickets with (0) or customers (1) that are not the walk's own."""
        kept = list(self.pipeline.facts().values())[number]
        return sum(b"x-" not in key and key[:1] != b"\0" for rows in kept for key in rows)


def test_answers_are_kept_as_long_as_a_window_can_need_them_and_no_longer() -> None:
    walk = Walk()
    walk.tell(0, _answer(0, "a", 1))
    for day in range(1, 90):
        walk.tell(24 * day)
    assert (walk.rows(0), walk.rows(1)) == (1, 1)
    walk.tell(24 * 90, _answer(24 * 90 - 1, "b", 3))
    found = _changes(walk.pipeline)
    assert found == [(0, None, {"no_recent_answer": 1}), (1, 0.5, {})]
    for day in range(91, 97):
        walk.tell(24 * day)
        walk.pipeline.restart()
    (key,) = [key for rows in walk.pipeline.facts()["tickets"] for key in rows if b"x-" not in key and key[0]]
    assert key == b"tacme\0b", "nothing in a window that is kept is compared with the older one any more"
    walk.tell(24 * 97, _answer(24 * 97 - 1, "c", 5))
    walk.tell(24 * 97.5)
    (row,) = [
        decode_customer(row, key)
        for rows in walk.pipeline.facts()["customers"]
        for key, row in rows.items()
        if key == b"cacme\0c-1"
    ]
    assert [one.score for one in row.answers] == [3, 5], "and it has left its customer's row"
    walk.pipeline.close()
    assert _changes(walk.pipeline) == [*found, (1, 0.5, {})], "the first pair stands"
    assert all("csat_change" not in shard.too_late for shard in walk.pipeline.tickets)
    _audited(walk.pipeline)


def test_an_answer_that_waits_to_be_heard_holds_its_window_open() -> None:
    pipeline = Pipeline(msgspec.structs.replace(SHORT, source_partitions=1))

    def feed(offset: int, hours: float, *told: tuple[str, ev.Event]) -> None:
        at = START_MS + int(hours * HOUR_MS)
        clock: History = [
            ("tickets", make(ev.TicketStatusChanged, at, ticket_id="x", status="solved")),
            ("replies", make(ev.ReplyRetracted, at, ticket_id="x", reply_id="r", reason="deleted")),
            ("surveys", make(ev.SurveyExpired, at, ticket_id="x", survey_id="none")),
            ("customers", make(ev.CustomerLeft, at, customer_id="x")),
        ]
        records = log([*told, *clock], timestamp_ms=LOG_MS)
        pipeline.feed([one._replace(offset=one.offset + offset) for one in records])

    feed(0, 0, _answer(0, "a", 1))
    pipeline.commit_tickets()
    feed(10, 1, _answer(1, "b", 5))
    pipeline.commit_tickets(hear=0)
    feed(20, 24 * 9)
    for _ in range(3):
        pipeline.commit_tickets(hear=0)
        pipeline.commit_windows()
    assert pipeline.windows[0].watermark_ms < START_MS + HOUR_MS
    pipeline.restart()
    pipeline.commit_tickets()
    pipeline.commit_windows()
    pipeline.close()
    assert _changes(pipeline) == [(1, 1.0, {"no_recent_answer": 1})]
    assert pipeline.windows[0].watermark_ms > START_MS + 24 * 8 * HOUR_MS


def test_nothing_is_said_twice_where_nobody_asks_for_it() -> None:
    config = msgspec.structs.replace(CONFIG, metrics=("csat",), customers=False, answers=False)
    pipeline = Pipeline(config)
    pipeline.feed(log([_answer(0, "a", 1)], partitions=4, timestamp_ms=LOG_MS))
    pipeline.commit_tickets()
    assert pipeline.answers == [[], [], [], []]


def _ends(shard: CustomersShard) -> bool:
    return shard.closed


def test_the_end_waits_for_the_last_partition_of_tickets() -> None:
    config = msgspec.structs.replace(SHORT, generation=3)
    shard = CustomersShard(config, 0, selected(config))
    shard.ready()
    shard.close_input()
    assert _ends(shard) is False
    encode = msgspec.msgpack.encode
    bare = AnswerBatch(3, 0, 5_000, False, True, True, -1, [])

    def hear(offset: int, batch: AnswerBatch) -> None:
        topic = config.topics.answers
        record = log([_answer(0, "a", 1)], timestamp_ms=LOG_MS)[0]._replace(
            topic=topic, offset=offset, value=encode(batch)
        )
        shard.apply(topic, [record], offset + 1, NOW_MS)

    hear(0, bare)
    assert _ends(shard) is False
    assert shard.building == "generation 3: the answers of 1 partitions of tickets are to come"
    hear(1, msgspec.structs.replace(bare, source_partition=1, complete=False))
    assert _ends(shard) is True
    hear(2, msgspec.structs.replace(bare, source_partition=1))
    assert not shard.building
    with pytest.raises(
        GenerationError, match="answers partition 0 offset 3 holds generation 4, this worker has 3"
    ):
        hear(3, msgspec.structs.replace(bare, generation=4))


def test_damage_is_named() -> None:
    with pytest.raises(DamagedRowError, match="there is no record of answers"):
        decode_answers(b"\xc1", "there", 1)


def _holding(heard: Heard) -> int | None:
    return heard.holding_ms


def test_who_is_idle_or_closed_holds_nothing_back() -> None:
    heard = Heard(SHORT, {0: SourceProgress(9, idle=True)})
    assert _holding(heard) == -1, "the other one is still to be heard"
    heard.take(AnswerBatch(1, 1, 4, False, False, True, -1, []))
    assert _holding(heard) == 4
    heard.take(AnswerBatch(1, 1, 4, False, True, True, -1, []))
    assert _holding(heard) is None
    assert Heard(msgspec.structs.replace(SHORT, answers=False), {}).closed


def test_surveys_about_no_ticket_are_their_customers() -> None:
    ticket = Ticket()
    event = make(
        ev.SurveyAnswered,
        START_MS,
        ticket_id=None,
        customer_id="c-9",
        survey_id="s",
        kind="csat",
        scale=FIVE,
        score=1,
        revision=0,
    )
    ticket.merge(START_MS, event)
    (said,) = answers_of(ticket, b"cacme\0c-9", CONFIG)
    assert (said.customer, said.tenant, said.at) == ("c-9", "acme", START_MS)


def test_the_last_word_stands_and_a_row_says_all_of_it() -> None:
    said = AnswerSaid("acme", "c-1", b"12345", START_MS, 0, 1, (None,) * 4, 1)
    customer = Customer()
    assert customer.take_in(said)
    assert not customer.take_in(said)
    assert customer.take_in(msgspec.structs.replace(said, score=0))
    assert decode_customer(encode_customer(customer), b"cacme\0c-1") == customer
    assert customer.take_in(msgspec.structs.replace(said, gone=2))
    assert decode_customer(encode_customer(customer), b"cacme\0c-1") == customer
    assert [one.gone for one in customer.answers] == [2]
    assert customer.take_in(msgspec.structs.replace(said, stands=False))
    assert not customer.take_in(msgspec.structs.replace(said, stands=False))
    assert customer.answers == []


def test_words_and_rows_of_before_there_was_a_reason_are_of_tickets_that_are_not_gone() -> None:
    encode = msgspec.msgpack.encode
    said = AnswerSaid("acme", "c-1", b"12345", START_MS, 0, 1, (None,) * 4, 1)
    old = encode(
        [
            *msgspec.structs.astuple(AnswerBatch(1, 0, 1, False, False, True, -1, []))[:-1],
            [msgspec.structs.astuple(said)[:-1]],
        ]
    )
    assert decode_answers(old, "there", 1).answers == [said]
    customer = Customer()
    customer.take_in(said)
    fields = msgspec.msgpack.decode(encode_customer(customer))
    fields[-1][0] = fields[-1][0][:-1]
    assert decode_customer(encode(fields), b"cacme\0c-1") == customer


def test_an_audit_waits_for_answers_that_nobody_has_heard() -> None:
    walk = Walk()
    walk.tell(0, _answer(0, "a", 1))
    walk.pipeline.answers[murmur2_partition(b"c-1", 2)].append(walk.pipeline.answers[0][0])
    with pytest.raises(
        AuditError, match=r"customers partition . has taken in contact-centre-stream-answers up to"
    ):
        _audited(walk.pipeline)
