"""Which answer of a survey stands, from when it counts, and what a retraction takes back."""

from itertools import permutations

import pytest

from schemas import events as ev
from tests.support.histories import START_MS, make, ticket_of

MINUTE = 60_000
SCALE = ev.Scale(min=1, max=5)


def answered(minute: int, score: int, revision: int = 0, **fields: str) -> ev.Event:
    return make(
        ev.SurveyAnswered,
        START_MS + minute * MINUTE,
        survey_id="s-1",
        kind="csat",
        scale=SCALE,
        score=score,
        revision=revision,
        **fields,
    )


def retracted(minute: int) -> ev.Event:
    return make(ev.SurveyRetracted, START_MS + minute * MINUTE, survey_id="s-1")


def outcome(*events: ev.Event) -> tuple[int | None, float] | None:
    """(score, minute of the first answer) of the survey, None where it is withdrawn; the same in every order."""
    outcomes: set[tuple[int | None, float] | None] = set()
    for order in permutations(events):
        ticket = ticket_of(order)
        (survey,) = ticket.surveys
        if survey.withdrawn or survey.answer is None or survey.first_at is None:
            outcomes.add(None)
        else:
            first = (ticket.base_ms + survey.first_at - START_MS) / MINUTE
            outcomes.add((survey.answer.score, first))
    (only,) = outcomes
    return only


def test_the_highest_revision_stands_and_the_window_stays_that_of_the_first_answer() -> None:
    assert outcome(answered(10, 2, revision=0), answered(30, 5, revision=1)) == (5, 10)


def test_a_higher_revision_stands_even_where_its_time_is_earlier() -> None:
    assert outcome(answered(30, 2, revision=0), answered(10, 5, revision=1)) == (5, 10)


def test_of_one_revision_the_later_answer_stands() -> None:
    assert outcome(answered(10, 2), answered(20, 4)) == (4, 10)


def test_of_one_revision_at_one_time_the_sequence_decides() -> None:
    assert outcome(answered(10, 2, sequence="1"), answered(10, 4, sequence="2")) == (4, 10)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([answered(10, 4), retracted(20)], None),
        ([answered(10, 4), retracted(20), answered(30, 5, revision=0)], None),
        ([answered(10, 4), retracted(20), answered(30, 5, revision=1)], (5, 10)),
        ([answered(10, 4), answered(15, 1, revision=3), retracted(20), answered(30, 5, revision=2)], None),
        ([answered(10, 4), retracted(20), answered(30, 5, revision=1), retracted(40)], None),
        ([retracted(5), answered(10, 4)], (4, 10)),
        ([answered(10, 4), retracted(10)], None),
    ],
)
def test_a_retracted_survey_comes_back_only_with_a_higher_revision(
    events: list[ev.Event], expected: tuple[int, float] | None
) -> None:
    assert outcome(*events) == expected
