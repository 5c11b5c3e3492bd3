"""Time that customers' messages wait for an agent, one value per wait."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import CUSTOMER, PUBLIC_AGENT, PUBLIC_CUSTOMER
from stream.core.measure import Figure, Labels, Tally, Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import EXCLUDED, duration_figure, duration_sample, duration_series, measured


def reply_waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    """A customer's waits for an agent that have ended."""
    if ticket.gone or not ticket.reply_at:
        return []
    creation = ticket.creation
    since = 0 if creation is not None and creation.created_by == CUSTOMER else None
    base_ms = ticket.base_ms
    rare = ticket.rare
    moves = rare is not None and bool(rare.assignments)
    labels: Labels | None = None
    waits: list[Wait] = []
    for at in ticket.replies(config):
        code = at & 7
        if code == PUBLIC_AGENT:
            if since is not None:
                instant_ms = base_ms + (at >> 3)
                if labels is None or moves:
                    labels = ticket.labels_at(instant_ms, config)
                waits.append((instant_ms, labels, (base_ms + since, instant_ms)))
                since = None
        elif code == PUBLIC_CUSTOMER and since is None:
            since = at >> 3
    return waits


def _figures(tally: Tally) -> list[Figure]:
    return [duration_figure("reply_time", tally)]


METRIC: Final = Metric(
    id=6,
    name="reply_time",
    title="Reply time",
    unit="seconds",
    definition=(
        "From the first unanswered public message of a customer to the next public reply of a human agent, one value per wait; a "
        "creation by the customer is a first message. Bots, system messages and private notes never stop the clock. The window is "
        "that of the reply. Mean, and quantiles within 1/64."
    ),
    source="Ours: each wait from the first message of a turn, because a customer who writes twice has waited since the first one",
    null_rule="Null without replies; waits that still last are not in it (see tickets_unanswered).",
    excluded_reasons=EXCLUDED,
    reads=ALWAYS | {"reply"},
    measures=measured(reply_waits),
    figures=_figures,
    samples=lambda tally: {"reply_time": duration_sample(tally)},
    series=duration_series("reply", "First unanswered customer message to next public agent reply"),
    waits=reply_waits,
)
