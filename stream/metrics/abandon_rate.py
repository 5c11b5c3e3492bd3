"""How many gave up waiting in a queue."""

from functools import cache

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED
from stream.core.measure import Figure, Measure, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series
from stream.metrics.visits import EXCLUDED, NEGATIVE, SHORT, UNKNOWN, ended_visits, is_short, wait_ms


def short_rule(seconds: int) -> str:
    """A sentence for definitions, or nothing where nobody is too short."""
    return f"Who gave up within {seconds} s is left out and counted as short_abandon. " if seconds else ""


def _wait_rule(seconds: int) -> str:
    return (
        "So is a visit of which nobody knows how long it lasted, answered or not, as unknown_wait or negative_duration. "
        if seconds
        else ""
    )


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    """Where short ones count apart, a visit whose wait nobody knows is left out however it ended.

    Left out only where it was given up, it would make the share too low.
    """
    measures: list[Measure] = []
    asks_wait = config.short_abandon_ms > 0
    for instant_ms, labels, visit, left in ended_visits(ticket, config):
        if left.outcome not in (ANSWERED, ABANDONED):
            continue
        waited_ms = wait_ms(visit, left)
        if asks_wait and (waited_ms is None or waited_ms < 0):
            slot = UNKNOWN if waited_ms is None else NEGATIVE
        elif left.outcome == ANSWERED:
            slot = OUT
        else:
            slot = SHORT if is_short(visit, left, config) else IN
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
            f"{short_rule(short_seconds)}{_wait_rule(short_seconds)}95 % interval after Wilson."
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
        version=2,
        parameters=f"short_abandon={short_seconds}s",
    )
