"""How long customers waited for the desk."""

from typing import Final

from stream.metrics.status_times import status_metric

METRIC: Final = status_metric(
    16,
    "requester_wait_time",
    "Waiting of the requester",
    "Time that a ticket stood new, open or on hold.",
    "Zendesk, about native Support time duration metrics, requester wait time: https://support.zendesk.com/hc/en-us/articles/4408834848154",
    "new",
    "open",
    "on_hold",
)
