"""When a ticket was solved, and what all metrics about it share."""

from collections.abc import Callable

from stream.core.config import CoreConfig
from stream.core.fact import CLOSED, SOLVED
from stream.core.measure import Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import EXCLUDED, duration_figure, duration_sample, duration_series, measured


def solvings(ticket: Ticket) -> list[int]:
    """Each step into solved or closed from outside both, in milliseconds from ``base_ms``."""
    steps: list[int] = []
    before = False
    for change in ticket.statuses:
        settled = change.status in (SOLVED, CLOSED)
        if settled and not before:
            steps.append(change.at)
        before = settled
    return steps


def resolution_metric(
    number: int,
    name: str,
    title: str,
    definition: str,
    source: str,
    *,
    which: int,
    of: Callable[[Ticket], bool] = lambda _: True,
    reads: frozenset[str] = frozenset(),
) -> Metric:
    """Creation to the first (``which`` 0) or the last (-1) solving of the tickets that ``of`` names."""

    def waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
        if ticket.creation is None or ticket.gone or not of(ticket):
            return []
        steps = solvings(ticket)
        if not steps:
            return []
        instant_ms = ticket.base_ms + steps[which]
        return [(instant_ms, ticket.labels_at(instant_ms, config), (ticket.base_ms, instant_ms))]

    return Metric(
        id=number,
        name=name,
        title=title,
        unit="seconds",
        definition=f"{definition} The window is that of the solving. Mean, and quantiles within 1/64.",
        source=source,
        null_rule="Null where nothing was solved; a ticket whose creation is unknown is not in it.",
        excluded_reasons=EXCLUDED,
        reads=ALWAYS | {"status"} | reads,
        measures=measured(waits),
        figures=lambda tally: [duration_figure(name, tally)],
        samples=lambda tally: {name: duration_sample(tally)},
        series=duration_series(name.removesuffix("_time"), title),
        waits=waits,
    )
