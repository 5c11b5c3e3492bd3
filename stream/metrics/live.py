"""What is so right now: open and unanswered tickets, customers waiting in queues. No windows."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import CLOSED, CUSTOMER, PUBLIC_AGENT, PUBLIC_CUSTOMER, SOLVED
from stream.core.measure import EXCLUDED_SLOTS, Measure
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.base import LiveSeries, Metric
from stream.metrics.queue_wait_time import visit_labels

OPEN: Final = EXCLUDED_SLOTS
UNANSWERED: Final = EXCLUDED_SLOTS + 1
QUEUE_WAITING: Final = EXCLUDED_SLOTS + 2

_NOW_MS = 1 << 62
"""Live counts belong to who holds the ticket now, not to who held it when it began to wait."""


def _waiting_since(ticket: Ticket) -> int | None:
    """When the first message that no agent has answered came, from ``base_ms``."""
    creation = ticket.creation
    since = 0 if creation is not None and creation.created_by == CUSTOMER else None
    for at in ticket.replies():
        code = at & 7
        if code == PUBLIC_AGENT:
            since = None
        elif code == PUBLIC_CUSTOMER and since is None:
            since = at >> 3
    return since


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if ticket.gone:
        return []
    statuses = ticket.statuses
    settled = bool(statuses) and statuses[-1].status in (SOLVED, CLOSED)
    visits = ticket.rare.visits if ticket.rare is not None else ()
    if settled and not visits:
        return []
    measures: list[Measure] = []
    labels = ticket.labels_at(_NOW_MS, config)
    if not settled:
        if ticket.creation is not None:
            measures.append((ticket.base_ms, labels, OPEN, 1))
        since = _waiting_since(ticket)
        if since is not None:
            measures.append((ticket.base_ms + since, labels, UNANSWERED, 1))
    for visit in visits:
        entered = visit.entered
        if entered is not None and visit.left is None:
            instant_ms = ticket.base_ms + entered.at
            measures.append((instant_ms, visit_labels(labels, entered.queue), QUEUE_WAITING, 1))
    return measures


METRIC: Final = Metric(
    id=8,
    name="live",
    title="Open, unanswered, waiting",
    unit="count",
    definition=(
        "Now: tickets that are neither solved nor closed; of these, those with a public customer message (the creation included) that "
        "no human agent has publicly answered, and since when the oldest waits; visits of queues that have not ended. They count for "
        "who holds the ticket now."
    ),
    source="The censored side of reply times and waits: what is still running is shown, not left out",
    null_rule="No sample where nothing is open or waiting; ages only where there is something to be old.",
    excluded_reasons=(),
    reads=ALWAYS | {"reply", "status", "visit"},
    measures=_measures,
    series=(),
    live=True,
    live_series=(
        LiveSeries(OPEN, "tickets_open", None, "Tickets that are neither solved nor closed."),
        LiveSeries(
            UNANSWERED,
            "tickets_unanswered",
            "oldest_unanswered_age_seconds",
            "Open tickets with a customer's message that no human agent has answered.",
        ),
        LiveSeries(
            QUEUE_WAITING,
            "queue_waiting",
            "oldest_waiting_age_seconds",
            "Visits of queues that have not ended.",
        ),
    ),
)
