"""Genesys Cloud, by its resource center."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED
from stream.core.measure import Measure
from stream.core.metric import Metric
from stream.core.ticket import Ticket
from stream.metrics.answer_rate import share_of_visits
from stream.metrics.profiles.profile import Profile
from stream.metrics.quality_score import review_measures, rounded


def _points(criteria: Sequence[tuple[str, int, int, int]]) -> int | None:
    """sum(weight x score) / sum(weight x max) of (name, score, max, weight), in billionths; None where nothing has a weight."""
    possible = sum(weight * most for _, _, most, weight in criteria)
    return rounded(sum(weight * score for _, score, _, weight in criteria), possible) if possible else None


def _reviews(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    return review_measures(ticket, config, _points)


def _quality_score(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Mean over reviews of sum(weight x points) / sum(weight x points that were possible), in the window of the review; its latest "
            "scores count. Each review is rounded to a billionth. Criteria have the mean of their score / max. The agent is the one whom "
            "the review names, else who held the ticket."
        ),
        source="Genesys Cloud, weights and scoring of evaluation forms: https://help.mypurecloud.com/?p=144862",
        measures=_reviews,
    )


def _abandon_rate(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Visits of queues that the customer gave up, however soon / visits that were offered: answered, given up, or that left "
            "otherwise (transferred, called back, timed out, overflowed), in the window in which they ended. 95 % interval after Wilson."
        ),
        source="Genesys Cloud, metric definitions, abandon % and offered: https://help.mypurecloud.com/articles/metric-definitions",
        null_rule="Null where no visit ended.",
        measures=share_of_visits(ABANDONED),
        parameters="",
    )


PROFILE: Final = Profile(
    name="genesys",
    agrees=frozenset(("nps", "queue_wait_time", "service_level", "answer_rate", "handle_time")),
    differs={"quality_score": _quality_score, "abandon_rate": _abandon_rate},
    business_hours=False,
)
