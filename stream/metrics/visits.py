"""Visits of queues that ended, for the metrics that count them."""

from collections.abc import Sequence
from typing import Final

from stream.core.config import CoreConfig
from stream.core.measure import Labels
from stream.core.ticket import Ticket
from stream.core.ticket_facts import Left, Visit

SHORT_ABANDON: Final = "short_abandon"
EXCLUDED: Final = (SHORT_ABANDON, "negative_duration", "unknown_wait")
"""Why a metric that asks how long visits lasted leaves one out; their positions are slots."""
SHORT, NEGATIVE, UNKNOWN = range(3)

Ended = tuple[int, Labels, Visit, Left]
"""``(instant_ms, labels, visit, its end)``: a visit counts when it ends, for who holds the ticket then, in the queue that the end names."""


def ended_visits(ticket: Ticket, config: CoreConfig) -> Sequence[Ended]:
    """All that ended, in whatever way."""
    rare = ticket.rare
    if rare is None or not rare.visits or ticket.gone:
        return ()
    found: list[Ended] = []
    for visit in rare.visits:
        left = visit.left
        if left is not None:
            instant_ms = ticket.base_ms + left.at
            labels = visit_labels(ticket.labels_at(instant_ms, config), left.queue)
            found.append((instant_ms, labels, visit, left))
    return found


def visit_labels(labels: Labels, queue: str) -> Labels:
    """Labels of a visit: its queue is the queue."""
    return (*labels[:3], queue, *labels[4:])


def wait_ms(visit: Visit, left: Left) -> int | None:
    """How long a visit lasted; None where its beginning is unknown."""
    return None if visit.entered is None else left.at - visit.entered.at


def is_short(visit: Visit, left: Left, config: CoreConfig) -> bool:
    """Whether a visit that was given up was so at once."""
    waited_ms = wait_ms(visit, left)
    return waited_ms is not None and 0 <= waited_ms < config.short_abandon_ms
