"""Time to resolve a complaint."""

from typing import Final

from stream.metrics.solving import resolution_metric

METRIC: Final = resolution_metric(
    14,
    "complaint_resolution_time",
    "Complaint to its last solving",
    "From the creation of a ticket of kind complaint to the last time that it was solved or closed.",
    "Ours: full resolution time of complaints, as textbooks ask for it; no one publication is meant",
    which=-1,
    of=lambda ticket: ticket.creation is not None and ticket.creation.kind == "complaint",
)
