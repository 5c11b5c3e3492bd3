"""How long tickets stood in which status, when they were solved."""

from collections.abc import Collection
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import STATUSES
from stream.core.measure import Wait
from stream.core.metric import Metric, never
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import EXCLUDED, duration_figure, duration_sample, duration_series, measured
from stream.metrics.solving import solvings

CREATED_AS: Final = STATUSES["new"]
NEVER_NEGATIVE: Final = never(EXCLUDED, "negative_duration")
"""Of times between changes, which are in their order. Only a change that is dated before the creation makes a time negative."""


def stretches_in(ticket: Ticket, statuses: Collection[int], until: int) -> tuple[int, ...]:
    """From when to when a ticket stood in these statuses, from its creation until an instant; it is created as new."""
    base_ms = ticket.base_ms
    stretches: list[int] = []
    status, since = CREATED_AS, 0
    for change in ticket.statuses:
        if change.at > until:
            break
        if status in statuses:
            stretches += (base_ms + since, base_ms + change.at)
        status, since = change.status, change.at
    if status in statuses:
        stretches += (base_ms + since, base_ms + until)
    return tuple(stretches)


def status_metric(number: int, name: str, title: str, definition: str, source: str, *names: str) -> Metric:
    """Time in the named statuses until the last solving, over all reopenings."""
    codes = frozenset(STATUSES[status] for status in names)

    def waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
        if ticket.creation is None or ticket.gone:
            return []
        steps = solvings(ticket)
        if not steps:
            return []
        instant_ms = ticket.base_ms + steps[-1]
        labels = ticket.labels_at(instant_ms, config)
        return [(instant_ms, labels, stretches_in(ticket, codes, steps[-1]))]

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
        excluded_reasons=EXCLUDED if CREATED_AS in codes else NEVER_NEGATIVE,
        reads=ALWAYS | {"status"},
        measures=measured(waits),
        figures=lambda tally: [duration_figure(name, tally)],
        samples=lambda tally: {name: duration_sample(tally)},
        series=duration_series(name.removesuffix("_time"), title),
        waits=waits,
    )
