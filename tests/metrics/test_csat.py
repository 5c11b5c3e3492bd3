"""csat: satisfied / answered."""

import pytest

from schemas import events as ev
from tests.metrics.figures import figure_of, measures_of, minutes
from tests.support.histories import START_MS, make

MINUTE = 60_000


def answer(number: int, scale: tuple[int, int], score: int, **fields: str) -> ev.Event:
    return make(
        ev.SurveyAnswered,
        START_MS + MINUTE,
        ticket_id=f"t-{number}",
        survey_id=f"s-{number}",
        kind="csat",
        revision=0,
        scale=ev.Scale(min=scale[0], max=scale[1]),
        score=score,
        **fields,
    )


def worded(number: int, label: str) -> ev.Event:
    return make(
        ev.SurveyAnswered,
        START_MS,
        ticket_id=f"t-{number}",
        survey_id=f"s-{number}",
        kind="csat",
        revision=0,
        label=label,
    )


def test_30_and_50_of_112_are_71_43_percent() -> None:
    scores = [4] * 30 + [5] * 50 + [3] * 12 + [2] * 10 + [1] * 10
    figure = figure_of("csat", [answer(number, (1, 5), score) for number, score in enumerate(scores)])
    assert figure.value is not None
    assert round(100 * figure.value, 2) == 71.43
    assert figure.n == 112
    assert figure.parts == {"satisfied": 80, "answered": 112}
    assert (figure.low, figure.high) == pytest.approx((0.6246, 0.7898), abs=5e-5)


def test_30_good_of_50_are_60_percent() -> None:
    figure = figure_of("csat", [worded(number, "good" if number < 30 else "bad") for number in range(50)])
    assert (figure.value, figure.n) == (0.6, 50)


@pytest.mark.parametrize(
    ("scale", "lowest_satisfied"),
    [
        ((0, 1), 1),
        ((1, 2), 2),
        ((1, 3), 3),
        ((1, 4), 3),
        ((1, 5), 4),
        ((1, 6), 5),
        ((1, 7), 6),
        ((1, 10), 8),
        ((0, 10), 8),
    ],
)
def test_the_top_box_of_each_scale(scale: tuple[int, int], lowest_satisfied: int) -> None:
    for score in range(scale[0], scale[1] + 1):
        assert figure_of("csat", [answer(1, scale, score)]).value == (score >= lowest_satisfied)


def test_of_five_words_the_two_best_are_satisfied() -> None:
    words = ["very_satisfied", "satisfied", "neutral", "dissatisfied", "very_dissatisfied"]
    assert [figure_of("csat", [worded(1, word)]).value for word in words] == [1, 1, 0, 0, 0]


def test_an_answer_belongs_to_those_it_names_else_to_the_holders_at_its_first_time() -> None:
    created = make(ev.TicketCreated, START_MS, ticket_id="t-1", channel="email", team="billing")
    moved = make(ev.TicketAssigned, START_MS + 2 * MINUTE, ticket_id="t-1", team="returns", agent_id="a-9")
    changed = make(
        ev.SurveyAnswered,
        START_MS + 3 * MINUTE,
        ticket_id="t-1",
        survey_id="s-1",
        kind="csat",
        revision=1,
        scale=ev.Scale(min=1, max=5),
        score=1,
    )
    (measure,) = measures_of("csat", [created, moved, answer(1, (1, 5), 5), changed])
    assert minutes([measure]) == [1]
    assert measure[1] == ("acme", "billing", "email", None, None)
    (measure,) = measures_of("csat", [created, moved, answer(1, (1, 5), 5, agent_id="a-1", team="voice")])
    assert measure[1] == ("acme", "voice", "email", None, "a-1")


def test_other_kinds_of_survey_do_not_count() -> None:
    nps = make(
        ev.SurveyAnswered,
        START_MS,
        survey_id="s",
        kind="nps",
        revision=0,
        scale=ev.Scale(min=0, max=10),
        score=9,
    )
    assert figure_of("csat", [nps]).n == 0


def test_a_customers_survey_without_a_ticket_counts_for_the_tenant() -> None:
    event = make(
        ev.SurveyAnswered,
        START_MS,
        ticket_id=None,
        customer_id="c-1",
        survey_id="s-1",
        kind="csat",
        revision=0,
        label="good",
    )
    assert measures_of("csat", [event])[0][1] == ("acme", None, None, None, None)
