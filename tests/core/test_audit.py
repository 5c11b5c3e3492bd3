"""The audit finds a wrong sum and nothing else, whatever happened before."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.audit import Audit, AuditError, audit
from stream.core.author_days import decode_day, encode_day
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.first_replies import OTHER, WHAT_BITS, WHAT_MASK
from stream.core.measure import SLOTS_PER_METRIC
from stream.core.pane import AUTHORS_KIND, PANE_KIND, ROLLUP_KIND, parse_key
from stream.core.tally import decode_window, encode_window
from stream.metrics import selected
from tests.core.test_generations import CREATED, LOG_MS, SCORES, groupings, small_steps  # noqa: F401 - a fixture
from tests.support.histories import START_MS, History, arrivals, histories, make
from tests.support.log import log
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.usefixtures("small_steps")

HORIZONS = {MINUTE_MS: HOUR_MS, HOUR_MS: 10 * DAY_MS, DAY_MS: 10 * DAY_MS}
CONFIG = CoreConfig(clock="event", groupings=((), ("team",), ("agent",)), horizons_ms=HORIZONS)


def audited(pipeline: Pipeline) -> Audit:
    sources = len(pipeline.tickets)
    ends = [len(deltas) for deltas in pipeline.deltas]
    return audit(
        pipeline.config,
        selected(pipeline.config),
        pipeline.facts(),
        pipeline.changelogs[sources:],
        ends,
    )


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_differs_after_any_stream_restarts_and_forgetting(data: st.DataObject) -> None:
    config = msgspec.structs.replace(
        CONFIG, source_partitions=2, delta_partitions=data.draw(st.integers(1, 2))
    )
    arrived: History = []
    for number in range(data.draw(st.integers(1, 5))):
        history = data.draw(histories(ticket_id=f"t-{number}"))
        arrived += data.draw(arrivals(history))
    records = log(data.draw(st.permutations(arrived)), partitions=2, timestamp_ms=LOG_MS)
    pipeline = Pipeline(config)
    start = 0
    while start < len(records):
        end = start + data.draw(st.integers(1, 20))
        pipeline.feed(records[start:end])
        start = end
        pipeline.commit_tickets()
        pipeline.commit_windows()
        step = data.draw(st.sampled_from(["", "", "restart", "change"]))
        if step == "restart":
            pipeline.restart()
        elif step == "change":
            config = msgspec.structs.replace(
                config,
                generation=config.generation + 1,
                max_label_values=data.draw(st.sampled_from([1, 2, 1000])),
                groupings=data.draw(groupings),
                profiles=data.draw(
                    st.sampled_from([("default",), ("zendesk", "default"), ("seed", "chatwoot")])
                ),
            )
            pipeline.change(config)
    pipeline.build()
    found = audited(pipeline)
    assert found.differences == []


def _some() -> Pipeline:
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    pipeline.feed(log([*CREATED, *SCORES], timestamp_ms=LOG_MS))
    pipeline.close()
    return pipeline


@pytest.mark.parametrize("kind", [ROLLUP_KIND, PANE_KIND])
def test_a_planted_wrong_sum_is_found_and_nothing_else(kind: bytes) -> None:
    pipeline = _some()
    clean = audited(pipeline)
    assert clean.differences == []
    assert clean.windows > 20
    rows = pipeline.changelogs[1]
    for key in sorted(key for key in rows if key[:1] == kind and decode_window(rows[key]).tally):
        right = rows[key]
        window = decode_window(right)
        slot = max(window.tally)
        window.tally[slot] += 1
        rows[key] = encode_window(window)
        [one] = audited(pipeline).differences
        _, width, start, segment = parse_key(key)
        assert (one.segment.encode(), one.start_ms, one.window_ms) == (
            segment,
            start * MINUTE_MS,
            width * MINUTE_MS,
        )
        assert one.metric is not None
        own = slot - one.metric.slot(0)
        assert one.stored[own] == one.recomputed[own] + 1
        rows[key] = right


def test_a_wrong_sum_of_one_profile_is_found_under_its_name() -> None:
    """Three side by side, all with sums of their own in one row."""
    everybody = ("default", "zendesk", "chatwoot")
    pipeline = Pipeline(
        msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1, profiles=everybody)
    )
    pipeline.feed(log([*CREATED, *SCORES], timestamp_ms=LOG_MS))
    pipeline.close()
    clean = audited(pipeline)
    assert clean.differences == []
    rows = pipeline.changelogs[1]
    key = max(
        key for key in rows if key[:1] == ROLLUP_KIND and parse_key(key).width == 1440 and b"team" not in key
    )
    window = decode_window(rows[key])
    for metric in selected(pipeline.config):
        if metric.name == "csat":
            slots = [slot for slot in window.tally if metric.slot(0) <= slot < metric.slot(SLOTS_PER_METRIC)]
            changed = decode_window(rows[key])
            changed.tally[max(slots)] += 2
            right, rows[key] = rows[key], encode_window(changed)
            [one] = audited(pipeline).differences
            rows[key] = right
            assert one.name == metric.full_name
    assert audited(pipeline) == clean


def test_a_planted_first_reply_is_found_and_nothing_else() -> None:
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1))
    reply = make(
        ev.ReplyAdded,
        START_MS + 7_000,
        reply_id="r",
        author="agent",
        author_id="a-1",
        public=True,
        ticket_id="t-0",
    )
    made = make(ev.TicketCreated, START_MS, ticket_id="t-0", channel="email")
    pipeline.feed(log([("tickets", made), ("replies", reply)], timestamp_ms=LOG_MS))
    pipeline.close()
    assert audited(pipeline).differences == []
    rows = pipeline.changelogs[1]
    [key] = [key for key in rows if key[:1] == AUTHORS_KIND]
    day = decode_day(rows[key])
    slot = min(day.sums)
    day.sums[slot] += 1
    rows[key] = encode_day(day)
    [one] = audited(pipeline).differences
    assert (one.name, one.segment, one.window_ms) == ("first_replies", "tenant=acme", DAY_MS)
    assert one.stored[slot] == one.recomputed[slot] + 1
    # A day with more authors than are kept apart is compared as a whole.
    day.full = True
    day.sums = {OTHER << WHAT_BITS | slot & WHAT_MASK: amount for slot, amount in day.sums.items()}
    rows[key] = encode_day(day)
    [one] = audited(pipeline).differences
    assert one.stored[slot & WHAT_MASK] == one.recomputed[slot & WHAT_MASK] + 1


def test_a_sum_that_is_missing_and_one_too_many_are_found() -> None:
    pipeline = _some()
    rows = pipeline.changelogs[1]
    key = min(key for key in rows if key[:1] == ROLLUP_KIND)
    lost = rows.pop(key)
    assert {one.start_ms for one in audited(pipeline).differences} == {parse_key(key).start * MINUTE_MS}
    rows[key] = lost
    rows[key[:-4] + b"none"] = lost
    assert {one.segment[-4:] for one in audited(pipeline).differences} == {"none"}


def test_what_is_too_old_to_be_recomputed_is_left_out_and_counted() -> None:
    """One source is ahead, so that what the other still corrects is too late for it."""
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, source_partitions=2, delta_partitions=1))
    late = [
        (topic, make(kind, START_MS + 5 * HOUR_MS, ticket_id=f"later-{n}", **more))
        for n in range(10)
        for topic, kind, more in (
            ("tickets", ev.TicketCreated, {"channel": "email"}),
            ("replies", ev.ReplyAdded, {"reply_id": "r", "author": "system", "public": False}),
            ("surveys", ev.SurveyExpired, {"survey_id": "s"}),
        )
    ]
    records = log([*CREATED, *SCORES, *late], partitions=2, timestamp_ms=LOG_MS)
    pipeline.feed([one for one in records if one.partition == 1 or not (one.key or b"").startswith(b"later")])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    rows = pipeline.changelogs[2]
    # A level of panes keeps the minutes for the gauges: longer than their rollups.
    minutes = [key for key in rows if key[:1] in {ROLLUP_KIND, PANE_KIND} and parse_key(key).width == 1]
    window = decode_window(rows[minutes[0]])
    window.tally = {}
    rows[minutes[0]] = encode_window(window)
    found = audited(pipeline)
    assert found.differences == []
    assert 0 < found.skipped <= len(minutes)
    assert found.windows > 10


def test_it_refuses_what_does_not_stand_still() -> None:
    pipeline = _some()
    sources, windows = pipeline.facts(), pipeline.changelogs[1:]
    with pytest.raises(AuditError, match=r"up to offset 1 of 2: .*stream worker --drain"):
        audit(pipeline.config, selected(pipeline.config), sources, windows, [2])
    with pytest.raises(AuditError, match="no state yet"):
        audit(pipeline.config, selected(pipeline.config), {"tickets": [{}]}, windows, [1])
    pipeline.change(msgspec.structs.replace(pipeline.config, generation=2))
    pipeline.commit_windows()
    with pytest.raises(AuditError, match="building generation 2"):
        audited(pipeline)
    pipeline.build()
    assert audited(pipeline).differences == []
