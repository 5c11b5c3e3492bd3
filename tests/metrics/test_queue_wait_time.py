"""queue_wait_time: total wait / customers served."""

from schemas import events as ev
from tests.metrics.figures import figure_of, measures_of, minutes
from tests.support.histories import START_MS, make

MINUTE = 60_000


def visit(number: int, wait_ms: int, outcome: str = "answered") -> list[ev.Event]:
    data = {"ticket_id": f"t-{number}", "queue": "voice", "visit_id": f"v-{number}"}
    return [
        make(ev.TicketQueueEntered, START_MS, **data),
        make(ev.TicketQueueLeft, START_MS + wait_ms, outcome=outcome, **data),
    ]


def test_500_minutes_over_200_served_are_2_and_a_half() -> None:
    events = [event for number in range(100) for event in visit(number, 2 * MINUTE)]
    events += [event for number in range(100, 200) for event in visit(number, 3 * MINUTE)]
    figure = figure_of("queue_wait_time", events)
    assert figure.value == 2.5 * 60
    assert (figure.n, figure.parts["sum"]) == (200, 500 * 60)


def test_only_those_that_were_answered_count() -> None:
    outcomes = ["abandoned", "transferred", "callback", "timeout", "overflow"]
    events = [event for number, outcome in enumerate(outcomes) for event in visit(number, MINUTE, outcome)]
    assert figure_of("queue_wait_time", events).n == 0


def test_a_visit_counts_for_its_own_queue_when_it_is_answered() -> None:
    created = make(ev.TicketCreated, START_MS, ticket_id="t-1", channel="voice", team="billing", queue="mail")
    measures = measures_of("queue_wait_time", [*visit(1, 4 * MINUTE), created])
    assert set(minutes(measures)) == {4}
    assert {labels for _, labels, _, _ in measures} == {("acme", "billing", "voice", "voice", None)}


def test_a_wait_that_ends_before_it_begins_is_excluded_and_counted() -> None:
    figure = figure_of("queue_wait_time", visit(1, -1000))
    assert (figure.n, figure.excluded) == (0, {"negative_duration": 1})


def test_a_visit_without_its_beginning_waits_for_it() -> None:
    entered, left = visit(1, MINUTE)
    assert figure_of("queue_wait_time", [left]).n == 0
    assert figure_of("queue_wait_time", [left, entered]).n == 1
