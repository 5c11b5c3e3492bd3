"""Survey response rate."""

from typing import Final

import msgspec

from stream.core.config import CoreConfig
from stream.core.interval import Sample, Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.shares import share_series

SENT: Final = EXCLUDED_SLOTS
ANSWERED: Final = EXCLUDED_SLOTS + 1
WITHOUT_SENT: Final = EXCLUDED_SLOTS + 2
"""Answers that are counted though their sending is unknown, as some profiles do; we leave them out, as unknown_survey."""
EXCLUDED: Final = ("unknown_survey",)
_UNKNOWN_SURVEY: Final = 0


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if not ticket.surveys or ticket.gone:
        return []
    measures: list[Measure] = []
    base_ms = ticket.base_ms
    for survey in ticket.surveys:
        if survey.retracted_at is not None and survey.withdrawn:
            continue
        sent = survey.sent
        if sent is not None:
            instant_ms = base_ms + sent.at
            labels = ticket.labels_at(instant_ms, config)
            measures.append((instant_ms, labels, SENT, 1))
            if survey.answer is not None:
                measures.append((instant_ms, labels, ANSWERED, 1))
        elif survey.revisions:
            instant_ms = base_ms + min(survey.revisions[1::2])
            # A measure of the answer, so of the team and agent that it names, as in the metrics of answers.
            measures.append((instant_ms, ticket.answer_labels(survey, config), _UNKNOWN_SURVEY, 1))
    return measures


def response_figure(tally: Tally) -> Figure:
    """Answered / sent. No interval: whoever knows that no more are answered than were sent adds it."""
    sent, answered = tally.get(SENT, 0), tally.get(ANSWERED, 0)
    return Figure(
        metric="survey_response",
        n=sent,
        value=answered / sent if sent > 0 else None,
        unit="ratio",
        parts={
            "sent": sent,
            "answered": answered,
            "answered_without_sent": tally.get(WITHOUT_SENT, 0) + tally.get(_UNKNOWN_SURVEY, 0),
        },
        excluded=excluded_of(tally, EXCLUDED),
    )


def _figures(tally: Tally) -> list[Figure]:
    figure = response_figure(tally)
    low, high = wilson(tally.get(ANSWERED, 0), figure.n) or (None, None)
    return [msgspec.structs.replace(figure, low=low, high=high)]


def _samples(tally: Tally) -> dict[str, Sample | None]:
    sent = tally.get(SENT, 0)
    return {"survey_response": Share(tally.get(ANSWERED, 0), sent) if sent > 0 else None}


METRIC: Final = Metric(
    id=4,
    name="survey_response",
    title="Survey response rate",
    unit="ratio",
    definition=(
        "Surveys answered / surveys sent, of all kinds. Both count in the window in which the survey was sent. Expired surveys are "
        "not answers; answers to surveys whose sending is unknown are counted as unknown_survey, in the window of the answer and for the "
        "team and agent that it names. 95 % interval after Wilson."
    ),
    source="Ours: answered / sent, each survey in the window of its sending, so that no share is above 1",
    null_rule="Null where nothing was sent.",
    excluded_reasons=EXCLUDED,
    reads=ALWAYS | {"survey"},
    measures=_measures,
    figures=_figures,
    samples=_samples,
    interval=True,
    version=3,
    series=(
        *share_series(
            "survey_response",
            "Surveys answered / surveys sent.",
            ("answered", "Of these, answered."),
            ("sent", "Surveys sent."),
        ),
        Series(
            "survey_response_answered_without_sent",
            "Answers to surveys whose sending is unknown.",
            lambda figure: figure.parts["answered_without_sent"],
        ),
    ),
)
