"""Rows of tickets that are over are deleted when no window can change any more, and not before."""

from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.delta import decode_delta
from stream.core.retention import Retention
from stream.core.ticket import decode_ticket
from stream.core.tickets_meta import UnknownRowError
from stream.core.tickets_shard import TicketsShard
from stream.metrics import selected
from stream.metrics.live import METRIC, UNANSWERED
from tests.support.core import new_tickets, oracle
from tests.support.histories import START_MS, History, histories, make, ticket_of, time_of
from tests.support.log import log
from tests.support.pipeline import Pipeline, stable

KEEP_MS = 35 * DAY_MS
CONFIG = CoreConfig(clock="event", source_partitions=1, delta_partitions=1)
LOG_MS = START_MS + 400 * DAY_MS


def shard_after(history: History, config: CoreConfig = CONFIG) -> TicketsShard:
    shard = new_tickets(config, 0)
    shard.ready()
    feed(shard, history)
    return shard


def feed(shard: TicketsShard, history: History) -> list[tuple[bytes, bytes | None]]:
    """All topics hear of the time that the history ends at, so that the watermark follows; returns the rows of the flush."""
    for record in log(history, timestamp_ms=LOG_MS):
        shard.apply(record.topic, [record], record.offset + 1, LOG_MS)
    shard.tick(LOG_MS, {})
    return shard.flush(LOG_MS).rows


def clock(time_ms: int) -> History:
    """An open ticket and its companions on every topic: event time goes on."""
    return [
        ("tickets", make(ev.TicketCreated, time_ms, ticket_id="clock", channel="email")),
        (
            "replies",
            make(ev.ReplyAdded, time_ms, ticket_id="clock", reply_id="r", author="system", public=False),
        ),
        ("surveys", make(ev.SurveyExpired, time_ms, ticket_id="clock", survey_id="s")),
    ]


SOLVED: History = [
    ("tickets", make(ev.TicketCreated, START_MS, channel="email")),
    ("replies", make(ev.ReplyAdded, START_MS + HOUR_MS, reply_id="r-1", author="agent", public=True)),
    ("tickets", make(ev.TicketStatusChanged, START_MS + 2 * HOUR_MS, status="solved")),
]
KEY = b"tacme\x004711"


def test_a_solved_ticket_goes_when_its_last_window_is_closed_for_good() -> None:
    shard = shard_after(SOLVED)
    feed(shard, clock(START_MS + KEEP_MS))
    assert KEY in shard.rows
    rows = feed(shard, clock(START_MS + KEEP_MS + 3 * DAY_MS))
    assert KEY not in shard.rows
    assert (KEY, None) in rows
    assert shard.forgotten == 1


@pytest.mark.parametrize(
    "open_again",
    [
        ("tickets", make(ev.TicketStatusChanged, START_MS + 3 * HOUR_MS, status="open")),
        ("tickets", make(ev.TicketQueueEntered, START_MS + 3 * HOUR_MS, queue="voice", visit_id="v-1")),
    ],
)
def test_what_is_still_open_stays(open_again: tuple[str, ev.Event]) -> None:
    shard = shard_after([*SOLVED, open_again])
    feed(shard, clock(START_MS + 2 * KEEP_MS))
    assert KEY in shard.rows


def test_a_customer_who_waits_on_a_ticket_never_seen_to_be_created_stays_counted_until_answered() -> None:
    def live(shard: TicketsShard, history: History) -> list[int]:
        """Amounts that the live counts of unanswered tickets change by, per record."""
        for record in log(history, timestamp_ms=LOG_MS):
            shard.apply(record.topic, [record], record.offset + 1, LOG_MS)
        shard.tick(LOG_MS, {})
        deltas = [decode_delta(output.value or b"") for output in shard.flush(LOG_MS).outputs]
        pairs = [pair for delta in deltas for pair in delta.segments.get("tenant=acme", {}).values()]
        unanswered = METRIC.slot(UNANSWERED)
        return [pair[at + 1] for pair in pairs for at in range(0, len(pair), 2) if pair[at] == unanswered]

    waits: History = [
        ("replies", make(ev.ReplyAdded, START_MS, reply_id="r-1", author="customer", public=True))
    ]
    shard = shard_after([])
    assert live(shard, waits) == [1]
    feed(shard, clock(START_MS + KEEP_MS + 3 * DAY_MS))
    answer_ms = START_MS + KEEP_MS + 4 * DAY_MS
    answered: History = [
        ("replies", make(ev.ReplyAdded, answer_ms, reply_id="r-2", author="agent", public=True))
    ]
    assert live(shard, answered) == [-1]
    feed(shard, clock(answer_ms + KEEP_MS + 3 * DAY_MS))
    assert KEY not in shard.rows


def test_one_late_reply_is_one_thing_that_came_too_late() -> None:
    shard = shard_after(clock(START_MS + 2 * KEEP_MS))
    feed(shard, SOLVED[:2])
    assert shard.too_late == {"first_reply_time": 1, "reply_time": 1}


def test_a_later_fact_keeps_it() -> None:
    shard = shard_after(SOLVED)
    feed(shard, [("surveys", make(ev.SurveyExpired, START_MS + 10 * DAY_MS, survey_id="s-1"))])
    feed(shard, clock(START_MS + KEEP_MS + 3 * DAY_MS))
    assert KEY in shard.rows
    feed(shard, clock(START_MS + KEEP_MS + 13 * DAY_MS))
    assert KEY not in shard.rows


def test_without_a_horizon_nothing_is_forgotten() -> None:
    shard = shard_after(
        SOLVED, replace(CONFIG, horizons_ms={MINUTE_MS: 6 * HOUR_MS, HOUR_MS: -1, DAY_MS: -1})
    )
    feed(shard, clock(START_MS + 300 * DAY_MS))
    assert KEY in shard.rows


def test_rows_that_were_loaded_go_as_well() -> None:
    before = shard_after(SOLVED)
    after = new_tickets(CONFIG, 0)
    after.rows.update({key: row for key, row in before.flush(LOG_MS).rows if row is not None})  # the meta row
    after.rows.update(before.rows)
    after.ready()
    feed(after, clock(START_MS + KEEP_MS + 3 * DAY_MS))
    feed(after, clock(START_MS + KEEP_MS + 3 * DAY_MS))
    assert KEY not in after.rows


def test_of_many_rows_that_were_loaded_none_is_overlooked_while_others_go() -> None:
    row = shard_after(SOLVED).rows[KEY]
    open_row = shard_after(SOLVED[:1]).rows[KEY]
    rows = {b"tacme\0%d" % n: open_row if n % 7 == 0 else row for n in range(100)}
    retention = Retention(CONFIG)
    retention.index(rows)
    for _ in range(100):
        for key in retention.take(rows, lambda key, row: decode_ticket(row, key), START_MS + 300 * DAY_MS, 5):
            del rows[key]
    assert set(rows) == {b"tacme\0%d" % n for n in range(0, 100, 7)}


def test_a_loaded_row_that_cannot_be_read_is_named_by_the_flush_that_looks_at_it() -> None:
    before = shard_after(SOLVED)
    after = new_tickets(CONFIG, 0)
    after.rows.update(before.rows)
    after.rows[KEY] = b"\xc1"
    after.ready()
    with pytest.raises(UnknownRowError, match="ticket row of partition 0 cannot be read"):
        feed(after, clock(START_MS + 60_000))


def test_forgetting_changes_no_figure() -> None:
    shard = shard_after(SOLVED)
    shard.apply(CONFIG.topics.tickets, [], 0, LOG_MS)
    for record in log(clock(START_MS + KEEP_MS + 3 * DAY_MS)[1:], timestamp_ms=LOG_MS):
        shard.apply(record.topic, [record], record.offset + 1, LOG_MS)
    shard.tick(LOG_MS, {})
    assert shard.watermark_ms < START_MS + KEEP_MS  # the tickets topic holds it back
    [last] = log(clock(START_MS + KEEP_MS + 3 * DAY_MS)[:1], timestamp_ms=LOG_MS)
    shard.apply(last.topic, [last], 3, LOG_MS)
    shard.tick(LOG_MS, {})
    deltas = [decode_delta(output.value or b"") for output in shard.flush(LOG_MS).outputs]
    assert KEY not in shard.rows
    amounts = [
        pairs[1::2] for delta in deltas for minutes in delta.segments.values() for pairs in minutes.values()
    ]
    assert amounts
    assert all(
        amount > 0 for pair in amounts for amount in pair
    )  # the clock's own ticket, and nothing taken out


@given(histories())
def test_the_latest_fact_is_never_older_than_any_measure_of_it(history: History) -> None:
    ticket = ticket_of([event for _, event in history])
    assert ticket.latest_ms() <= max((time_of(event) for _, event in history), default=0)
    for metric in selected(CONFIG):
        assert all(instant_ms <= ticket.latest_ms() for instant_ms, *_ in metric.measures(ticket, CONFIG))


SILENT_DAYS = 60


def heard_again() -> History:
    """A ticket of billing that is silent for longer than anything is kept, then rated, opened again, answered and solved."""
    history = [
        ("tickets", make(ev.TicketCreated, START_MS, channel="email", team="billing", requester_id="anna")),
        *SOLVED[1:],
    ]
    for day in range(1, SILENT_DAYS + 1):
        history += clock(START_MS + day * DAY_MS)
    later_ms = START_MS + SILENT_DAYS * DAY_MS + HOUR_MS
    scale = ev.Scale(min=1, max=5)
    rated: Any = {"survey_id": "s-1", "kind": "csat", "scale": scale, "score": 5, "revision": 0}
    return [
        *history,
        ("surveys", make(ev.SurveyAnswered, later_ms, **rated)),
        ("tickets", make(ev.TicketStatusChanged, later_ms + 1, status="open")),
        ("replies", make(ev.ReplyAdded, later_ms + 2, reply_id="r-2", author="agent", public=True)),
        ("tickets", make(ev.TicketStatusChanged, later_ms + 3, status="solved")),
        *clock(later_ms + HOUR_MS),
    ]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("cut", [1, 3, 20, 40])
def test_whether_it_was_forgotten_does_not_depend_on_commits_and_restarts(
    cut: int, *, restarts: bool
) -> None:
    """Rows go a few at a time, and are looked for anew after a restart: what is said of one that is heard of again must not show it."""
    config = replace(CONFIG, groupings=((), ("team",)))
    records = log(heard_again(), timestamp_ms=LOG_MS)
    pipeline = Pipeline(config)
    for start in range(0, len(records), cut):
        pipeline.feed(records[start : start + cut])
        pipeline.commit_tickets()
        pipeline.commit_windows()
        if restarts:
            pipeline.restart()
    pipeline.close()
    expected = stable(oracle(config, records, now_ms=LOG_MS).rollups)
    found = stable(pipeline.rollups)
    assert {key: one for key, one in found.items() if one["n"]} == {
        key: one for key, one in expected.items() if one["n"]
    }
    again = next(one for key, one in found.items() if key.startswith(b"default/csat/tenant=acme/"))
    assert again["n"] == 1
    assert not any(b"team=billing" in key and one["metric"] == "csat" for key, one in found.items())


def test_one_that_is_heard_of_again_begins_anew_though_its_row_is_still_there() -> None:
    """Under a limit that never comes to it; what was open of it is closed, and the row that is left of it is deleted."""
    shard = shard_after(SOLVED)
    shard._retention._due.clear()  # it is never looked at
    feed(shard, clock(START_MS + SILENT_DAYS * DAY_MS))
    assert KEY in shard.rows
    rows = feed(
        shard,
        [
            (
                "replies",
                make(ev.ReplyRetracted, START_MS + SILENT_DAYS * DAY_MS, reply_id="r-9", reason="deleted"),
            )
        ],
    )
    assert shard.forgotten == 1
    assert [row for key, row in rows if key == KEY] == [shard.rows.get(KEY)]
