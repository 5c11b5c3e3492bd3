"""survey_response: answered / sent, in the window of the sending."""

from schemas import events as ev
from tests.metrics.figures import figure_of, measures_of, minutes
from tests.support.histories import START_MS, make

MINUTE = 60_000
SCALE = ev.Scale(min=1, max=5)


def sent(survey: str, minute: int = 0) -> ev.Event:
    return make(ev.SurveySent, START_MS + minute * MINUTE, survey_id=survey, kind="csat", scale=SCALE)


def answered(survey: str, minute: int, revision: int = 0) -> ev.Event:
    return make(
        ev.SurveyAnswered,
        START_MS + minute * MINUTE,
        survey_id=survey,
        kind="csat",
        revision=revision,
        label="good",
    )


def test_answers_are_counted_where_the_survey_was_sent_and_once() -> None:
    events = [
        sent("s-1"),
        sent("s-2", 1),
        sent("s-3", 2),
        sent("s-4", 3),
        answered("s-1", 90),
        answered("s-1", 95, 1),
    ]
    figure = figure_of("survey_response", events)
    assert (figure.n, figure.value) == (4, 0.25)
    assert sorted(minutes(measures_of("survey_response", events))) == [0, 0, 1, 2, 3]


def test_an_expired_survey_is_no_answer() -> None:
    expired = make(ev.SurveyExpired, START_MS + MINUTE, survey_id="s-1")
    assert figure_of("survey_response", [sent("s-1"), expired]).value == 0


def test_an_answer_to_an_unknown_survey_is_counted_apart_until_its_sending_is_known() -> None:
    figure = figure_of("survey_response", [answered("s-1", 5)])
    assert (figure.n, figure.value, figure.parts["answered_without_sent"]) == (0, None, 1)
    assert figure.excluded == {"unknown_survey": 1}
    figure = figure_of("survey_response", [answered("s-1", 5), sent("s-1")])
    assert (figure.n, figure.value, figure.parts["answered_without_sent"]) == (1, 1, 0)
    assert figure.excluded == {}


def test_a_retracted_survey_leaves_every_window() -> None:
    retracted = make(ev.SurveyRetracted, START_MS + 9 * MINUTE, survey_id="s-1")
    assert measures_of("survey_response", [sent("s-1"), answered("s-1", 5), retracted]) == []
