import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.pane import (
    WindowLengthError,
    levels,
    live_key,
    oldest_start,
    pane_ms,
    parse_key,
    too_late_before_ms,
)


@pytest.mark.parametrize(
    ("gauge_ms", "expected_ms"),
    [
        (5 * MINUTE_MS, MINUTE_MS),
        (6 * HOUR_MS, MINUTE_MS),
        (7 * HOUR_MS, 15 * MINUTE_MS),
        (24 * HOUR_MS, 15 * MINUTE_MS),
        (24 * HOUR_MS + MINUTE_MS, MINUTE_MS),
        (30 * DAY_MS, HOUR_MS),
        (365 * DAY_MS, DAY_MS),
    ],
)
def test_running_windows_slide_by_panes_that_suit_and_divide_them(gauge_ms: int, expected_ms: int) -> None:
    assert pane_ms(gauge_ms) == expected_ms


def test_default_levels_are_minutes_quarters_hours_and_days() -> None:
    found = [(level.width, level.rollup, level.gauges, level.feed) for level in levels(CoreConfig())]
    assert found == [
        (1, True, (5, 60), None),
        (15, False, (96,), None),
        (60, True, (), 1),
        (1440, True, (), 2),
    ]


def test_a_gauge_does_not_prolong_a_rollups_horizon() -> None:
    short = CoreConfig(
        rollup_windows_ms=(MINUTE_MS,), gauge_windows_ms=(HOUR_MS,), horizons_ms={MINUTE_MS: 0}
    )
    found = [(level.width, level.rollup, level.horizon) for level in levels(short)]
    assert found == [(1, True, 0), (1, False, 120)]
    keys = {level.key(7, b"tenant=a") for level in levels(short)}
    assert len(keys) == 2


@pytest.mark.parametrize("changes", [{"rollup_windows_ms": (90_001,)}, {"gauge_windows_ms": (30_000,)}])
def test_lengths_that_are_not_whole_minutes_are_refused_by_setting(
    changes: dict[str, tuple[int, ...]],
) -> None:
    with pytest.raises(WindowLengthError, match=r"STREAM_(ROLLUP|GAUGE)_WINDOWS"):
        levels(CoreConfig(**changes))  # type: ignore[arg-type]  # one of two fields of the same type


def test_row_keys_come_apart_again() -> None:
    level = levels(CoreConfig())[2]
    assert parse_key(level.key(29_000_040, b"tenant=a")) == (b"w", 60, 29_000_040, b"tenant=a")
    assert parse_key(live_key(60, 29_000_040, b"tenant=a")) == (b"l", 60, 29_000_040, b"tenant=a")


@given(st.integers(0, 3 * 35 * DAY_MS), st.integers(0, 3 * 35 * DAY_MS))
def test_an_instant_is_too_late_when_its_window_has_ended_longer_ago_than_the_horizon(
    instant_ms: int, watermark_ms: int
) -> None:
    after_end_ms = {1: 6 * HOUR_MS, 15: 48 * HOUR_MS, 60: 35 * DAY_MS, 1440: 35 * DAY_MS}
    late = []
    for level in levels(CoreConfig()):
        width_ms = level.width * MINUTE_MS
        end_ms = instant_ms // width_ms * width_ms + width_ms
        late.append(end_ms + after_end_ms[level.width] <= watermark_ms)
        assert (instant_ms // MINUTE_MS < level.late_before(watermark_ms)) == late[-1]
    assert (instant_ms < too_late_before_ms(CoreConfig(), watermark_ms)) == all(late)


def test_a_horizon_without_end_makes_nothing_too_late() -> None:
    for_ever = CoreConfig(horizons_ms={MINUTE_MS: 0, HOUR_MS: -1, DAY_MS: 0})
    assert too_late_before_ms(for_ever, 10**15) == -1
    assert oldest_start(for_ever) is None
    assert too_late_before_ms(CoreConfig(), -1) == -1


def test_a_window_without_a_horizon_of_its_own_has_the_longest() -> None:
    one = CoreConfig(
        rollup_windows_ms=(5 * MINUTE_MS,), gauge_windows_ms=(), horizons_ms={HOUR_MS: 2 * HOUR_MS}
    )
    assert [level.horizon for level in levels(one)] == [120]
