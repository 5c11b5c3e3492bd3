"""Queues, where platforms count every visit that ended, however it did."""

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED
from stream.core.measure import Measure
from stream.core.ticket import Ticket
from stream.metrics.queue_wait_time import visit_labels
from stream.metrics.shares import IN, OUT


def abandoned_of_all(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    """Every visit that ended, and whether the customer gave it up: nobody gives up too soon to count."""
    rare = ticket.rare
    if rare is None or not rare.visits or ticket.gone:
        return []
    measures: list[Measure] = []
    for visit in rare.visits:
        left = visit.left
        if left is not None:
            instant_ms = ticket.base_ms + left.at
            labels = visit_labels(ticket.labels_at(instant_ms, config), left.queue)
            measures.append((instant_ms, labels, IN if left.outcome == ABANDONED else OUT, 1))
    return measures
