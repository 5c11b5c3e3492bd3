"""service_level: answered in time, by each queue's own thresholds."""

import pytest

from schemas import events as ev
from stream.core.config import CoreConfig
from tests.metrics.figures import figures_of, measures_of, minutes
from tests.support.histories import START_MS, make

SECOND = 1000
TWO = CoreConfig(service_level_seconds={"*": (20, 60), "vip": (10,)})


def visit(number: int, outcome: str, wait_ms: int, queue: str = "voice") -> list[ev.Event]:
    data = {"ticket_id": f"t-{number}", "queue": queue, "visit_id": "v"}
    return [
        make(ev.TicketQueueEntered, START_MS, **data),
        make(ev.TicketQueueLeft, START_MS + wait_ms, outcome=outcome, **data),
    ]


def test_860_of_1050_without_10_short_ones_are_81_9_percent() -> None:
    """1000 answered, 860 of them within 20 s; 60 gave up: 10 within 5 s, 10 more within 20 s, 40 later."""
    waits = [("answered", 20_000)] * 860 + [("answered", 20_001)] * 140
    waits += [("abandoned", 4_999)] * 10 + [("abandoned", 15_000)] * 10 + [("abandoned", 30_000)] * 40
    events = [event for number, (outcome, wait) in enumerate(waits) for event in visit(number, outcome, wait)]
    figures = figures_of("service_level", events)
    assert set(figures) == {"service_level", "service_level_20s"}
    for figure in figures.values():
        assert (figure.value, figure.n) == (860 / 1050, 1050)
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < 860 / 1050 < figure.high
    assert figures["service_level"].excluded == {"short_abandon": 10}


@pytest.mark.parametrize("outcome", ["transferred", "callback", "timeout", "overflow"])
def test_what_was_neither_answered_nor_given_up_is_not_in_it(outcome: str) -> None:
    assert measures_of("service_level", visit(1, outcome, 1)) == []


def test_each_queue_is_judged_by_its_own_thresholds() -> None:
    events = [
        *visit(1, "answered", 15 * SECOND, "vip"),
        *visit(2, "answered", 15 * SECOND),
        *visit(3, "answered", 50 * SECOND),
        *visit(4, "abandoned", 50 * SECOND, "vip"),
    ]
    figures = figures_of("service_level", events, TWO)
    whole = figures.pop("service_level")
    assert (whole.parts["in_target"], whole.n) == (1, 4)
    assert {name: (one.parts["met"], one.n) for name, one in figures.items()} == {
        "service_level_10s": (0, 2),
        "service_level_20s": (1, 2),
        "service_level_60s": (2, 2),
    }


def test_a_wait_that_is_unknown_or_negative_is_left_out_and_counted() -> None:
    events = [
        *visit(1, "answered", 1)[1:],
        *visit(2, "answered", -1),
        *visit(3, "abandoned", -1),
        *visit(4, "abandoned", 1)[1:],
    ]
    figure = figures_of("service_level", events)["service_level"]
    assert figure.excluded == {"negative_duration": 2, "unknown_wait": 2}
    assert (figure.n, figure.value) == (0, None)


def test_it_counts_when_the_visit_ended_in_the_queue_that_it_left() -> None:
    measures = measures_of("service_level", visit(1, "answered", 120 * SECOND, "vip"), TWO)
    assert set(minutes(measures)) == {2}
    assert {labels[3] for _, labels, _, _ in measures} == {"vip"}
