"""Whatever the order, the repetitions, the cuts, the restarts and the partitions: the rollups are those of the fold in order."""

from collections.abc import Iterator, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.record import SourceRecord
from stream.metrics import BY_NAME
from stream.metrics.live import OPEN, UNANSWERED
from tests.support.core import oracle
from tests.support.histories import START_MS, History, arrivals, histories, make, time_of
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline, stable

CONFIG = CoreConfig(
    clock="event",
    groupings=((), ("team",), ("team", "channel"), ("queue",), ("agent",)),
    horizons_ms={MINUTE_MS: -1, HOUR_MS: -1, DAY_MS: -1},
)
LOG_MS = START_MS + 40 * DAY_MS  # later than any generated event: none is from the future


def _several(data: st.DataObject) -> tuple[History, History]:
    """Histories of up to four tickets: told in order, and as they arrive."""
    told: History = []
    arrived: History = []
    for number in range(data.draw(st.integers(1, 4))):
        history = [(topic, _of_ticket(event, f"t-{number}")) for topic, event in data.draw(histories())]
        told += sorted(history, key=lambda pair: time_of(pair[1]))
        arrived += data.draw(arrivals(history))
    return told, data.draw(st.permutations(arrived))


def _of_ticket(event: ev.Event, ticket_id: str) -> ev.Event:
    data = msgspec.structs.replace(event.data, ticket_id=ticket_id)  # type: ignore[attr-defined]  # all have data
    return msgspec.structs.replace(event, data=data)


def _oracle(records: Sequence[SourceRecord]) -> dict[bytes, dict[str, object]]:
    return stable(oracle(CONFIG, records, now_ms=NOW_MS).rollups)


def _numbers(value: object) -> Iterator[object]:
    """All numbers within a figure's fields."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _numbers(one)
    else:
        yield value


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_any_arrival_cut_into_any_commits_with_restarts_is_the_fold_in_order(data: st.DataObject) -> None:
    told, arrived = _several(data)
    config = msgspec.structs.replace(
        CONFIG,
        source_partitions=data.draw(st.integers(1, 4)),
        delta_partitions=data.draw(st.integers(1, 3)),
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
    expected = _oracle(log(told, timestamp_ms=LOG_MS))
    published = stable(pipeline.rollups)
    # A figure that a correction emptied is published with n 0 where it had been published before; the fold never saw it.
    emptied = {key for key, figure in published.items() if key not in expected and figure["n"] == 0}
    assert {key: figure for key, figure in published.items() if key not in emptied} == {
        key: figure for key, figure in expected.items() if key in published or figure["n"] != 0
    }


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_taking_everything_out_leaves_every_window_empty(data: st.DataObject) -> None:
    _, arrived = _several(data)
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    end_ms = START_MS + 31 * DAY_MS
    ids = sorted({event.data.ticket_id for _, event in arrived})  # type: ignore[attr-defined]  # all have data
    gone: History = [("tickets", make(ev.TicketDeleted, end_ms, ticket_id=ticket_id)) for ticket_id in ids]
    records = log([*arrived, *gone], timestamp_ms=LOG_MS)
    pipeline.feed(records[: len(arrived)])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    pipeline.feed(records[len(arrived) :])
    pipeline.close()
    for figure in stable(pipeline.rollups).values():
        says = {name: figure.get(name) for name in ("n", "value", "low", "high", "parts", "quantiles")}
        assert not any(_numbers(says)), figure
    for segment in pipeline.windows[0].snapshot.segments.values():
        assert all(count == 0 for count, _ in segment.live.values())


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_segment_ever_has_more_unanswered_tickets_than_open_ones(data: st.DataObject) -> None:
    live = BY_NAME["live"]
    _, arrived = _several(data)
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    for record in log(arrived, timestamp_ms=LOG_MS):
        pipeline.feed([record])
        pipeline.commit_tickets()
        pipeline.commit_windows()
        for segment in pipeline.windows[0].snapshot.segments.values():
            counts = {slot: segment.live[live.slot(slot)][0] for slot in (OPEN, UNANSWERED)}
            assert 0 <= counts[UNANSWERED] <= counts[OPEN]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_record_has_one_outcome_and_a_repetition_is_counted_as_one(data: st.DataObject) -> None:
    told, _ = _several(data)
    once = oracle(CONFIG, log(told, timestamp_ms=LOG_MS), now_ms=NOW_MS)
    twice = oracle(CONFIG, log([*told, *told], timestamp_ms=LOG_MS), now_ms=NOW_MS)
    assert sum(sum(counts.values()) for counts in twice.counts.values()) == 2 * len(told)
    applied = [sum(counts.get("applied", 0) for counts in result.counts.values()) for result in (once, twice)]
    assert applied[0] == applied[1]
    assert stable(once.rollups) == stable(twice.rollups)
