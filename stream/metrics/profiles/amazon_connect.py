"""Amazon Connect, by its administrator guide."""

from dataclasses import replace
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED, OUTCOMES
from stream.core.measure import Wait
from stream.core.metric import Metric, never
from stream.core.ticket import Ticket
from stream.core.ticket_facts import Left, Visit
from stream.metrics.answer_rate import share_of_visits
from stream.metrics.durations import measured
from stream.metrics.first_reply_time import first_wait
from stream.metrics.passed_over import RULE
from stream.metrics.profiles.profile import Profile
from stream.metrics.reply_time import reply_waits
from stream.metrics.service_level import Way, level_measures
from stream.metrics.visits import SHORT_ABANDON, visit_labels

_GUIDE = (
    "Amazon Connect Administrator Guide, metric definitions, {}: "
    "https://docs.aws.amazon.com/connect/latest/adminguide/metrics-definitions.html"
)
_CHAT = "chat"
"""The channel of which it has response times."""
_REMOVED = (ANSWERED, ABANDONED, OUTCOMES["callback"])
"""The ways out that its service level names."""


def _way(_visit: Visit, left: Left, _config: CoreConfig) -> Way:
    return Way.JUDGED if left.outcome in _REMOVED else Way.MISSED


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
        source=_GUIDE.format("service level X"),
        null_rule="Null where no visit ended; one that may be in time, but whose beginning is unknown, is counted as unknown_wait.",
        excluded_reasons=never(metric.excluded_reasons, SHORT_ABANDON),
        measures=_levels,
    )


def _abandon_rate(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Visits of queues that the customer gave up, however soon / all visits that ended, callbacks included, in the window in which "
            "they ended. 95 % interval after Wilson."
        ),
        source=_GUIDE.format("abandonment rate"),
        null_rule="Null where no visit ended.",
        excluded_reasons=(),
        measures=share_of_visits(ABANDONED),
        parameters="",
    )


def _is_chat(ticket: Ticket) -> bool:
    return ticket.creation is not None and ticket.creation.channel == _CHAT and not ticket.gone


def _first_responses(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    """Per visit of a queue, which is one contact there, the wait for its first reply, from then on until the next visit begins."""
    rare = ticket.rare
    if rare is None or not rare.visits or not _is_chat(ticket):
        return []
    replies = ticket.replies(config)
    begun = sorted(
        ((visit.entered.at, visit.entered.queue) for visit in rare.visits if visit.entered is not None),
        reverse=True,
    )
    waits: list[Wait] = []
    for since, queue in begun:
        contact = [at for at in replies if at >> 3 >= since]
        replies = [at for at in replies if at >> 3 < since]
        waits += [
            (instant_ms, visit_labels(labels, queue), what)
            for instant_ms, labels, what in first_wait(ticket, config, contact, 0, ticket.base_ms + since)
        ]
    return waits


def _first_reply_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Of chats, per contact, which is one visit of a queue: from entering the queue to the first public reply of a human agent "
            f"before the next visit begins. {RULE}The window is that of the reply, the queue that of the visit. Mean, and quantiles within "
            "1/64."
        ),
        source=_GUIDE.format("agent average contact first response wait time"),
        null_rule="Null without replies; a chat that entered no queue, or that nobody answered, is not in it.",
        excluded_reasons=never(metric.excluded_reasons, "negative_duration"),
        measures=measured(_first_responses),
        reads=metric.reads | {"visit"},
        waits=_first_responses,
    )


def _responses(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    return reply_waits(ticket, config) if _is_chat(ticket) else []


def _reply_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=f"Of chats only. {metric.definition}",
        source=_GUIDE.format("average agent response time"),
        measures=measured(_responses),
        waits=_responses,
    )


PROFILE: Final = Profile(
    name="amazon_connect",
    agrees={
        "quality_score": _GUIDE.format("average weighted evaluation score"),
        "queue_wait_time": _GUIDE.format("average queue answer time"),
        "handle_time": _GUIDE.format("average handle time"),
    },
    differs={
        "first_reply_time": _first_reply_time,
        "reply_time": _reply_time,
        "service_level": _service_level,
        "abandon_rate": _abandon_rate,
    },
    hours_source=None,
)
