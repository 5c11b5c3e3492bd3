"""What explain says is what was published."""

import pytest

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.explain import ExplainError, Explanation, explain, explain_live
from stream.core.publisher import OPEN_INTERVAL_MS
from stream.metrics import METRICS, selected
from tests.core.deltas import ALL, OPEN, T0, T0_MS, UNANSWERED, Delta, Feed, answers, config, rollups


def asked(feed: Feed, name: str = "csat", window_ms: int = HOUR_MS, start_ms: int = T0_MS) -> Explanation:
    return explain(
        feed.changelog, feed.config, selected(feed.config), name, ALL, start_ms=start_ms, window_ms=window_ms
    )


def given(feed: Feed, watermark: int, good: int, bad: int) -> None:
    feed.now_ms += OPEN_INTERVAL_MS
    feed.give(Delta(0, watermark, {ALL: {T0: answers(good, bad)}}))


def test_it_says_what_the_last_rollup_said() -> None:
    feed = Feed(config(horizons_ms={MINUTE_MS: 0, HOUR_MS: DAY_MS, DAY_MS: DAY_MS}))
    given(feed, T0, 3, 1)
    given(feed, T0 + 10, 0, 0)
    given(feed, T0 + 60, 1, 0)
    given(feed, T0 + 61, 0, 1)
    found = asked(feed)
    (figure,) = found.figures
    last = [one for one in rollups(feed.outputs) if one["window_seconds"] == 3600][-1]
    assert (figure.n, figure.value, figure.parts) == (last["n"], last["value"], last["parts"])
    assert figure.excluded == last["excluded"] == {}
    assert (found.status, found.revision, found.key) == (last["status"], last["revision"], last["key"])
    assert last["status"] == "revised"
    assert found.watermark_ms == (T0 + 61) * MINUTE_MS
    assert found.sources[0].watermark_ms == found.watermark_ms
    assert found.metric.name == "csat"
    assert found.end_ms - found.start_ms == HOUR_MS
    assert not found.expired
    assert asked(feed, window_ms=MINUTE_MS).expired


def test_as_long_as_a_window_takes_corrections_nothing_can_have_come_too_late_for_it() -> None:
    feed = Feed(config(horizons_ms={MINUTE_MS: 0, HOUR_MS: DAY_MS, DAY_MS: DAY_MS}))
    given(feed, T0, 3, 1)
    given(feed, T0 + 1, 1, 0)
    assert [asked(feed, window_ms=width).too_late for width in (MINUTE_MS, HOUR_MS)] == [0, None]
    given(feed, T0 + 10, 1, 1)
    assert asked(feed, window_ms=MINUTE_MS).too_late == 2, "its minute took them no more, its hour did"
    assert asked(feed).too_late is None
    assert asked(feed, "nps", MINUTE_MS).too_late == 0, "of another metric"
    assert asked(feed, window_ms=MINUTE_MS, start_ms=T0_MS + 10 * MINUTE_MS).too_late is None


def test_a_source_that_is_ahead_of_the_others_may_have_been_too_late_where_they_are_not() -> None:
    feed = Feed(config(source_partitions=2, horizons_ms={MINUTE_MS: 0, HOUR_MS: DAY_MS, DAY_MS: DAY_MS}))
    feed.give(Delta(0, T0, {ALL: {T0: answers(1, 0)}}))
    feed.give(Delta(1, T0 + 5, {}))
    assert asked(feed, window_ms=MINUTE_MS).too_late == 0
    assert asked(feed, window_ms=MINUTE_MS, start_ms=T0_MS + 5 * MINUTE_MS).too_late is None


def test_a_window_in_which_nothing_was_measured() -> None:
    feed = Feed(config())
    given(feed, T0 + 60, 1, 0)
    later = asked(feed, start_ms=T0_MS + HOUR_MS)
    assert (later.revision, later.status, later.figures[0].n, later.figures[0].value) == (0, "open", 0, None)
    assert asked(feed, name="nps").status == "final"


def test_without_any_rows_nothing_is_known() -> None:
    found = explain({}, CoreConfig(), METRICS, "csat", ALL, start_ms=T0_MS, window_ms=DAY_MS)
    assert (found.revision, found.watermark_ms, found.sources) == (0, -1, {})


def test_one_figure_of_a_metric_with_several() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0, {ALL: {T0: {2 * 4096 + 16 + 4 * 16 + 2: 2}}}))
    (figure,) = asked(feed, name="csat_mean_1_5").figures
    assert (figure.metric, figure.n, figure.value) == ("csat_mean_1_5", 2, 3.0)
    assert {one.metric for one in asked(feed, name="csat_mean").figures} == {"csat_mean", "csat_mean_1_5"}


def test_a_live_count_is_told_as_it_stands() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 10, {ALL: {T0: {OPEN: 2}, T0 + 5: {OPEN: 1, UNANSWERED: 1}}}))
    metrics = selected(feed.config)
    found = explain_live(feed.changelog, feed.config, metrics, "live", ALL)
    assert [(one.series.count_name, one.n, one.oldest_ms) for one in found.figures] == [
        ("tickets_open", 3, T0_MS),
        ("tickets_unanswered", 1, T0_MS + 5 * MINUTE_MS),
        ("queue_waiting", 0, -1),
    ]
    assert found.watermark_ms == (T0 + 10) * MINUTE_MS
    for name in ("tickets_unanswered", "oldest_unanswered_age_seconds"):
        (one,) = explain_live(feed.changelog, feed.config, metrics, name, ALL).figures
        assert one == found.figures[1]
    assert explain_live(feed.changelog, feed.config, metrics, "live", "tenant=nobody").figures[0].n == 0
    with pytest.raises(ExplainError, match="STREAM_METRICS"):
        explain_live(feed.changelog, feed.config, metrics, "csat", ALL)


def test_a_live_count_of_long_ago_is_told_to_the_day() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 90, {ALL: {T0 + 70: {OPEN: 1}}}))
    feed.give(Delta(0, T0 + 90 * 1440, {}))
    (one,) = explain_live(feed.changelog, feed.config, selected(feed.config), "tickets_open", ALL).figures
    assert (one.n, one.oldest_ms) == (1, T0_MS)


@pytest.mark.parametrize(
    ("name", "window_ms", "start_ms", "what"),
    [
        ("csta", HOUR_MS, T0_MS, "STREAM_METRICS.* csat, "),
        ("live", HOUR_MS, T0_MS, "no configured metric with windows"),
        ("csat", 2 * HOUR_MS, T0_MS, "STREAM_ROLLUP_WINDOWS.* 1m, 1h, 1d"),
        ("csat", HOUR_MS, T0_MS + MINUTE_MS, "aligned"),
        ("csat_mean_1_5", HOUR_MS, T0_MS, "ask for 'csat_mean'"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(
    name: str, window_ms: int, start_ms: int, what: str
) -> None:
    with pytest.raises(ExplainError, match=what):
        asked(Feed(config()), name, window_ms, start_ms)
