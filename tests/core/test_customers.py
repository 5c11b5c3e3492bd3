"""Facts of customers and their stage: any order, repetition, cut, restart and partitioning gives the figures of the fold."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.audit import audit
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.customer import Customer, decode_customer, encode_customer
from stream.core.customers_shard import CustomersShard
from stream.core.delta import DeltaBatch
from stream.core.explain import explain
from stream.core.live import LiveCounts
from stream.core.pane import parse_key
from stream.core.progress import Progress
from stream.core.record import SourceRecord
from stream.core.state_shape import shape
from stream.core.ticket import RowVersionError
from stream.metrics import METRICS, selected
from tests.support.core import oracle
from tests.support.customers import CUSTOMER, KEY, customer_histories, customer_of, tell
from tests.support.histories import START_MS, History, arrivals, histories, make, time_of
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline, stable

TICKETS_ONLY = CoreConfig(
    clock="event",
    metrics=("csat", "first_reply_time", "live", "channel_share"),
    groupings=((), ("team",), ("channel",), ("location",)),
    segment_labels=("location",),
    horizons_ms={MINUTE_MS: -1, HOUR_MS: -1, DAY_MS: -1},
)
CONFIG = msgspec.structs.replace(
    TICKETS_ONLY,
    metrics=(*TICKETS_ONLY.metrics, *(one.name for one in METRICS if one.entity == "customer")),
    customers=True,
)
LOG_MS = START_MS + 400 * DAY_MS


def _rank(told: tuple[str, ev.Event]) -> tuple[int, str, str]:
    event = told[1]
    return time_of(event), event.sequence or "", event.id


@given(st.data())
def test_any_order_with_repetitions_gives_the_same_row(data: st.DataObject) -> None:
    history = data.draw(customer_histories())
    in_order = customer_of([event for _, event in sorted(history, key=_rank)])
    as_arrived = customer_of([event for _, event in data.draw(arrivals(history))])
    assert as_arrived == in_order
    assert encode_customer(as_arrived) == encode_customer(in_order)


@given(customer_histories())
def test_what_was_merged_once_changes_nothing_when_it_comes_again(history: History) -> None:
    customer = customer_of([event for _, event in history])
    before = encode_customer(customer)
    assert [customer.merge(time_of(event), event) for _, event in history] == [0] * len(history)
    assert encode_customer(customer) == before


@given(st.data())
def test_a_row_says_all_that_was_known_of_the_customer(data: st.DataObject) -> None:
    events = [event for _, event in data.draw(arrivals(data.draw(customer_histories())))]
    cut = data.draw(st.integers(0, len(events)))
    stored = decode_customer(encode_customer(customer_of(events[:cut])), KEY) if cut else Customer()
    for event in events[cut:]:
        stored.merge(time_of(event), event)
    assert stored == customer_of(events)


def test_rows_are_short_and_those_of_another_version_are_refused() -> None:
    random_id = "8b0c1d5e-6a5f-4f5e-9d0a-0d6d3f1c2b11"
    customer = customer_of([tell(ev.CustomerJoined, START_MS, event_id=random_id)])
    row = encode_customer(customer)
    assert len(row) < 20
    with pytest.raises(RowVersionError, match="version 9, this program reads 1"):
        decode_customer(row[:1] + b"\x09" + row[2:], KEY)


@given(customer_histories())
def test_a_stay_begins_with_a_join_and_ends_with_the_next_leave(history: History) -> None:
    customer = customer_of([event for _, event in history])
    stays = customer.stays()
    edges = [edge for stay in stays for edge in stay if edge is not None]
    assert edges == sorted(edges)
    assert all(stay.left_ms is not None for stay in stays[:-1])
    kinds = {one.at for one in customer.memberships if one.joined}
    assert {stay.joined_ms for stay in stays} <= kinds
    if customer.memberships:
        assert customer.may_go(CONFIG) == (not stays or stays[-1].left_ms is not None)


def _several(data: st.DataObject) -> tuple[History, History]:
    """Up to three customers and two tickets: told in order, and as they arrive."""
    told: History = []
    arrived: History = []
    for number in range(data.draw(st.integers(1, 3))):
        history = data.draw(customer_histories(customer_id=f"c-{number}"))
        told += history
        arrived += data.draw(arrivals(history))
    for number in range(data.draw(st.integers(0, 2))):
        history = data.draw(histories(ticket_id=f"t-{number}"))
        told += history
        arrived += data.draw(arrivals(history))
    return sorted(told, key=_rank), data.draw(st.permutations(arrived))


def _same(pipeline: Pipeline, config: CoreConfig, told: History) -> None:
    """What was published are the figures of the fold; emptied ones may be there on one side only."""
    expected = stable(oracle(config, log(told, timestamp_ms=LOG_MS), now_ms=NOW_MS).rollups)
    published = stable(pipeline.rollups)
    assert {key: one for key, one in published.items() if one["n"]} == {
        key: one for key, one in expected.items() if one["n"]
    }
    assert {key for key, one in published.items() if one["n"] is None} == set()
    known = published.keys() & expected.keys()
    assert [published[key] for key in known] == [expected[key] for key in known]


@given(st.data())
@settings(max_examples=80, deadline=None)
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
            pipeline.commit_tickets()
        if "windows" in steps:
            pipeline.commit_windows()
        if "restart" in steps:
            pipeline.restart()
    pipeline.close()
    _same(pipeline, config, told)
    ends = [len(deltas) for deltas in pipeline.deltas]
    windows = pipeline.changelogs[config.feeds :]
    assert audit(config, selected(config), pipeline.facts(), windows, ends).differences == []


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_customers_come_and_go_as_a_stage_and_the_figures_end_as_the_settings_say(
    data: st.DataObject,
) -> None:
    told, arrived = _several(data)
    records = log(arrived, partitions=2, timestamp_ms=LOG_MS)
    of_customers = [one for one in records if one.topic == CONFIG.topics.customers]
    of_tickets = [one for one in records if one.topic != CONFIG.topics.customers]
    first = msgspec.structs.replace(CONFIG, source_partitions=2, delta_partitions=1)
    pipeline = Pipeline(first)
    cut = data.draw(st.integers(0, len(of_customers)))
    pipeline.feed(of_customers[:cut])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    without = msgspec.structs.replace(TICKETS_ONLY, source_partitions=2, delta_partitions=1, generation=2)
    pipeline.change(without)
    pipeline.build()
    pipeline.feed(of_tickets)
    pipeline.commit_tickets()
    pipeline.commit_windows()
    assert not any("retention" in str(key) for key in stable(pipeline.rollups) if cut == 0)
    pipeline.change(msgspec.structs.replace(first, generation=3))
    pipeline.build()
    pipeline.feed(of_customers[cut:])
    pipeline.close()
    _same(pipeline, first, told)


SHORT = msgspec.structs.replace(
    CONFIG,
    source_partitions=1,
    delta_partitions=1,
    metrics=("churn_rate", "channel_share"),
    rollup_windows_ms=(HOUR_MS, DAY_MS),
    gauge_windows_ms=(HOUR_MS,),
    compare_windows_ms=(HOUR_MS,),
    horizons_ms={HOUR_MS: 6 * HOUR_MS, DAY_MS: 2 * DAY_MS},
    groupings=((),),
)


def _members(*told: tuple[float, str, int]) -> list[SourceRecord]:
    """(Hour, customer, 1 for a join or -1 for a leave) as records, and a ticket that moves event time on."""
    history: History = []
    for hour, customer, what in told:
        event_class: type[ev.Event] = ev.CustomerJoined if what > 0 else ev.CustomerLeft
        history.append(("customers", tell(event_class, START_MS + int(hour * HOUR_MS), customer)))
    return log(history, timestamp_ms=LOG_MS)


class Walk:
    """One partition of everything, fed hour by hour."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(SHORT)
        self._offset = 0

    def tell(self, *told: tuple[float, str, int]) -> None:
        """A commit of both stages, with all topics at the same event time."""
        latest = START_MS + int(max(hour for hour, _, _ in told) * HOUR_MS)
        clock: History = [
            ("tickets", make(ev.TicketCreated, latest, ticket_id=f"t-{latest}", channel="email")),
            ("replies", make(ev.ReplyAdded, latest, ticket_id="t", reply_id="r", author="bot", public=True)),
            ("surveys", make(ev.SurveyExpired, latest, ticket_id="t", survey_id="s")),
        ]
        records = [*_members(*told), *log(clock, timestamp_ms=LOG_MS)]
        self.pipeline.feed([one._replace(offset=self._offset + n) for n, one in enumerate(records)])
        self._offset += len(records)
        self.pipeline.commit_tickets()
        self.pipeline.commit_windows()

    def churn(self, hour: float, window_ms: int = DAY_MS) -> tuple[int, int]:
        """(Lost, start) as ``explain`` tells of the window that an hour lies in."""
        at_ms = START_MS + int(hour * HOUR_MS)
        found = explain(
            self.pipeline.changelogs[-1],
            SHORT,
            selected(SHORT),
            "churn_rate",
            "tenant=acme",
            start_ms=at_ms - at_ms % window_ms,
            window_ms=window_ms,
        )
        (figure,) = found.figures
        published = stable(self.pipeline.rollups)[found.key.encode()]
        assert published["parts"] == figure.parts
        return int(figure.parts["lost"]), int(figure.parts["start"])


def test_a_late_join_revises_the_windows_behind_it_and_one_from_long_ago_counts_in_their_stock() -> None:
    walk = Walk()
    walk.tell((0, "c-1", 1))
    walk.tell((24, "c-2", 1))
    walk.tell((48.5, "c-1", -1))
    assert walk.churn(48.5) == (1, 2)
    walk.tell((35.9, "c-3", 1), (49, "c-9", 1))
    assert walk.churn(48.5) == (1, 3)
    walk.tell((-4000, "c-4", 1), (49, "c-9", 1))
    assert walk.churn(48.5) == (1, 4), "too late for every window, and never for the stock"
    assert walk.churn(48.5, HOUR_MS) == (1, 4)
    walk.tell((48.6, "c-5", 1), (48.7, "c-4", -1))
    assert walk.churn(48.5) == (2, 4), "what comes in the window itself is not in its stock"


def test_the_past_is_folded_into_one_row_and_the_stock_goes_on_right_after_a_restart() -> None:
    walk = Walk()
    for day in range(40):
        walk.tell((24 * day, f"c-{day}", 1), (24 * day + 3, f"d-{day}", 1), (24 * day + 5, f"d-{day}", -1))
        if day % 9 == 5:
            walk.pipeline.restart()
        if day:
            assert walk.churn(24 * day + 5) == (1, day)
    live = [key for key in walk.pipeline.changelogs[-1] if key[:1] == b"l"]
    assert len(live) < 25, "hours of the last days, and what was before them in one row"
    rows = walk.pipeline.facts()["customers"][0]
    assert sum(b"d-" in key for key in rows) < 10, "who has left long ago is forgotten"
    assert sum(b"c-" in key for key in rows) == 40, "who is there is not"
    walk.pipeline.close()
    ends = [len(deltas) for deltas in walk.pipeline.deltas]
    windows = walk.pipeline.changelogs[SHORT.feeds :]
    assert audit(SHORT, selected(SHORT), walk.pipeline.facts(), windows, ends).differences == []


@given(
    st.lists(st.tuples(st.integers(0, 4000), st.sampled_from([1, 1, -1])), max_size=30),
    st.integers(0, 6000),
    st.integers(0, 6000),
)
def test_a_stock_is_the_sum_of_all_that_was_before_the_minute(
    changes: list[tuple[int, int]], minute: int, watermark: int
) -> None:
    slot, segment = 7, b"tenant=acme"
    live = LiveCounts({}, 60, {slot})
    written: list[tuple[bytes, bytes | None]] = []
    for number, (at, amount) in enumerate(changes):
        live.add(segment, {at: {slot: amount}})
        if number % 3 == 2:
            live.flush(written)
        if number == len(changes) // 2:
            live.fold(watermark)
    minute = max(minute, live.by_day_before)
    expected = sum(amount for at, amount in changes if at < minute)
    assert live.before(segment, slot, minute) == expected
    live.flush(written)
    rows = {key: row for key, row in dict(written).items() if row is not None}
    loaded = LiveCounts(rows, 60, {slot})
    for key, row in rows.items():
        _, width, start, name = parse_key(key)
        loaded.load(width, start, name, row)
    loaded.fold(watermark if changes else 0)
    assert loaded.before(segment, slot, minute) == expected


def test_partitions_of_a_stage_that_is_dropped_hold_no_window_open() -> None:
    two = msgspec.structs.replace(SHORT, generation=1)
    progress = Progress(two)
    said = DeltaBatch(1, 0, 2, 5_000, False, False, -1, {})
    progress.advance(said)
    progress.advance(msgspec.structs.replace(said, source_partition=1, watermark_ms=1_000))
    assert progress.watermark_ms == 1_000
    alone = msgspec.structs.replace(SHORT, customers=False, generation=2)
    later = Progress(alone)
    assert later.load(progress.encode(), "here", shape(alone, selected(TICKETS_ONLY)))
    said = msgspec.structs.replace(said, generation=2, watermark_ms=9_000)
    later.advance(said)
    assert later.watermark_ms == 9_000
    assert not later.building
    assert not later.advance(msgspec.structs.replace(said, source_partition=1, generation=1, watermark_ms=10))
    assert later.watermark_ms == 9_000


def test_an_audit_finds_a_wrong_stock() -> None:
    walk = Walk()
    walk.tell((0, "c-1", 1))
    rows = walk.pipeline.changelogs[-1]
    for key in [key for key in rows if key[:1] == b"l"]:
        del rows[key]
    walk.pipeline.close()
    ends = [len(deltas) for deltas in walk.pipeline.deltas]
    found = audit(
        SHORT, selected(SHORT), walk.pipeline.facts(), walk.pipeline.changelogs[SHORT.feeds :], ends
    )
    assert [(one.name, one.live) for one in found.differences] == [("churn_rate", True)]


def test_running_windows_show_the_stock_at_their_beginning() -> None:
    walk = Walk()
    walk.tell((0, "c-1", 1), (0, "c-2", 1))
    walk.tell((10, "c-1", -1))
    walk.tell((10.2, "c-3", 1))
    (segment,) = walk.pipeline.windows[0].snapshot.segments.values()
    (churn,) = [one for one in selected(SHORT) if one.name == "churn_rate"]
    own = {
        slot - churn.slot(0): sum_
        for slot, sum_ in segment.windows[HOUR_MS].items()
        if slot // 4096 == churn.id
    }
    (figure,) = churn.figures(own)
    assert (figure.value, figure.n) == (0.5, 2)


def test_events_of_other_topics_are_passed_over_and_all_are_accounted_for() -> None:
    shard = CustomersShard(SHORT, 0, selected(SHORT))
    shard.ready()
    topic = SHORT.topics.customers
    records: Sequence[SourceRecord] = [
        *_members((0, CUSTOMER, 1), (0, CUSTOMER, 1), (1, CUSTOMER, -1)),
        SourceRecord(topic, 0, 9, LOG_MS, b"4711", msgspec.json.encode(make(ev.TicketDeleted, START_MS))),
        SourceRecord(topic, 0, 10, LOG_MS, b"c", b"{"),
    ]
    shard.apply(topic, records, 11, NOW_MS)
    shard.flush(NOW_MS)
    assert shard.flushed_counts[topic] == {
        "applied": 2,
        "duplicate": 1,
        "skipped:other_stage": 1,
        "dead_lettered:not_json": 1,
    }
