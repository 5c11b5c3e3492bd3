"""How long customers waited for the desk."""

from typing import Final

from stream.metrics.status_times import status_metric

METRIC: Final = status_metric(
    16,
    "requester_wait_time",
    "Waiting of the requester",
    "Time that a ticket stood new, open or on hold.",
    "Requester wait time as help desks define it (Zendesk)",
    "new",
    "open",
    "on_hold",
)
