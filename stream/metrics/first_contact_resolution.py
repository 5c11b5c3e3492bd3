"""How many tickets were solved at the first contact and stayed so."""

from functools import cache

from stream.core.config import DAY_MS, CoreConfig
from stream.core.fact import AGENT, CLOSED, PUBLIC_AGENT, SOLVED
from stream.core.measure import Figure, Measure, Tally
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series
from stream.metrics.solving import solvings


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if ticket.gone:
        return []
    steps = solvings(ticket)
    if not steps:
        return []
    solved_at = steps[0]
    until = solved_at + config.first_contact_days * DAY_MS
    creation = ticket.creation
    replies = sum(at & 7 == PUBLIC_AGENT and at >> 3 <= until for at in ticket.replies(config))
    if creation is not None and creation.created_by == AGENT:
        replies -= 1  # the ticket's own opening message
    reopened = any(
        solved_at <= change.at <= until and change.status not in (SOLVED, CLOSED)
        for change in ticket.statuses[_place(ticket, solved_at) :]
    )
    instant_ms = ticket.base_ms + solved_at
    labels = ticket.labels_at(instant_ms, config)
    return [(instant_ms, labels, IN if replies == 1 and not reopened else OUT, 1)]


def _place(ticket: Ticket, solved_at: int) -> int:
    """Behind the change that solved it: of the same millisecond there may be others before."""
    return next(
        i + 1
        for i, change in enumerate(ticket.statuses)
        if change.at == solved_at and change.status in (SOLVED, CLOSED)
    )


def _figures(tally: Tally) -> list[Figure]:
    return [share_figure("first_contact_resolution", tally, "at_first_contact", "solved")]


def metric(config: CoreConfig) -> Metric:
    """Follows ``first_contact_days``."""
    return _metric(config.first_contact_days)


@cache
def _metric(days: int) -> Metric:
    within = "1 day" if days == 1 else f"{days} days"
    return Metric(
        id=20,
        name="first_contact_resolution",
        title="First contact resolution",
        unit="ratio",
        definition=(
            "Tickets solved with exactly one public reply of a human agent (on a ticket that an agent opened, one beside the opening "
            f"message) that were not opened again within {within} / tickets solved, in the window in which they were first solved. Replies "
            f"before the solving count, and those of the {within} after it: what needed one more word was not done with one contact. The "
            "window stays open for as long. 95 % interval after Wilson."
        ),
        source=(
            "Ours: the textbook idea of one contact, as one public reply that was not asked about again; as one-touch tickets of "
            "Zendesk: https://support.zendesk.com/hc/en-us/articles/4408827693594"
        ),
        null_rule="Null where nothing was solved.",
        excluded_reasons=(),
        reads=ALWAYS | {"status", "reply"},
        measures=_measures,
        figures=_figures,
        samples=lambda tally: {"first_contact_resolution": share_sample(tally)},
        interval=True,
        series=(
            *share_series(
                "first_contact_resolution",
                "Tickets solved at the first contact / tickets solved.",
                ("at_first_contact", "Of these, at the first contact and not opened again."),
                ("solved", "Tickets solved for the first time, for first_contact_resolution_ratio."),
            ),
        ),
        parameters=f"within={days}d",
        settle_ms=days * DAY_MS,
    )
