"""Speed of answer: how long customers that were served had waited in a queue."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ANSWERED
from stream.core.measure import Figure, Tally, Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import EXCLUDED as OF_DURATIONS
from stream.metrics.durations import duration_figure, duration_sample, duration_series, measured
from stream.metrics.visits import ended_visits

EXCLUDED: Final = (*OF_DURATIONS, "unknown_wait")
_UNKNOWN: Final = len(OF_DURATIONS)


def _waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    waits: list[Wait] = []
    for instant_ms, labels, visit, left in ended_visits(ticket, config):
        if left.outcome == ANSWERED:
            entered = visit.entered
            waited = _UNKNOWN if entered is None else (ticket.base_ms + entered.at, instant_ms)
            waits.append((instant_ms, labels, waited))
    return waits


def _figures(tally: Tally) -> list[Figure]:
    return [duration_figure("queue_wait_time", tally, EXCLUDED)]


METRIC: Final = Metric(
    id=7,
    name="queue_wait_time",
    title="Queue wait time",
    unit="seconds",
    definition=(
        "Total wait / customers served: from entering a queue to being answered, per visit that ended so. The window is that of the "
        "answer, the queue that of the visit. Mean, and quantiles within 1/64."
    ),
    source="Genesys Cloud, average speed of answer: https://help.mypurecloud.com/glossary/average-speed-of-answer-asa",
    null_rule="Null where nobody was served; an answered visit whose beginning is unknown is counted as unknown_wait.",
    excluded_reasons=EXCLUDED,
    reads=ALWAYS | {"visit"},
    measures=measured(_waits),
    figures=_figures,
    samples=lambda tally: {"queue_wait_time": duration_sample(tally)},
    series=duration_series("queue_wait", "Entering a queue to being answered"),
    waits=_waits,
)
