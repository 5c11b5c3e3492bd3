"""Abandon rate, answer rate and handle time."""

from schemas import events as ev
from stream.core.config import CoreConfig
from tests.metrics.figures import figure_of, measures_of, metric_of, minutes
from tests.support.histories import START_MS, make

SECOND = 1000


def visit(number: int, outcome: str, wait_ms: int = 60 * SECOND) -> list[ev.Event]:
    data = {"ticket_id": f"t-{number}", "queue": "voice", "visit_id": f"v-{number}"}
    return [
        make(ev.TicketQueueEntered, START_MS, **data),
        make(ev.TicketQueueLeft, START_MS + wait_ms, outcome=outcome, **data),
    ]


def visits(**outcomes: int) -> list[ev.Event]:
    numbered = [outcome for outcome, times in outcomes.items() for _ in range(times)]
    return [event for number, outcome in enumerate(numbered) for event in visit(number, outcome)]


def test_12_of_200_that_were_answered_or_gave_up_are_6_percent() -> None:
    figure = figure_of("abandon_rate", visits(answered=188, abandoned=12, transferred=5, callback=3))
    assert (figure.value, figure.n) == (0.06, 200)
    assert figure.parts == {"abandoned": 12, "ended": 200}


def test_who_gives_up_within_5_seconds_is_counted_apart() -> None:
    events = [*visit(1, "abandoned", 4999), *visit(2, "abandoned", 5000), *visit(3, "answered", 1000)]
    figure = figure_of("abandon_rate", events)
    assert (figure.value, figure.n, figure.excluded) == (0.5, 2, {"short_abandon": 1})


def test_what_is_short_is_a_setting_that_the_definition_names() -> None:
    events = [*visit(1, "abandoned", 9999), *visit(2, "abandoned", 10_000)]
    ten, none = CoreConfig(short_abandon_ms=10_000), CoreConfig(short_abandon_ms=0)
    figure = figure_of("abandon_rate", events, ten)
    assert (figure.n, figure.excluded) == (1, {"short_abandon": 1})
    assert "within 10 s" in metric_of("abandon_rate", ten).definition
    figure = figure_of("abandon_rate", visit(1, "abandoned", 0), none)
    assert (figure.n, figure.excluded) == (1, {})
    assert "short_abandon" not in metric_of("abandon_rate", none).definition


def test_a_wait_that_is_unknown_or_negative_is_left_out_however_it_ended() -> None:
    """Left out only where it was given up, it would make the rate too low: 0 of 2 here."""
    ends = [(1, "abandoned"), (2, "answered")]
    events = [event for i, outcome in ends for event in visit(i, outcome, 60_000)[1:]]
    events += [event for i, outcome in ends for event in visit(i + 2, outcome, -1)]
    figure = figure_of("abandon_rate", events)
    assert (figure.n, figure.value) == (0, None)
    assert figure.excluded == {"unknown_wait": 2, "negative_duration": 2}
    figure = figure_of("abandon_rate", events, CoreConfig(short_abandon_ms=0))
    assert (figure.n, figure.value, figure.excluded) == (4, 0.5, {})


def test_answered_of_all_that_were_offered() -> None:
    figure = figure_of("answer_rate", visits(answered=8, abandoned=1, overflow=1))
    assert (figure.value, figure.n) == (0.8, 10)
    assert figure.parts == {"answered": 8, "offered": 10}
    assert set(minutes(measures_of("answer_rate", visits(answered=1)))) == {1}


def handled(minute: int, talk: int, hold: int, after: int, visit_id: str = "v-1") -> ev.Event:
    return make(
        ev.TicketHandled,
        START_MS + minute * 60 * SECOND,
        visit_id=visit_id,
        agent_id="a-7",
        talk_ms=talk * SECOND,
        hold_ms=hold * SECOND,
        after_ms=after * SECOND,
    )


def test_handle_time_is_talk_hold_and_after_call_work() -> None:
    figure = figure_of("handle_time", [handled(5, 200, 40, 60), handled(9, 80, 0, 20, "v-2")])
    assert (figure.value, figure.n) == (200, 2)
    parts = {name: figure.parts[name] for name in ("sum", "talk", "hold", "after")}
    assert parts == {"sum": 400, "talk": 280, "hold": 40, "after": 80}
    assert figure.quantiles is not None
    assert set(figure.parts) - {"n", "sum", "talk", "hold", "after"}, "buckets, and no part among them"


def test_it_is_the_agents_who_handled_it_in_the_queue_of_the_visit() -> None:
    entered = make(ev.TicketQueueEntered, START_MS, queue="voice", visit_id="v-1")
    labels = {labels for _, labels, _, _ in measures_of("handle_time", [entered, handled(5, 1, 1, 1)])}
    assert labels == {("acme", None, None, "voice", "a-7")}
