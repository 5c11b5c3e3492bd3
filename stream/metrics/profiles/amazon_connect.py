"""Amazon Connect, by its administrator guide."""

from dataclasses import replace
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED, OUTCOMES
from stream.core.metric import Metric
from stream.core.ticket_facts import Visit
from stream.metrics.answer_rate import share_of_visits
from stream.metrics.profiles.profile import Profile
from stream.metrics.service_level import Way, level_measures

_REMOVED = (ANSWERED, ABANDONED, OUTCOMES["callback"])
"""The ways out that its service level names."""


def _way(visit: Visit, _config: CoreConfig) -> Way:
    return Way.JUDGED if visit.left is not None and visit.left.outcome in _REMOVED else Way.MISSED


_levels = level_measures(_way)


def _service_level(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Visits of queues that ended within the queue's target because they were answered, given up or a callback was asked for / "
            "all visits that ended, in the window in which they ended. Nobody gives up too soon to count; those that were transferred, "
            "timed out or overflowed are in the whole only. The target is the first of the queue's thresholds; service_level_20s and its "
            "like are the same for one threshold, over the queues that have it. 95 % interval after Wilson."
        ),
        source=(
            "Amazon Connect Administrator Guide, historical metrics definitions, service level: "
            "https://github.com/awsdocs/amazon-connect-admin-guide/blob/main/doc_source/historical-metrics-definitions.md"
        ),
        null_rule="Null where no visit ended; one that may be in time, but whose beginning is unknown, is counted as unknown_wait.",
        measures=_levels,
    )


def _abandon_rate(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Visits of queues that the customer gave up, however soon / all visits that ended, callbacks included, in the window in which "
            "they ended. 95 % interval after Wilson."
        ),
        source=(
            "Amazon Connect Administrator Guide, metrics definitions, abandonment rate: "
            "https://docs.aws.amazon.com/connect/latest/adminguide/metrics-definitions.html"
        ),
        null_rule="Null where no visit ended.",
        measures=share_of_visits(ABANDONED),
        parameters="",
    )


PROFILE: Final = Profile(
    name="amazon_connect",
    agrees=frozenset(("queue_wait_time", "handle_time")),
    differs={"service_level": _service_level, "abandon_rate": _abandon_rate},
    business_hours=False,
)
