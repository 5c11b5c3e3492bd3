"""How long the desk waited for customers."""

from typing import Final

from stream.metrics.status_times import status_metric

METRIC: Final = status_metric(
    17,
    "agent_wait_time",
    "Waiting of the agent",
    "Time that a ticket stood pending.",
    "Agent wait time as help desks define it (Zendesk)",
    "pending",
)
