"""Old events that change nothing are not passed over in silence."""

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from stream.web.too_late import LOG_SECONDS, TooLate


class Watch:
    """A watch with a clock in the test's hand."""

    def __init__(self, clock: str = "wall") -> None:
        self.seconds = 0.0
        self.watched = TooLate(clock, lambda: self.seconds)

    def see(self, partition: int, counts: Mapping[str, int]) -> list[Mapping[str, int]]:
        """Show it the counters; return what it logged."""
        with capture_logs() as lines:
            self.watched.see(partition, counts)
        assert {line["event"] for line in lines} <= {"events.too_late"}
        return [line["measures"] for line in lines]


def test_what_rises_is_noted_per_metric_over_all_partitions() -> None:
    watch = Watch()
    watch.see(0, {})
    watch.see(1, {"csat": 5})  # of the worker that had it before
    assert watch.watched.notes == ()
    watch.see(0, {"reply_time": 1200})
    watch.see(1, {"csat": 7})
    watch.see(1, {"csat": 7})
    note = "\n".join(watch.watched.notes)
    assert "csat 2, reply_time 1,200;" in note
    assert "STREAM_CLOCK=event" in note


def test_the_log_has_one_line_a_minute_with_all_that_came() -> None:
    watch = Watch()
    watch.see(0, {})
    assert watch.see(0, {"csat": 1}) == [{"csat": 1}]
    watch.seconds = LOG_SECONDS - 1
    assert watch.see(0, {"csat": 3}) == []
    watch.seconds = LOG_SECONDS
    assert watch.see(0, {"csat": 3}) == [{"csat": 3}]
    watch.seconds = 10 * LOG_SECONDS
    assert watch.see(0, {"csat": 3}) == []


@pytest.mark.parametrize(("clock", "advised"), [("wall", True), ("event", False)])
def test_the_clock_is_advised_where_it_would_help(clock: str, advised: bool) -> None:
    watch = Watch(clock)
    watch.see(0, {})
    watch.see(0, {"csat": 1})
    assert ("STREAM_CLOCK=event" in watch.watched.notes[0]) == advised
    assert "STREAM_CORRECTION_HORIZON" in watch.watched.notes[0]
