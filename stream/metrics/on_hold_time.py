"""How long tickets were on hold."""

from typing import Final

from stream.metrics.status_times import status_metric

METRIC: Final = status_metric(
    18,
    "on_hold_time",
    "On hold",
    "Time that a ticket stood on hold.",
    "On-hold time as help desks define it (Zendesk)",
    "on_hold",
)
