"""Survey response rate."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.interval import Sample, Share
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket

SENT: Final = EXCLUDED_SLOTS
ANSWERED: Final = EXCLUDED_SLOTS + 1
WITHOUT_SENT: Final = EXCLUDED_SLOTS + 2


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
            measures.append((instant_ms, ticket.answer_labels(survey, config), WITHOUT_SENT, 1))
    return measures


def _figures(tally: Tally) -> list[Figure]:
    sent, answered = tally.get(SENT, 0), tally.get(ANSWERED, 0)
    return [
        Figure(
            metric="survey_response",
            n=sent,
            value=answered / sent if sent > 0 else None,
            unit="ratio",
            parts={
                "sent": sent,
                "answered": answered,
                "answered_without_sent": tally.get(WITHOUT_SENT, 0),
            },
        )
    ]


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
        "not answers; answers to surveys whose sending is unknown are counted apart, in the window of the answer and for the team and "
        "agent that it names."
    ),
    source="Ours: answered / sent, each survey in the window of its sending, so that no share is above 1",
    null_rule="Null where nothing was sent.",
    excluded_reasons=(),
    reads=ALWAYS | {"survey"},
    measures=_measures,
    figures=_figures,
    samples=_samples,
    version=2,
    series=(
        Series("survey_response_ratio", "Surveys answered / surveys sent.", lambda figure: figure.value),
        Series("survey_response_sent", "Surveys sent.", lambda figure: figure.n),
        Series("survey_response_answered", "Of these, answered.", lambda figure: figure.parts["answered"]),
        Series(
            "survey_response_answered_without_sent",
            "Answers to surveys whose sending is unknown.",
            lambda figure: figure.parts["answered_without_sent"],
        ),
    ),
)
