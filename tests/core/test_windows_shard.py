"""Scenarios of the windows stage: finals, corrections, late measures, expiry, progress, refusals."""

import pytest

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS
from stream.core.delta import encode_delta
from stream.core.publisher import OPEN_INTERVAL_MS
from stream.core.record import SourceRecord
from stream.core.snapshot import Snapshot
from stream.core.state_shape import GenerationError, ShapeChangedError
from stream.core.tally import DamagedRowError
from tests.core.deltas import (
    ALL,
    BAD,
    BILLING,
    GOOD,
    OPEN,
    T0,
    T0_MS,
    Delta,
    Feed,
    answers,
    config,
    last_by_key,
    rollups,
)
from tests.support.core import new_windows

SHORT = {MINUTE_MS: 10 * MINUTE_MS, HOUR_MS: 2 * HOUR_MS, DAY_MS: 35 * DAY_MS}


def csat(source: int, watermark: int, minute: int, good: int, bad: int = 0) -> Delta:
    return Delta(source, watermark, {ALL: {minute: answers(good, bad)}})


def brief(found: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """(seconds, status, revision, n) of rollups."""
    return [(one["window_seconds"], one["status"], one["revision"], one["n"]) for one in found]


def test_a_window_is_open_then_final_once_then_revised() -> None:
    feed = Feed(config())
    assert brief(feed.give(csat(0, T0, T0, 3, 1))) == [
        (60, "open", 1, 4),
        (3600, "open", 1, 4),
        (86400, "open", 1, 4),
    ]
    assert brief(feed.give(Delta(0, T0 + 1, {}))) == [(60, "final", 2, 4)]
    assert feed.give(Delta(0, T0 + 2, {})) == []
    feed.now_ms += OPEN_INTERVAL_MS
    assert brief(feed.give(csat(0, T0 + 2, T0, 1))) == [
        (60, "revised", 3, 5),
        (3600, "open", 2, 5),
        (86400, "open", 2, 5),
    ]
    assert brief(feed.close()) == [(3600, "final", 3, 5), (86400, "final", 3, 5)]
    assert feed.close() == []


def test_what_the_watermark_passes_in_the_same_flush_is_published_once_as_final() -> None:
    feed = Feed(config())
    feed.apply(csat(0, T0, T0, 3), Delta(0, T0 + 1440, {}))
    assert brief(feed.give()) == [(60, "final", 1, 3), (3600, "final", 1, 3), (86400, "final", 1, 3)]


def test_only_changed_metrics_are_published() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0, {ALL: {T0: {GOOD: 1, 3 * 4096 + 16: 1}}}))
    feed.now_ms += OPEN_INTERVAL_MS
    assert {one["metric"] for one in feed.give(csat(0, T0, T0, 1))} == {"csat"}


def test_a_window_that_a_correction_empties_is_published_with_n_0() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    feed.now_ms += OPEN_INTERVAL_MS
    found = feed.give(csat(0, T0, T0, -1))
    assert brief(found) == [(60, "open", 2, 0), (3600, "open", 2, 0), (86400, "open", 2, 0)]
    assert {one["value"] for one in found} == {None}


def test_a_scale_that_a_correction_empties_is_published_with_n_0_and_closed() -> None:
    on_1_5, on_0_10 = 2 * 4096 + 16 + 4 * 16, 2 * 4096 + 16 + 8 * 16
    feed = Feed(config())
    feed.give(Delta(0, T0, {ALL: {T0: {on_1_5: 1}}}))
    feed.now_ms += OPEN_INTERVAL_MS
    feed.give(Delta(0, T0, {ALL: {T0: {on_1_5: -1, on_0_10: 1}}}))
    feed.restart()
    found = {
        one["metric"]: (one["status"], one["n"], one["value"])
        for one in feed.close()
        if one["window_seconds"] == 60
    }
    assert len(found) == 3
    assert {status for status, _, _ in found.values()} == {"final"}
    assert sorted(n for _, n, _ in found.values()) == [0, 1, 1]
    assert all((value is None) == (n == 0) for _, n, value in found.values())


def test_open_figures_that_are_put_off_while_catching_up_come_with_the_next() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    assert feed.give(csat(0, T0, T0, 1)) == []
    assert not feed.shard.changed()
    feed.now_ms += OPEN_INTERVAL_MS
    feed.shard.tick(feed.now_ms, {})
    assert feed.shard.changed()
    assert brief(feed.give()) == [(60, "open", 2, 2), (3600, "open", 2, 2), (86400, "open", 2, 2)]


def test_near_the_clock_open_figures_are_published_at_every_flush() -> None:
    feed = Feed(config())
    feed.now_ms = T0_MS + 30_000
    for _ in range(3):
        assert len(feed.give(csat(0, T0, T0, 1))) == 3


def test_a_late_measure_leaves_the_expired_window_alone_and_counts_in_the_coarser_ones() -> None:
    feed = Feed(config(horizons_ms=SHORT))
    feed.give(csat(0, T0, T0, 2))
    feed.give(Delta(0, T0 + 11, {}))
    before = {key: row for key, row in feed.changelog.items() if key.startswith(b"w\0\0\0\x01")}
    assert before == {}
    feed.now_ms += OPEN_INTERVAL_MS
    found = feed.give(csat(0, T0 + 11, T0, 0, 3))
    assert [(one["window_seconds"], one["n"], one["excluded"]) for one in found] == [
        (3600, 5, {}),
        (86400, 5, {}),
    ]
    assert feed.shard.snapshot.too_late == {"csat": {MINUTE_MS: 3}}
    feed.give(Delta(0, T0 + 180, {}))
    feed.now_ms += OPEN_INTERVAL_MS
    found = feed.give(csat(0, T0 + 180, T0, 0, 1))
    assert [(one["window_seconds"], one["n"], one["excluded"]) for one in found] == [(86400, 6, {})]
    assert feed.shard.progress.too_late == {"csat": {MINUTE_MS: 4, HOUR_MS: 1}}
    feed.restart()
    assert feed.shard.snapshot.too_late == {"csat": {MINUTE_MS: 4, HOUR_MS: 1}}


def test_figures_that_took_a_late_measure_are_those_of_a_run_in_which_none_was_late() -> None:
    late, punctual = Feed(config(horizons_ms=SHORT)), Feed(config(horizons_ms=SHORT))
    punctual.give(csat(0, T0, T0, 2, 3), Delta(0, T0, {BILLING: {T0: answers(1, 0)}}))
    late.give(csat(0, T0, T0, 2), Delta(0, T0, {BILLING: {T0: answers(1, 0)}}))
    late.give(Delta(0, T0 + 11, {}))
    late.give(csat(0, T0 + 11, T0, 0, 3))
    for feed in (late, punctual):
        feed.close()
    found, expected = (last_by_key(rollups(feed.outputs)) for feed in (late, punctual))
    minute = {key for key in expected if key.endswith("/60")}
    assert {key: one for key, one in found.items() if key not in minute} == {
        key: one for key, one in expected.items() if key not in minute
    }


def test_one_commit_that_spans_more_than_a_horizon_loses_nothing() -> None:
    feed = Feed(config(horizons_ms=SHORT))
    found = feed.give(Delta(0, T0 + 100_000, {ALL: {T0: {GOOD: 1}, T0 + 99_999: {GOOD: 1}}}))
    assert brief(found).count((60, "final", 1, 1)) == 2
    assert feed.shard.progress.too_late == {}
    assert feed.give(csat(0, T0 + 100_000, T0, 1)) == []
    assert feed.shard.progress.too_late["csat"] == {MINUTE_MS: 1, HOUR_MS: 1, DAY_MS: 1}


def test_an_idle_source_that_wakes_up_late_does_not_bring_expired_windows_back() -> None:
    feed = Feed(config(source_partitions=2, horizons_ms=SHORT))
    feed.give(csat(0, T0, T0, 2), Delta(1, T0, {}, idle=True))
    feed.give(Delta(0, T0 + 30, {}))
    assert feed.shard.watermark_ms == (T0 + 30) * MINUTE_MS
    feed.now_ms += OPEN_INTERVAL_MS
    assert [one["window_seconds"] for one in feed.give(csat(1, T0 + 1, T0, 1))] == [3600, 86400]
    assert feed.shard.progress.too_late == {"csat": {MINUTE_MS: 1}}


def test_rows_go_when_their_horizon_has_passed() -> None:
    feed = Feed(config(horizons_ms=SHORT))
    feed.give(csat(0, T0, T0, 1))
    left = []
    for watermark in (T0 + 10, T0 + 11, T0 + 120, T0 + 121, T0 + 15 + 2880, T0 + 36 * 1440):
        feed.give(Delta(0, watermark, {}))
        feed.give()
        left.append(sorted((key[:1], key[4]) for key in feed.changelog if key[:1] in {b"w", b"p"}))
    # minutes are kept for two running hours as a level of their own: their rollup's horizon is shorter
    everything = [(b"p", 1), (b"p", 15), (b"w", 1), (b"w", 60), (b"w", 160)]
    assert left[0] == everything
    assert left[1] == left[2] == [one for one in everything if one != (b"w", 1)]
    assert left[3] == [(b"p", 15), (b"w", 60), (b"w", 160)]
    assert left[4] == [(b"w", 160)]
    assert left[5] == []


def test_the_slowest_source_holds_windows_open_and_one_never_heard_of_as_well() -> None:
    feed = Feed(config(source_partitions=3))
    feed.give(csat(0, T0 + 1440, T0, 1), Delta(1, T0 + 5, {}))
    assert feed.shard.watermark_ms == -1
    feed.give(Delta(2, T0 + 3, {}))
    assert feed.shard.watermark_ms == (T0 + 3) * MINUTE_MS
    feed.give(Delta(2, T0 + 3, {}, idle=True))
    assert feed.shard.watermark_ms == (T0 + 5) * MINUTE_MS
    feed.give(Delta(1, T0 + 5, {}, closed=True))
    assert feed.shard.watermark_ms == (T0 + 1440) * MINUTE_MS
    assert feed.shard.progress.watermarks() == {
        0: (T0 + 1440) * MINUTE_MS,
        1: (T0 + 5) * MINUTE_MS,
        2: (T0 + 3) * MINUTE_MS,
    }


def test_input_that_goes_on_after_its_end_revises() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    assert {status for _, status, _, _ in brief(feed.close())} == {"final"}
    feed.restart()
    feed.now_ms += OPEN_INTERVAL_MS
    found = feed.give(csat(0, T0, T0, 1), csat(0, T0, T0 + 5, 1))
    assert brief(found) == [
        (60, "revised", 3, 2),
        (60, "open", 1, 1),
        (3600, "revised", 3, 3),
        (86400, "revised", 3, 3),
    ]
    assert brief(feed.give(Delta(0, T0 + 1440, {}))) == [(60, "final", 2, 1)]


def test_close_input_alone_publishes_everything_as_final() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    feed.shard.close_input()
    assert feed.shard.changed()
    assert {status for _, status, _, _ in brief(feed.give())} == {"final"}
    assert not feed.shard.changed()


def test_records_that_the_rows_contain_are_skipped() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    feed.restart()
    assert feed.shard.positions == {"deltas": 1}
    feed.offset = 0
    feed.apply(csat(0, T0, T0, 1), csat(0, T0, T0, 2))
    feed.now_ms += OPEN_INTERVAL_MS
    assert {n for _, _, _, n in brief(feed.give())} == {3}
    assert feed.shard.positions == {"deltas": 2}


def test_nothing_new_is_nothing_to_write() -> None:
    feed = Feed(config())
    assert not feed.shard.changed()
    feed.give(csat(0, T0, T0, 1))
    assert not feed.shard.changed()
    feed.apply(Delta(0, T0, {}))
    assert not feed.shard.changed()
    feed.apply(Delta(0, T0 + 1, {}))
    assert feed.shard.changed()


def test_a_newer_generation_is_refused_even_without_figures() -> None:
    feed = Feed(config())
    with pytest.raises(GenerationError, match=r"deltas partition 0 offset 0 .*upgrade this worker"):
        feed.apply(Delta(0, T0, {}), generation=2)


def test_differences_of_an_older_generation_are_left_alone() -> None:
    feed = Feed(config(generation=2))
    feed.apply(csat(0, T0, T0, 1), generation=1)
    feed.apply(csat(0, T0, T0, 1), generation=2)
    assert [one["n"] for one in rollups(feed.flush().outputs)] == [1, 1, 1]


def test_rows_of_other_settings_are_refused_by_name() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    other = new_windows(config(rollup_windows_ms=(HOUR_MS,)), 0)
    other.rows = dict(feed.changelog)
    with pytest.raises(ShapeChangedError, match="STREAM_ROLLUP_WINDOWS"):
        other.ready()


@pytest.mark.parametrize("value", [None, b"", b"\xc1", encode_delta({"a": 1})])
def test_a_record_that_is_no_delta_is_refused_by_its_place(value: bytes | None) -> None:
    shard = new_windows(config(), 0)
    shard.ready()
    with pytest.raises(DamagedRowError, match="deltas partition 2 offset 7"):
        shard.apply("deltas", [SourceRecord("deltas", 2, 7, 0, None, value)], 8, 0)


def test_damaged_rows_are_refused() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0, T0, 1))
    shard = new_windows(config(), 0)
    shard.rows = {**feed.changelog, b"\0meta": b"\xc1"}
    with pytest.raises(DamagedRowError, match="windows partition 0"):
        shard.ready()


def test_live_counts_fold_into_days_and_stay_until_they_are_empty() -> None:
    feed = Feed(config(horizons_ms=dict.fromkeys((MINUTE_MS, HOUR_MS, DAY_MS), HOUR_MS)))
    feed.give(Delta(0, T0, {ALL: {T0 + 61: {OPEN: 2}, T0 + 125: {OPEN: 1}}}))
    assert feed.shard.snapshot.segments[ALL].live[OPEN] == (3, (T0 + 61) * MINUTE_MS)
    feed.give(Delta(0, T0 + 400 * 1440, {}))
    assert feed.shard.snapshot.segments[ALL].live[OPEN] == (3, T0_MS)
    assert [key[0:5] for key in feed.changelog if key[:1] == b"l"] == [b"l\0\0\x05\xa0"]
    feed.give(Delta(0, T0 + 400 * 1440, {ALL: {T0 + 61: {OPEN: -2}, T0 + 125: {OPEN: -1}}}))
    assert feed.shard.snapshot.segments == {}
    assert list(feed.changelog) == [b"\0meta"]
    assert feed.shard.progress.too_late == {}


def test_a_segment_that_expired_altogether_is_forgotten_and_can_come_back() -> None:
    feed = Feed(config(horizons_ms=SHORT))
    feed.give(csat(0, T0, T0, 1))
    feed.give(Delta(0, T0 + 100 * 1440, {}))
    assert list(feed.changelog) == [b"\0meta"]
    assert feed.shard.snapshot == Snapshot(feed.shard.watermark_ms, feed.shard.watermark_ms, {}, ())
    feed.now_ms += OPEN_INTERVAL_MS
    assert len(feed.give(csat(0, T0 + 100 * 1440 + 1, T0 + 100 * 1440, 1))) == 3
    assert list(feed.shard.snapshot.segments) == [ALL]
    assert [alert.labels for alert in feed.shard.snapshot.alerts] == [(("tenant", "acme"),)]


def test_snapshots_are_values_that_do_not_change_afterwards() -> None:
    feed = Feed(config())
    feed.give(csat(0, T0 + 1, T0, 3))
    held = feed.shard.snapshot
    feed.give(csat(0, T0 + 1, T0, 0, 2))
    assert held.segments[ALL].windows[HOUR_MS] == {GOOD: 3}
    assert feed.shard.snapshot.segments[ALL].windows[HOUR_MS] == {GOOD: 3, BAD: 2}


@pytest.mark.parametrize("restarts", [False, True])
def test_an_emptied_running_window_is_shown_for_one_length_more(restarts: bool) -> None:
    feed = Feed(config(gauge_windows_ms=(5 * MINUTE_MS,)))
    feed.give(csat(0, T0 + 1, T0, 3))
    shown = []
    for watermark in range(T0 + 1, T0 + 13):
        feed.give(Delta(0, watermark, {}))
        if restarts:
            feed.restart()
        segment = feed.shard.snapshot.segments.get(ALL)
        shown.append(None if segment is None else sum(segment.windows[5 * MINUTE_MS].values()))
    assert shown == [3] * 5 + [0] * 5 + [None] * 2


def test_the_same_input_gives_the_same_rollups_at_any_processing_time() -> None:
    outputs = []
    for now_ms in (T0_MS, T0_MS + 10**11):
        feed = Feed(config())
        feed.now_ms = now_ms
        outputs.append(last_by_key([*feed.give(csat(0, T0, T0, 3, 1)), *feed.close()]))
    assert outputs[0] == outputs[1]
