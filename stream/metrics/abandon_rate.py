"""How many gave up waiting in a queue."""

from functools import cache
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED
from stream.core.measure import Figure, Measure, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Visit
from stream.metrics.queue_wait_time import visit_labels
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series

EXCLUDED: Final = ("short_abandon",)
_SHORT: Final = 0


def is_short(visit: Visit, config: CoreConfig) -> bool:
    """Whether a visit that was given up was so at once; one whose beginning is unknown was not."""
    entered, left = visit.entered, visit.left
    return entered is not None and left is not None and 0 <= left.at - entered.at < config.short_abandon_ms


def short_rule(seconds: int) -> str:
    """A sentence for definitions, or nothing where nobody is too short."""
    return f"Who gave up within {seconds} s is left out and counted as short_abandon. " if seconds else ""


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    rare = ticket.rare
    if rare is None or not rare.visits or ticket.gone:
        return []
    measures: list[Measure] = []
    for visit in rare.visits:
        left = visit.left
        if left is None or left.outcome not in (ANSWERED, ABANDONED):
            continue
        slot = OUT if left.outcome == ANSWERED else IN
        if slot == IN and is_short(visit, config):
            slot = _SHORT
        instant_ms = ticket.base_ms + left.at
        measures.append((instant_ms, visit_labels(ticket.labels_at(instant_ms, config), left.queue), slot, 1))
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
        excluded_reasons=EXCLUDED,
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
