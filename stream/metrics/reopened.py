"""How many solved tickets were opened again."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import CLOSED, SOLVED
from stream.core.measure import Figure, Measure, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if ticket.gone:
        return []
    solved_at: int | None = None
    reopened = False
    for change in ticket.statuses:
        if change.status in (SOLVED, CLOSED):
            solved_at = change.at if solved_at is None else solved_at
        elif solved_at is not None:
            reopened = True
    if solved_at is None:
        return []
    instant_ms = ticket.base_ms + solved_at
    return [(instant_ms, ticket.labels_at(instant_ms, config), IN if reopened else OUT, 1)]


def _figures(tally: Tally) -> list[Figure]:
    return [share_figure("reopened", tally, "reopened", "solved")]


METRIC: Final = Metric(
    id=19,
    name="reopened",
    title="Reopened",
    unit="ratio",
    definition=(
        "Tickets that were opened again after a solving / tickets solved, in the window in which they were first solved; a later "
        "reopening changes that window. 95 % interval after Wilson."
    ),
    source="Ours: opened again / solved, because a count of reopened tickets says nothing without that of the solved ones",
    null_rule="Null where nothing was solved.",
    excluded_reasons=(),
    reads=ALWAYS | {"status"},
    measures=_measures,
    figures=_figures,
    samples=lambda tally: {"reopened": share_sample(tally)},
    interval=True,
    series=(
        *share_series(
            "reopened",
            "Tickets opened again / tickets solved.",
            ("reopened", "Of these, opened again."),
            ("solved", "Tickets solved for the first time."),
        ),
    ),
)
