"""Time from a ticket's creation to its first solving."""

from typing import Final

from stream.metrics.solving import resolution_metric

METRIC: Final = resolution_metric(
    12,
    "first_resolution_time",
    "Creation to first solving",
    "From a ticket's creation to the first time that it was solved or closed.",
    "Zendesk, about native Support time duration metrics, first resolution time: https://support.zendesk.com/hc/en-us/articles/4408834848154",
    which=0,
)
