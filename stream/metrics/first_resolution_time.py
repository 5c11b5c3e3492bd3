"""Time from a ticket's creation to its first solving."""

from typing import Final

from stream.metrics.solving import resolution_metric

METRIC: Final = resolution_metric(
    12,
    "first_resolution_time",
    "Creation to first solving",
    "From a ticket's creation to the first time that it was solved or closed.",
    "First resolution time as help desks define it (Zendesk)",
    which=0,
)
