"""Watermark of one source partition: what holds it back, what lets go of it."""

import msgspec
import pytest

from stream.core.config import CoreConfig
from stream.core.watermark import NONE_MS, SourceWatermark

EVENT = CoreConfig(clock="event", lateness_ms=60_000, idle_after_ms=60_000)
WALL = msgspec.structs.replace(EVENT, clock="wall")
NOW = 1_790_000_000_000


def watermark(config: CoreConfig = EVENT) -> SourceWatermark:
    return SourceWatermark(config, [NONE_MS] * 3)


def test_the_slowest_topic_decides() -> None:
    w = watermark()
    for topic, time_ms in enumerate((NOW, NOW - 5_000, NOW - 90_000)):
        w.observe(topic, time_ms, NOW)
    w.advance(NOW, [True] * 3)
    assert w.watermark_ms == NOW - 90_000 - 60_000


def test_a_topic_not_heard_of_holds_back_until_it_is_silent_long_enough() -> None:
    w = watermark()
    w.observe(0, NOW, NOW)
    w.observe(1, NOW, NOW)
    w.advance(NOW, [True] * 3)
    assert w.watermark_ms == NONE_MS
    w.observe(0, NOW, NOW + 60_000)
    w.observe(1, NOW, NOW + 60_000)
    w.advance(NOW + 60_000, [True] * 3)
    assert w.watermark_ms == NOW - 60_000


def test_a_silent_topic_with_a_backlog_is_not_idle() -> None:
    w = watermark()
    w.observe(0, NOW, NOW)
    w.advance(NOW, [True, False, False])
    w.observe(0, NOW, NOW + 600_000)
    w.advance(NOW + 600_000, [True, False, False])
    assert w.watermark_ms == NONE_MS


def test_refused_records_alone_show_life_but_no_progress() -> None:
    w = watermark()
    w.observe(0, NONE_MS, NOW)
    w.advance(NOW, [True] * 3)
    assert w.watermark_ms == NONE_MS


@pytest.mark.parametrize(
    ("config", "expected_ms", "idle"), [(EVENT, NOW - 60_000, True), (WALL, NOW + 120_000 - 60_000, False)]
)
def test_when_all_are_silent_only_a_wall_clock_goes_on(
    config: CoreConfig, expected_ms: int, idle: bool
) -> None:
    w = watermark(config)
    for topic in range(3):
        w.observe(topic, NOW, NOW)
    w.advance(NOW, [True] * 3)
    w.advance(NOW + 120_000, [True] * 3)
    assert (w.watermark_ms, w.idle) == (expected_ms, idle)


def test_it_never_goes_back() -> None:
    w = watermark(WALL)
    w.advance(NOW, [True] * 3)
    w.advance(NOW + 60_000, [True] * 3)
    high_ms = w.watermark_ms
    for topic in range(3):
        w.observe(topic, NOW - 3_600_000, NOW + 61_000)
    assert w.advance(NOW + 61_000, [True] * 3) is False
    assert w.watermark_ms == high_ms == NOW
