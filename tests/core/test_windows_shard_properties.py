"""The windows stage against a plain sum: whatever the order, the cuts, the restarts and the number of sources."""

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.publisher import OPEN_INTERVAL_MS
from stream.metrics import BY_ID, BY_NAME
from tests.core.deltas import ALL, BILLING, T0, T0_MS, UNANSWERED, Delta, Feed, config, last_by_key, rollups
from tests.core.deltas import OPEN as OPEN_TICKETS

FOR_EVER = dict.fromkeys((MINUTE_MS, HOUR_MS, DAY_MS), -1)

windowed_slots = st.sampled_from(
    [
        *(BY_NAME["csat"].slot(own) for own in (0, 16, 17)),
        *(BY_NAME["csat_mean"].slot(own) for own in (16, 17, 80)),
        *(BY_NAME["first_reply_time"].slot(own) for own in (16, 17, 200)),
    ]
)
segments = st.sampled_from([ALL, BILLING])
entry = st.tuples(segments, st.integers(0, 3000), windowed_slots, st.integers(1, 5))
Entry = tuple[str, int, int, int]


def delta(source: int, watermark: int, entries: Iterable[Entry], sign: int = 1) -> Delta:
    found: dict[str, dict[int, dict[int, int]]] = {}
    for segment, minute, slot, amount in entries:
        tally = found.setdefault(segment, {}).setdefault(T0 + minute, {})
        tally[slot] = tally.get(slot, 0) + sign * amount
    return Delta(source, watermark, found)


def summed(entries: Iterable[Entry], widths: Iterable[int]) -> dict[tuple[str, int, int], dict[int, int]]:
    """(segment, width, start) -> slot -> sum."""
    sums: dict[tuple[str, int, int], dict[int, int]] = {}
    for segment, minute, slot, amount in entries:
        for width in widths:
            at = T0 + minute
            tally = sums.setdefault((segment, width, at - at % width), {})
            tally[slot] = tally.get(slot, 0) + amount
    return sums


def check_final(outputs: list[dict[str, Any]], entries: list[Entry]) -> None:
    """The last rollup of each key says the plain sum; `final` once per metric, then `revised`; revisions grow."""
    history: dict[str, list[tuple[int, str]]] = {}
    for one in outputs:
        history.setdefault(one["key"], []).append((one["revision"], one["status"]))
    for key, states in history.items():
        revisions = [revision for revision, _ in states]
        assert revisions == sorted(set(revisions))
        statuses = "".join(status[0] for _, status in states)
        closed = statuses.lstrip("o")
        late_scale = (
            "csat_mean_" in key and "f" not in closed
        )  # its first score came after the metric was final
        assert late_scale or closed[:1] == "f"
        assert set(closed[1:]) <= {"r"}
    last = {one["key"]: one for one in outputs}
    expected = set()
    for (segment, width, start), tally in summed(entries, (1, 60, 1440)).items():
        for metric_id in {slot >> 12 for slot in tally}:
            own = {slot & 4095: n for slot, n in sorted(tally.items()) if slot >> 12 == metric_id and n}
            for figure in BY_ID[metric_id].figures(own):
                found = [
                    one
                    for one in last.values()
                    if one["metric"] == figure.metric
                    and one["segment"] == dict(pair.split("=") for pair in segment.split("&"))
                    and one["window_seconds"] == width * 60
                    and f"/{one['window_start']}/" in one["key"]
                    and one["key"].endswith(f"{_utc(start)}/{width * 60}")
                ]
                assert len(found) == 1
                assert (found[0]["n"], found[0]["value"]) == (figure.n, figure.value)
                assert found[0]["parts"] == figure.parts
                assert found[0]["excluded"] == figure.excluded
                expected.add(found[0]["key"])
    assert all(one["n"] == 0 for key, one in last.items() if key not in expected)


def _utc(minute: int) -> str:
    day, rest = divmod(minute - T0, 1440)
    return f"2024-10-{4 + day:02d}T{rest // 60:02d}:{rest % 60:02d}:00Z"


commits = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.lists(entry, max_size=6),
        st.integers(0, 400),
        st.sampled_from(["on", "flush", "restart"]),
    ),
    max_size=12,
)


@given(commits)
@settings(max_examples=150, deadline=None)
def test_final_rollups_are_the_plain_sum_however_the_input_was_cut(
    given_commits: list[tuple[int, list[Entry], int, str]],
) -> None:
    feed = Feed(config(source_partitions=3, horizons_ms=FOR_EVER))
    watermarks = [T0, T0, T0]
    entries: list[Entry] = []
    for source, some, advance, then in given_commits:
        watermarks[source] += advance
        entries += some
        feed.apply(delta(source, watermarks[source], some))
        if then != "on":
            feed.flush()
        if then == "restart":
            feed.restart()
    feed.close()
    check_final(rollups(feed.outputs), entries)


@given(commits, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_neither_order_nor_the_number_of_partitions_shows_in_the_result(
    given_commits: list[tuple[int, list[Entry], int, str]], random: Any
) -> None:
    entries = [one for _, some, _, _ in given_commits for one in some]
    random.shuffle(entries)
    one = Feed(config(horizons_ms=FOR_EVER))
    one.give(delta(0, T0, entries))
    one.close()
    many = Feed(config(source_partitions=3, horizons_ms=FOR_EVER))
    for source, some, _, then in given_commits:
        many.apply(delta(source, T0, some))
        if then == "flush":
            many.flush()
    many.close()
    assert last_by_key(rollups(one.outputs)) == last_by_key(rollups(many.outputs))


@given(commits)
@settings(max_examples=150, deadline=None)
def test_a_restart_changes_nothing(given_commits: list[tuple[int, list[Entry], int, str]]) -> None:
    core = config(source_partitions=3)
    steady, restarted = Feed(core), Feed(core)
    # so that no open figure is put off, which a new process does not know of
    steady.step_ms = restarted.step_ms = OPEN_INTERVAL_MS
    watermarks = [T0, T0, T0]
    for source, some, advance, then in given_commits:
        watermarks[source] += advance
        for feed in (steady, restarted):
            feed.apply(delta(source, watermarks[source], [*some, (ALL, advance, OPEN_TICKETS, 1)]))
        if then != "on":
            steady.flush()
            restarted.flush()
            restarted.restart()
    for feed in (steady, restarted):
        feed.close()
    assert restarted.outputs == steady.outputs
    assert restarted.changelog == steady.changelog
    assert _sums(restarted) == _sums(steady)


Windows = Mapping[int, Mapping[int, int]]


def _sums(feed: Feed) -> dict[str, tuple[Windows, Windows, Mapping[int, tuple[int, int]]]]:
    return {
        name: (
            {length: tally for length, tally in one.windows.items() if tally},
            {length: tally for length, tally in one.before.items() if tally},
            one.live,
        )
        for name, one in feed.shard.snapshot.segments.items()
        if any(one.windows.values())
        or any(one.before.values())
        or any(count for count, _ in one.live.values())
    }


@given(st.lists(st.lists(entry, max_size=5), max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_taking_everything_out_leaves_only_what_was_published(groups: list[list[Entry]], random: Any) -> None:
    live = [(segment, minute, slot, 1) for some in groups for segment, minute, _, _ in some for slot in _LIVE]
    steps = [(some, 1) for some in [*groups, live]]
    feed = Feed(config(horizons_ms=FOR_EVER))
    feed.step_ms = OPEN_INTERVAL_MS * 2 // 3  # every second flush puts open figures off
    for some, sign in steps:
        feed.give(delta(0, T0, some, sign))
    random.shuffle(steps)
    for some, _ in steps:
        feed.give(delta(0, T0, some, -1))
    feed.give(delta(0, T0 + 2, []))
    feed.give()
    assert not any(one["n"] for one in last_by_key(rollups(feed.outputs)).values())
    assert {key[:1] for key in feed.changelog} <= {b"w", b"\0"}
    assert _sums(feed) == {}


_LIVE = (OPEN_TICKETS, UNANSWERED)


@given(
    st.lists(st.tuples(st.lists(entry, max_size=5), st.integers(0, 700)), max_size=10),
    st.sampled_from(["event", "wall"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_running_windows_and_those_before_are_the_plain_sum_at_every_instant(
    steps: list[tuple[list[Entry], int]], clock: str, restarts: bool
) -> None:
    feed = Feed(config(clock=clock, compare_windows_ms=(5 * MINUTE_MS, HOUR_MS, DAY_MS)))
    feed.now_ms = T0_MS
    watermark = T0
    entries: list[Entry] = []
    for some, advance in steps:
        if clock == "wall":
            feed.now_ms += advance * MINUTE_MS
            feed.shard.tick(feed.now_ms, {})
        else:
            watermark += advance
        entries += some
        feed.give(delta(0, watermark, some))
        if restarts:
            feed.restart()
            feed.shard.tick(feed.now_ms, {})
        end_ms = feed.now_ms if clock == "wall" else watermark * MINUTE_MS
        assert feed.shard.snapshot.now_ms == end_ms
        expected: dict[str, tuple[dict[int, dict[int, int]], ...]] = {}
        for length_ms, width in ((5 * MINUTE_MS, 1), (HOUR_MS, 1), (DAY_MS, 15)):
            last = -(-end_ms // (width * MINUTE_MS)) * width
            length = length_ms // MINUTE_MS
            for segment, minute, slot, amount in entries:
                back = (last - 1 - T0 - minute) // length
                if back in (0, 1):
                    tally = expected.setdefault(segment, ({}, {}))[back].setdefault(length_ms, {})
                    tally[slot] = tally.get(slot, 0) + amount
        assert {name: sums[:2] for name, sums in _sums(feed).items()} == expected


@given(
    st.lists(st.tuples(st.integers(0, 4 * 1440), st.sampled_from(_LIVE)), max_size=25),
    st.lists(st.tuples(st.integers(0, 24), st.integers(0, 600), st.booleans()), max_size=25),
)
@settings(max_examples=150, deadline=None)
def test_live_counts_and_their_oldest_are_exact_to_the_pane(
    begun: list[tuple[int, int]], ended: list[tuple[int, int, bool]]
) -> None:
    core: CoreConfig = config(horizons_ms=dict.fromkeys((MINUTE_MS, HOUR_MS, DAY_MS), 2 * DAY_MS))
    feed = Feed(core)
    feed.give(Delta(0, T0, {}))
    open_now = []
    for minute, slot in begun:
        open_now.append((minute, slot))
        feed.apply(delta(0, T0, [(ALL, minute, slot, 1)]))
    watermark = T0
    for index, advance, restart in ended:
        watermark += advance
        if index < len(open_now):
            minute, slot = open_now.pop(index)
            feed.apply(delta(0, watermark, [(ALL, minute, slot, -1)]))
        else:
            feed.apply(delta(0, watermark, []))
        feed.flush()
        if restart:
            feed.restart()
        by_day_before = (watermark - 2880) // 1440 * 1440 - T0
        shown = feed.shard.snapshot.segments.get(ALL)
        for one in _LIVE:
            since = [minute for minute, slot in open_now if slot == one]
            oldest = min(since, default=-1)
            count, oldest_ms = shown.live[one] if shown is not None else (0, -1)
            assert count == len(since)
            exact = {oldest}
            if (
                0 <= oldest < by_day_before
            ):  # merged into its day; what is shown follows with the segment's next change
                exact.add(oldest - oldest % 1440)
            assert oldest_ms in {(T0 + minute) * MINUTE_MS for minute in exact} if since else oldest_ms == -1
        assert any(key[:1] == b"l" for key in feed.changelog) == bool(open_now)
