"""What is so right now: open and unanswered tickets, customers waiting in queues. No windows."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.measure import EXCLUDED_SLOTS, Measure
from stream.core.metric import LiveSeries, Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.visits import visit_labels

OPEN: Final = EXCLUDED_SLOTS
UNANSWERED: Final = EXCLUDED_SLOTS + 1
QUEUE_WAITING: Final = EXCLUDED_SLOTS + 2

_NOW_MS = 1 << 62
"""Live counts belong to who holds the ticket now, not to who held it when it began to wait."""


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if ticket.gone:
        return []
    settled = ticket.settled
    visits = ticket.waiting_visits()
    if settled and not visits:
        return []
    measures: list[Measure] = []
    labels = ticket.labels_at(_NOW_MS, config)
    if not settled:
        since = ticket.waiting_since(config)
        # Whoever waits, waits on an open ticket, also on one that was never seen to be created: no part is more than its whole.
        opened = 0 if ticket.creation is not None else since
        if opened is not None:
            measures.append((ticket.base_ms + opened, labels, OPEN, 1))
        if since is not None:
            measures.append((ticket.base_ms + since, labels, UNANSWERED, 1))
    measures += [
        (ticket.base_ms + entered.at, visit_labels(labels, entered.queue), QUEUE_WAITING, 1)
        for entered in visits
    ]
    return measures


METRIC: Final = Metric(
    id=8,
    name="live",
    title="Open, unanswered, waiting",
    unit="count",
    definition=(
        "Now: tickets that are neither solved nor closed, one whose creation is unknown as long as a customer waits on it; of these, those "
        "with a public customer message (the creation included) that no human agent has publicly answered, and since when the oldest "
        "waits; visits of queues that have not ended. They count for who holds the ticket now."
    ),
    source="Ours: the censored side of reply times and waits, because what is still running must not be left out",
    null_rule="No sample where nothing is open or waiting; ages only where there is something to be old.",
    excluded_reasons=(),
    reads=ALWAYS | {"reply", "status", "visit"},
    measures=_measures,
    series=(),
    live=True,
    version=2,
    live_series=(
        LiveSeries(
            OPEN, "tickets_open", "oldest_open_age_seconds", "Tickets that are neither solved nor closed."
        ),
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
