"""How long tickets stood in which status, when they were solved."""

from collections.abc import Collection

from stream.core.config import CoreConfig
from stream.core.fact import STATUSES
from stream.core.measure import Measure
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import EXCLUDED, duration_figure, duration_measures, duration_series
from stream.metrics.solving import solvings


def time_in(ticket: Ticket, statuses: Collection[int], until: int) -> int:
    """Milliseconds that a ticket stood in these statuses from its creation until an instant; it is created as new."""
    spent = 0
    status, since = STATUSES["new"], 0
    for change in ticket.statuses:
        if change.at > until:
            break
        if status in statuses:
            spent += change.at - since
        status, since = change.status, change.at
    return spent + (until - since if status in statuses else 0)


def status_metric(number: int, name: str, title: str, definition: str, source: str, *names: str) -> Metric:
    """Time in the named statuses until the last solving, over all reopenings."""
    codes = frozenset(STATUSES[status] for status in names)

    def measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
        if ticket.creation is None or ticket.gone:
            return []
        steps = solvings(ticket)
        if not steps:
            return []
        instant_ms = ticket.base_ms + steps[-1]
        labels = ticket.labels_at(instant_ms, config)
        return [*duration_measures(instant_ms, labels, time_in(ticket, codes, steps[-1]))]

    return Metric(
        id=number,
        name=name,
        title=title,
        unit="seconds",
        definition=(
            f"{definition} It adds up over reopenings and counts in the window in which the ticket was last solved. Mean, and "
            "quantiles within 1/64."
        ),
        source=source,
        null_rule="Null where nothing was solved; a ticket whose creation is unknown is not in it.",
        excluded_reasons=EXCLUDED,
        reads=ALWAYS | {"status"},
        measures=measures,
        figures=lambda tally: [duration_figure(name, tally)],
        series=duration_series(name.removesuffix("_time"), title),
    )
