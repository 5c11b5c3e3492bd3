"""How long tickets were on hold."""

from typing import Final

from stream.metrics.status_times import status_metric

METRIC: Final = status_metric(
    18,
    "on_hold_time",
    "On hold",
    "Time that a ticket stood on hold.",
    "Zendesk, about native Support time duration metrics, on-hold time: https://support.zendesk.com/hc/en-us/articles/4408834848154",
    "on_hold",
)
