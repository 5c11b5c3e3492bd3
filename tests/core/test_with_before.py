"""The window directly before: what is kept of it, and how its figures are compared."""

from collections.abc import Mapping
from random import Random

import msgspec
import pytest

from stream.core.compare import NEWCOMBE, WELCH, Comparison, Side, with_before, with_other
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS
from stream.core.delta import DeltaBatch, encode_delta
from stream.core.explain import Explanation, explain
from stream.core.measure import Tally
from stream.core.record import SourceRecord
from stream.metrics import BY_NAME, selected
from tests.core.deltas import ALL, BAD, BILLING, GOOD, T0, T0_MS, Delta, Feed, answers, config
from tests.core.test_customers import Walk

CSAT, NPS, CHURN, MEAN = (BY_NAME[name] for name in ("csat", "nps", "churn_rate", "csat_mean"))
GAUGES = config(gauge_windows_ms=(5 * MINUTE_MS, HOUR_MS), compare_windows_ms=(HOUR_MS,), alerts=())


def compared(name: str, now: Tally, before: Tally, min_n: int = 1) -> list[Comparison]:
    metric = BY_NAME[name]
    return with_before(
        Side(metric, now, metric.figures(now)), Side(metric, before, metric.figures(before)), min_n
    )


# --- two tallies ------------------------------------------------------------------------------------------------------


def test_a_share_against_the_window_before_has_newcombes_interval() -> None:
    # R. G. Newcombe, Stat. Med. 17 (1998), on the difference between independent proportions, table II, method 10: 56/70 and 48/80.
    # By hand: Wilson of 56/70 is 0.6917 .. 0.8772 and of 48/80 is 0.4904 .. 0.7005; the root of 0.1083^2 + 0.1005^2 is 0.1477 and
    # the root of 0.0772^2 + 0.1096^2 is 0.1340, so 0.2 - 0.1477 .. 0.2 + 0.1340.
    (one,) = compared("csat", {16: 56, 17: 14}, {16: 48, 17: 32}, min_n=70)
    assert (one.this.n, one.other.n, one.n) == (70, 80, 70)
    assert one.difference == pytest.approx(0.2)
    assert (one.low, one.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (one.contains_zero, one.method, one.why_not) == (False, NEWCOMBE, "")


@pytest.mark.parametrize(("now", "before"), [((56, 14), (48, 32)), ((48, 32), (56, 14)), ((56, 14), (0, 0))])
def test_too_few_on_either_side_and_nothing_is_said(now: tuple[int, int], before: tuple[int, int]) -> None:
    (one,) = compared(
        "csat", dict(zip((16, 17), now, strict=True)), dict(zip((16, 17), before, strict=True)), 71
    )
    assert (one.difference, one.low, one.high, one.method) == (None, None, None, "")
    assert one.why_not == "too few, at least 71 are asked for on each side"
    assert (one.this.n, one.other.n) == (sum(now), sum(before)), (
        "the figures themselves are shown with their n"
    )


def test_another_segment_has_its_difference_however_few_there_are_and_may_lack_a_figure() -> None:
    this, other = ({16: 2, 17: 2}, {16: 1, 17: 3})
    few = with_other(*(Side(CSAT, one, CSAT.figures(one)) for one in (this, other)))
    assert [(one.this.metric, one.n, one.difference, one.method) for one in few] == [
        ("csat", 4, 0.25, NEWCOMBE)
    ]
    (lacking,) = with_other(Side(CSAT, this, CSAT.figures(this)), Side(CSAT, {}, ()))
    assert (lacking.other.n, lacking.difference) == (0, None)
    assert lacking.why_not == "there is a figure on one side at most"
    assert with_other(Side(CSAT, this, ()), Side(CSAT, other, CSAT.figures(other))) == []


def test_nps_has_welchs_interval() -> None:
    # As in the test of two segments: 25 and -25 points, df 6, t 2.4469, 2.4469 x sqrt(2 x 27500 / 12) = 165.65.
    (one,) = compared("nps", {16: 2, 17: 1, 18: 1}, {16: 1, 17: 1, 18: 2})
    assert one.difference == 50
    assert (one.low, one.high) == pytest.approx((50 - 165.65, 50 + 165.65), abs=0.01)
    assert one.method == WELCH


def test_a_rate_over_a_stock_has_an_interval_though_who_stayed_is_in_both() -> None:
    # 20 of 250 lost, then 12 of 240: 5 % after 8 %. From the Wilson bounds of both: 0.0524 .. 0.1203 and 0.0288 .. 0.0853.
    (one,) = compared("churn_rate", {16: 240, 18: 12}, {16: 250, 18: 20}, min_n=100)
    assert one.difference == pytest.approx(-0.03)
    assert (one.low, one.high) == pytest.approx((-0.0755, 0.0149), abs=1e-4)
    (kept,) = compared("retention_rate", {16: 240, 18: 12}, {16: 250, 18: 20}, min_n=100)
    assert (kept.low, kept.high) == pytest.approx((-0.0149, 0.0755), abs=1e-4)


def test_it_has_none_where_new_ones_may_be_among_those_who_left() -> None:
    # 2 joined in the later window, 3 who left then had come not long ago: at most 2 of them are new ones.
    (one,) = compared("churn_rate", {16: 240, 17: 2, 18: 12, 19: 3}, {16: 250, 18: 20}, min_n=100)
    assert one.this.parts["perhaps_new"] == 2
    assert (one.low, one.high, one.contains_zero) == (None, None, None)
    assert "neither a share of a count nor a mean" in one.why_not


def test_of_a_base_that_loses_as_many_as_before_nineteen_of_twenty_intervals_contain_zero() -> None:
    chance = Random(8)
    contain = 0
    for _ in range(1_000):
        first = sum(chance.random() < 0.1 for _ in range(200))
        then = sum(chance.random() < 0.1 for _ in range(200 - first))
        (one,) = compared("churn_rate", {16: 200 - first, 18: then}, {16: 200, 18: first}, min_n=1)
        contain += bool(one.contains_zero)
    assert 930 <= contain <= 975


def test_figures_of_one_scale_are_compared_with_those_of_the_same_scale_only() -> None:
    five, seven = 16 + 4 * 16, 16 + 6 * 16
    found = {one.this.metric: one for one in compared("csat_mean", {five: 2, five + 4: 2}, {seven: 3})}
    assert set(found) == {"csat_mean", "csat_mean_1_5", "csat_mean_1_7"}
    assert (found["csat_mean_1_5"].this.n, found["csat_mean_1_5"].other.n) == (4, 0)
    assert (found["csat_mean_1_7"].this.n, found["csat_mean_1_7"].other.n) == (0, 3)
    assert found["csat_mean_1_5"].difference is found["csat_mean_1_7"].difference is None
    assert found["csat_mean"].difference == pytest.approx(0.5)


# --- running windows --------------------------------------------------------------------------------------------------


def test_a_revision_of_the_window_before_changes_what_is_compared() -> None:
    feed = Feed(GAUGES)
    feed.give(Delta(0, T0 + 120, {ALL: {T0 + 10: answers(6, 4), T0 + 70: answers(9, 1)}}))
    shown = feed.shard.snapshot.segments[ALL]
    assert shown.windows[HOUR_MS] == {GOOD: 9, BAD: 1}
    assert shown.before == {HOUR_MS: {GOOD: 6, BAD: 4}}, "of the length that is compared, and of no other"
    feed.give(Delta(0, T0 + 120, {ALL: {T0 + 10: {GOOD: -2, BAD: 2}}}))
    assert feed.shard.snapshot.segments[ALL].before == {HOUR_MS: {GOOD: 4, BAD: 6}}
    assert shown.before == {HOUR_MS: {GOOD: 6, BAD: 4}}, "a snapshot never changes"
    feed.restart()
    assert feed.shard.snapshot.segments[ALL].before == {HOUR_MS: {GOOD: 4, BAD: 6}}


def test_panes_stay_while_the_clock_is_behind_the_watermark() -> None:
    """Senders an hour ahead of the clock: by the watermark the panes are old, by the clock they are still needed."""
    feed = Feed(
        config(
            gauge_windows_ms=(HOUR_MS,), rollup_windows_ms=(DAY_MS,), horizons_ms={DAY_MS: 0}, clock="wall"
        )
    )
    feed.now_ms = T0_MS + 5 * MINUTE_MS
    feed.give(Delta(0, T0 + 5, {ALL: {T0 + minute: answers(1, 0) for minute in range(5)}}))
    for minute in range(6, 130):
        feed.now_ms = T0_MS + minute * MINUTE_MS
        feed.give(Delta(0, T0 + minute + 60, {BILLING: {T0 + minute: answers(1, 0)}}))
    shown = feed.shard.snapshot.segments
    assert ALL not in shown, "all of it has left both windows"
    assert shown[BILLING].windows[HOUR_MS] == {GOOD: 60}


def test_the_stock_is_that_of_each_windows_own_beginning() -> None:
    walk = Walk()
    walk.tell((0, "c-1", 1), (0, "c-2", 1), (0, "c-3", 1), (0, "c-4", 1))
    walk.tell((10.1, "c-1", -1))
    walk.tell((11.2, "c-2", -1), (11.4, "c-9", 1))
    (segment,) = walk.pipeline.windows[0].snapshot.segments.values()

    def figure(tally: Tally) -> tuple[int, object]:
        own = {slot - CHURN.slot(0): total for slot, total in tally.items() if slot // 4096 == CHURN.id}
        (found,) = CHURN.figures(own)
        return found.n, found.value

    assert figure(segment.windows[HOUR_MS]) == (3, pytest.approx(1 / 3))
    assert figure(segment.before[HOUR_MS]) == (4, 0.25)


def test_nothing_of_forgotten_facts_stays_in_running_windows_that_a_generation_has_built() -> None:
    """Facts up to half an hour ago are gone: panes before that cannot be built, and the window before is not whole."""
    feed = Feed(msgspec.structs.replace(GAUGES, generation=2))

    def said(watermark: int, minutes: Mapping[int, int], forgotten_ms: int) -> None:
        told = {minute: [GOOD, amount] for minute, amount in minutes.items()}
        batch = DeltaBatch(
            *(2, 0, 1, watermark * MINUTE_MS, False, False, -1, {ALL: told}), forgotten_ms=forgotten_ms
        )
        record = SourceRecord("deltas", 0, feed.offset, 0, None, encode_delta(batch))
        feed.offset += 1
        feed.shard.apply("deltas", [record], feed.offset, feed.now_ms)
        feed.flush()

    forgotten_ms = (T0 + 90) * MINUTE_MS
    said(T0 + 120, {T0 + 30: 1, T0 + 70: 2, T0 + 100: 4}, forgotten_ms)
    shown = feed.shard.snapshot.segments[ALL]
    assert (shown.windows[HOUR_MS], dict(shown.before)) == ({GOOD: 4}, {})
    said(T0 + 161, {T0 + 150: 8}, forgotten_ms)
    shown = feed.shard.snapshot.segments[ALL]
    assert (shown.windows[HOUR_MS], dict(shown.before)) == ({GOOD: 8}, {})
    said(T0 + 211, {T0 + 201: 16}, forgotten_ms)
    shown = feed.shard.snapshot.segments[ALL]
    assert (shown.windows[HOUR_MS], shown.before) == ({GOOD: 16}, {HOUR_MS: {GOOD: 12}})


# --- explain ----------------------------------------------------------------------------------------------------------


def asked(feed: Feed, hour: int, name: str = "csat", window_ms: int = HOUR_MS) -> Explanation:
    return explain(
        feed.changelog,
        feed.config,
        selected(feed.config),
        name,
        ALL,
        start_ms=T0_MS + hour * window_ms,
        window_ms=window_ms,
    )


def test_explain_has_the_window_directly_before() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 130, {ALL: {T0 + 10: answers(6, 4), T0 + 70: answers(9, 1)}}))
    before = asked(feed, 1).before
    assert before is not None
    assert (before.start_ms, before.status, before.tally) == (T0_MS, "final", {16: 6, 17: 4})
    assert [(one.metric, one.n, one.value) for one in before.figures] == [("csat", 10, 0.6)]
    nothing = asked(feed, 0).before
    assert nothing is not None
    assert [(one.n, one.value) for one in nothing.figures] == [(0, None)]


def test_explain_of_one_scale_that_was_not_there_before() -> None:
    feed = Feed(config())
    feed.give(Delta(0, T0 + 130, {ALL: {T0 + 70: {MEAN.slot(16 + 4 * 16): 2}}}))
    before = asked(feed, 1, "csat_mean_1_5").before
    assert before is not None
    assert before.figures == ()


def test_explain_does_not_compare_with_what_is_deleted() -> None:
    feed = Feed(config(horizons_ms={MINUTE_MS: 0, HOUR_MS: 2 * HOUR_MS, DAY_MS: DAY_MS}))
    feed.give(Delta(0, T0 + 130, {ALL: {T0 + 10: answers(6, 4), T0 + 70: answers(9, 1)}}))
    feed.give(Delta(0, T0 + 200, {}))
    found = asked(feed, 1)
    assert (found.expired, found.before) == (False, None)
