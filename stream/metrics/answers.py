"""Survey answers that stand, for the metrics that count them."""

from collections.abc import Callable

from stream.core.config import CoreConfig
from stream.core.measure import Measure
from stream.core.ticket import Ticket
from stream.core.ticket_facts import Answer


def answer_measures(
    ticket: Ticket, config: CoreConfig, kind: int, slot_of: Callable[[Answer], int]
) -> list[Measure]:
    """One measure per standing answer of a kind, in the window of the survey's first answer."""
    surveys = ticket.surveys
    if not surveys or ticket.gone:
        return []
    measures: list[Measure] = []
    for survey in surveys:
        answer = survey.answer
        if answer is None or answer.what >> 4 != kind or survey.withdrawn:
            continue
        first_at = survey.first_at
        if first_at is not None:
            labels = ticket.answer_labels(survey, config)
            measures.append((ticket.base_ms + first_at, labels, slot_of(answer), 1))
    return measures
