"""How long the desk waited for customers."""

from typing import Final

from stream.metrics.status_times import status_metric

METRIC: Final = status_metric(
    17,
    "agent_wait_time",
    "Waiting of the agent",
    "Time that a ticket stood pending.",
    "Zendesk, about native Support time duration metrics, agent wait time: https://support.zendesk.com/hc/en-us/articles/4408834848154",
    "pending",
)
