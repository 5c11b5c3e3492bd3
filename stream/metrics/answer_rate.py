"""How many of those that came into a queue were answered."""

from collections.abc import Callable
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ANSWERED
from stream.core.measure import Figure, Measure, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series
from stream.metrics.visits import ended_visits


def share_of_visits(outcome: int) -> Callable[[Ticket, CoreConfig], list[Measure]]:
    """Measures of every visit that ended, IN the share where it ended so: a code of :data:`stream.core.fact.OUTCOMES`."""

    def measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
        return [
            (instant_ms, labels, IN if left.outcome == outcome else OUT, 1)
            for instant_ms, labels, _, left in ended_visits(ticket, config)
        ]

    return measures


def _figures(tally: Tally) -> list[Figure]:
    return [share_figure("answer_rate", tally, "answered", "offered")]


METRIC: Final = Metric(
    id=10,
    name="answer_rate",
    title="Answer rate",
    unit="ratio",
    definition=(
        "Visits of queues that were answered / visits that were offered, whatever became of them (abandoned, transferred, called "
        "back, timed out, overflowed), in the window in which they ended. 95 % interval after Wilson."
    ),
    source="Genesys Cloud, columns of performance views, Answer %: https://help.mypurecloud.com/?p=334996",
    null_rule="Null where no visit ended.",
    excluded_reasons=(),
    reads=ALWAYS | {"visit"},
    measures=share_of_visits(ANSWERED),
    figures=_figures,
    samples=lambda tally: {"answer_rate": share_sample(tally)},
    interval=True,
    series=(
        *share_series(
            "answer",
            "Visits answered / visits offered.",
            ("answered", "Visits answered."),
            ("offered", "Visits that ended, answered or not."),
        ),
    ),
)
