"""Time that customers' messages wait for an agent, one value per wait."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import CUSTOMER, PUBLIC_AGENT, PUBLIC_CUSTOMER
from stream.core.measure import Figure, Labels, Tally, Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import duration_figure, duration_sample, duration_series, measured
from stream.metrics.passed_over import EXCLUDED, PASSED_OVER, RULE


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
    passed = 0
    for at in ticket.replies(config):
        code = at & 7
        if code == PUBLIC_CUSTOMER:
            since = at >> 3 if since is None else since
        elif since is not None and (code == PUBLIC_AGENT or code in PASSED_OVER):
            slot = PASSED_OVER.get(code, 0)
            if passed >> slot & 1:
                continue
            instant_ms = base_ms + (at >> 3)
            if labels is None or moves:
                labels = ticket.labels_at(instant_ms, config)
            if code == PUBLIC_AGENT:
                waits.append((instant_ms, labels, (base_ms + since, instant_ms)))
                since = None
                passed = 0
            else:
                waits.append((instant_ms, labels, slot))
                passed |= 1 << slot
    return waits


def _figures(tally: Tally) -> list[Figure]:
    return [duration_figure("reply_time", tally, EXCLUDED)]


METRIC: Final = Metric(
    id=6,
    name="reply_time",
    title="Reply time",
    unit="seconds",
    definition=(
        "From the first unanswered public message of a customer to the next public reply of a human agent, one value per wait; a "
        "creation by the customer is a first message. "
        f"{RULE}The window is that of the reply. Mean, and quantiles within 1/64."
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
