"""Time to resolve a ticket that was escalated."""

from typing import Final

from stream.metrics.solving import resolution_metric

METRIC: Final = resolution_metric(
    15,
    "escalation_resolution_time",
    "Creation to last solving of escalated tickets",
    "From the creation of a ticket that was ever escalated to the last time that it was solved or closed.",
    "Ours: full resolution time of what was escalated, as textbooks ask for it; no one publication is meant",
    which=-1,
    of=lambda ticket: ticket.rare is not None and bool(ticket.rare.escalations),
    reads=frozenset({"escalation"}),
)
