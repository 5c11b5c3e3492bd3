"""Time to resolve a complaint."""

from typing import Final

from stream.metrics.solving import resolution_metric

METRIC: Final = resolution_metric(
    14,
    "complaint_resolution_time",
    "Complaint to its last solving",
    "From the creation of a ticket of kind complaint to the last time that it was solved or closed.",
    "Complaint resolution time of textbooks: from the complaint to its resolution",
    which=-1,
    of=lambda ticket: ticket.creation is not None and ticket.creation.kind == "complaint",
)
