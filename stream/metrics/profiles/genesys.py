"""Genesys Cloud, by its resource center."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED
from stream.core.measure import Measure
from stream.core.metric import Metric, never
from stream.core.ticket import Ticket
from stream.core.ticket_facts import Left, Visit
from stream.metrics.abandon_rate import short_rule
from stream.metrics.answer_rate import share_of_visits
from stream.metrics.profiles.profile import Profile
from stream.metrics.quality_score import review_measures, rounded
from stream.metrics.service_level import Way, level_measures
from stream.metrics.visits import EXCLUDED, SHORT_ABANDON, is_short

ABANDONS: Final = "abandons"
SHORT_ABANDONS: Final = "short_abandons"
FLOW_OUTS: Final = "flow_outs"
PARTS: Final = (ABANDONS, SHORT_ABANDONS, FLOW_OUTS)
"""What its service level can be a share of beside answered visits: its three switches that are on."""


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
        excluded_reasons=(),
        measures=share_of_visits(ABANDONED),
        parameters="",
    )


_NAMES: Final = {
    ABANDONS: "given up",
    FLOW_OUTS: "left otherwise (transferred, called back, timed out, overflowed)",
}


def _way(parts: Collection[str]) -> Callable[[Visit, Left, CoreConfig], Way]:
    abandons, short_ones, others = (part in parts for part in PARTS)

    def way(visit: Visit, left: Left, config: CoreConfig) -> Way:
        if left.outcome == ANSWERED:
            return Way.JUDGED
        if left.outcome != ABANDONED:
            return Way.MISSED if others else Way.APART
        if not abandons:
            return Way.APART
        return Way.SHORT if not short_ones and is_short(visit, left, config) else Way.GIVEN_UP

    return way


def _service_level(metric: Metric, config: CoreConfig) -> Metric:
    return _level(metric, config.genesys_service_level, config.short_abandon_ms // 1000)


@cache
def _level(metric: Metric, parts: tuple[str, ...], short_seconds: int) -> Metric:
    """``parts`` are the switches that are on, of :data:`PARTS`."""
    out_of = [name for part, name in _NAMES.items() if part in parts]
    whole = " or ".join(["answered", *out_of])
    given_up_too = " or given up" if ABANDONS in parts else ""
    if ABANDONS not in parts:
        given_up = "Those that were given up are not in it. "
    elif SHORT_ABANDONS in parts:
        given_up = "Those that were given up are in it however soon. "
    else:
        given_up = short_rule(short_seconds)
    leaves_short_out = {ABANDONS, SHORT_ABANDONS}.intersection(parts) == {ABANDONS}
    return replace(
        metric,
        definition=(
            f"Visits of queues that were answered within the queue's target / visits that were {whole}, in the window in which they "
            f"ended. {given_up}The target is the first of the queue's thresholds; service_level_20s and its like are the same for one "
            "threshold, over the queues that have it. 95 % interval after Wilson."
        ),
        source=(
            "Genesys Cloud, configure the service level calculation: "
            "https://help.mypurecloud.com/articles/configure-the-service-level-calculation/"
        ),
        null_rule=(
            f"Null where no visit was {whole}; one that was answered{given_up_too} and whose beginning is unknown is counted as "
            "unknown_wait, one that ended before it began as negative_duration."
        ),
        excluded_reasons=metric.excluded_reasons if leaves_short_out else never(EXCLUDED, SHORT_ABANDON),
        measures=level_measures(_way(frozenset(parts))),
        parameters=f"{metric.parameters};of={'/'.join(('answered', *sorted(parts)))}",
    )


PROFILE: Final = Profile(
    name="genesys",
    agrees={
        "nps": (
            "Genesys Cloud, Net Promoter Score web survey question: "
            "https://help.mypurecloud.com/articles/net-promotor-score-web-survey-question-overview/"
        ),
        "queue_wait_time": (
            "Genesys Cloud, average speed of answer: "
            "https://help.mypurecloud.com/glossary/average-speed-of-answer-asa"
        ),
        "answer_rate": "Genesys Cloud, columns of performance views, Answer %: https://help.mypurecloud.com/?p=334996",
        "handle_time": (
            "Genesys Cloud, average handle time: https://help.mypurecloud.com/glossary/average-handle-time-aht/"
        ),
    },
    differs={"quality_score": _quality_score, "abandon_rate": _abandon_rate},
    hours_source=None,
    follows_settings={"service_level": _service_level},
)
