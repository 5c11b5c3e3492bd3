"""The registry: every metric in reading order. A new one is a module with a ``METRIC`` and one line here."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.metric import Metric
from stream.metrics import (
    abandon_rate,
    agent_wait_time,
    answer_rate,
    business,
    complaint_resolution_time,
    csat,
    csat_mean,
    escalation_resolution_time,
    first_contact_resolution,
    first_reply_time,
    first_resolution_time,
    full_resolution_time,
    handle_time,
    live,
    nps,
    on_hold_time,
    queue_wait_time,
    reopened,
    reply_time,
    requester_wait_time,
    survey_response,
)

_OWN: Final[tuple[Metric, ...]] = (
    csat.METRIC,
    csat_mean.METRIC,
    nps.METRIC,
    survey_response.METRIC,
    first_reply_time.METRIC,
    reply_time.METRIC,
    requester_wait_time.METRIC,
    agent_wait_time.METRIC,
    on_hold_time.METRIC,
    first_resolution_time.METRIC,
    full_resolution_time.METRIC,
    complaint_resolution_time.METRIC,
    escalation_resolution_time.METRIC,
    reopened.METRIC,
    first_contact_resolution.METRIC,
    queue_wait_time.METRIC,
    abandon_rate.METRIC,
    answer_rate.METRIC,
    handle_time.METRIC,
    live.METRIC,
)

METRICS: Final = (*_OWN, *(business.business(metric) for metric in _OWN if metric.waits is not None))
"""Durations once more in business hours, at the end."""

BY_NAME: Final = {metric.name: metric for metric in METRICS}
BY_ID: Final = {metric.id: metric for metric in METRICS}


class UnknownMetricError(ValueError):
    """A name that no metric has."""


def selected(config: CoreConfig) -> tuple[Metric, ...]:
    """The configured metrics in reading order. Raises UnknownMetricError naming the known ones."""
    unknown = sorted(set(config.metrics) - BY_NAME.keys())
    if unknown:
        raise UnknownMetricError(
            f"STREAM_METRICS: unknown {', '.join(unknown)}; known are {', '.join(BY_NAME)}"
        )
    return tuple(metric for metric in METRICS if metric.name in config.metrics)
