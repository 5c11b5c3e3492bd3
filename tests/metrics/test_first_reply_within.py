"""first_reply_within: one figure per target."""

from hypothesis import given
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.measure import SLOTS_PER_METRIC
from stream.metrics.first_reply_within import (
    MINUTES_UP_TO_MS,
    REPLIES,
    SECONDS_UP_TO_MS,
    target_of,
    target_slot,
)
from tests.metrics.figures import figures_of, measures_of, minutes
from tests.metrics.test_reply_times import created, said

DAY = CoreConfig(first_reply_within_ms=(30_000, 24 * 3_600_000))


def replied(number: int, minute: float) -> list[ev.Event]:
    return [created(ticket=f"t-{number}"), said(minute, "agent", ticket=f"t-{number}")]


def test_of_ten_first_replies_seven_came_in_10_minutes_and_nine_in_an_hour() -> None:
    waits = [1, 2, 3, 4, 5, 9, 10, 10.01, 60, 61]
    events = [event for number, minute in enumerate(waits) for event in replied(number, minute)]
    figures = figures_of("first_reply_within", events)
    assert {name: (one.value, one.n) for name, one in figures.items()} == {
        "first_reply_within_10m": (0.7, 10),
        "first_reply_within_1h": (0.9, 10),
    }
    assert figures["first_reply_within_10m"].parts == {"in_time": 7, "replies": 10}
    assert figures["first_reply_within_10m"].low is not None


def test_targets_are_settings_and_part_of_the_name() -> None:
    figures = figures_of("first_reply_within", replied(1, 1), DAY)
    assert {name: one.value for name, one in figures.items()} == {
        "first_reply_within_30s": 0,
        "first_reply_within_24h": 1,
    }


def test_it_is_the_first_reply_of_first_reply_time() -> None:
    events = [created("agent"), said(0, "agent"), said(2, "bot"), said(30, "agent"), said(40, "agent")]
    measures = measures_of("first_reply_within", events)
    passed_over, *measures = measures
    assert (passed_over[2], minutes([passed_over])) == (1, [2])
    assert set(minutes(measures)) == {30}
    assert {slot for _, _, slot, _ in measures} == {REPLIES, target_slot(3_600_000)}
    assert measures_of("first_reply_within", [created()]) == []


def test_a_reply_before_its_ticket_is_left_out_of_every_target_and_counted() -> None:
    for figure in figures_of("first_reply_within", replied(1, -1)).values():
        assert (figure.n, figure.excluded) == (0, {"negative_duration": 1})


@given(
    st.integers(1, SECONDS_UP_TO_MS // 1000).map(lambda seconds: seconds * 1000)
    | st.integers(SECONDS_UP_TO_MS // 60_000, MINUTES_UP_TO_MS // 60_000).map(lambda minute: minute * 60_000)
)
def test_each_target_has_a_slot_of_its_own(target_ms: int) -> None:
    slot = target_slot(target_ms)
    assert REPLIES < slot < SLOTS_PER_METRIC
    assert target_of(slot) == target_ms
