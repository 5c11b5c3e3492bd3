"""How many gave up waiting in a queue."""

from functools import cache
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED
from stream.core.measure import Figure, Measure, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Left, Visit
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series
from stream.metrics.visits import ended_visits, wait_ms

EXCLUDED: Final = ("short_abandon",)
_SHORT: Final = 0


def is_short(visit: Visit, left: Left, config: CoreConfig) -> bool:
    """Whether a visit that was given up was so at once; one whose beginning is unknown was not."""
    waited_ms = wait_ms(visit, left)
    return waited_ms is not None and 0 <= waited_ms < config.short_abandon_ms


def short_rule(seconds: int) -> str:
    """A sentence for definitions, or nothing where nobody is too short."""
    return f"Who gave up within {seconds} s is left out and counted as short_abandon. " if seconds else ""


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    measures: list[Measure] = []
    for instant_ms, labels, visit, left in ended_visits(ticket, config):
        if left.outcome == ANSWERED:
            measures.append((instant_ms, labels, OUT, 1))
        elif left.outcome == ABANDONED:
            slot = _SHORT if is_short(visit, left, config) else IN
            measures.append((instant_ms, labels, slot, 1))
    return measures


def _figures(tally: Tally) -> list[Figure]:
    return [share_figure("abandon_rate", tally, "abandoned", "ended", EXCLUDED)]


def metric(config: CoreConfig) -> Metric:
    """Follows ``short_abandon_ms``."""
    return _metric(config.short_abandon_ms // 1000)


@cache
def _metric(short_seconds: int) -> Metric:
    return Metric(
        id=9,
        name="abandon_rate",
        title="Abandon rate",
        unit="ratio",
        definition=(
            "Visits of queues that the customer gave up / visits that were answered or given up, in the window in which they ended. "
            f"{short_rule(short_seconds)}95 % interval after Wilson."
        ),
        source="Ours: given up / (answered + given up), over the same visits as service_level; who gives up at once did not wait",
        null_rule="Null where no visit was answered or given up.",
        excluded_reasons=EXCLUDED if short_seconds else (),
        reads=ALWAYS | {"visit"},
        measures=_measures,
        figures=_figures,
        samples=lambda tally: {"abandon_rate": share_sample(tally)},
        interval=True,
        series=(
            *share_series(
                "abandon",
                "Visits given up / visits answered or given up.",
                ("abandoned", "Visits given up, short ones apart."),
                ("ended", "Visits answered or given up."),
            ),
        ),
        parameters=f"short_abandon={short_seconds}s",
    )
