"""Time from a ticket's creation to its last solving."""

from typing import Final

from stream.metrics.solving import resolution_metric

METRIC: Final = resolution_metric(
    13,
    "full_resolution_time",
    "Creation to last solving",
    "From a ticket's creation to the last time that it was solved or closed; a reopened ticket counts as before until it is solved again.",
    "Zendesk, about native Support time duration metrics, full resolution time: https://support.zendesk.com/hc/en-us/articles/4408834848154",
    which=-1,
)
