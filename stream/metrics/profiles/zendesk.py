"""Zendesk Support, by its help center."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import AGENT, KINDS, PUBLIC_AGENT, STATUSES
from stream.core.measure import Measure, Wait
from stream.core.metric import Metric
from stream.core.ticket import Ticket
from stream.core.ticket_facts import Answer, Survey
from stream.metrics.csat import slot_of
from stream.metrics.durations import measured
from stream.metrics.first_reply_time import first_wait
from stream.metrics.passed_over import RULE
from stream.metrics.profiles.profile import Profile
from stream.metrics.shares import IN, OUT
from stream.metrics.solving import solvings
from stream.metrics.status_times import stretches_in
from stream.metrics.survey_response import ANSWERED, SENT

_METRICS = (
    "Zendesk, metrics and attributes for Zendesk Support, {}: "
    "https://support.zendesk.com/hc/en-us/articles/4408827693594"
)
_DURATIONS = (
    "Zendesk, about native Support time duration metrics: "
    "https://support.zendesk.com/hc/en-us/articles/4408834848154"
)
_CSAT = KINDS["csat"]
_RATINGS = "Mean, and quantiles within 1/64."


def _ratings(ticket: Ticket) -> list[tuple[Survey, Answer, int]]:
    """Standing answers of satisfaction surveys, each with when its survey was first answered."""
    found: list[tuple[Survey, Answer, int]] = []
    for survey in ticket.surveys:
        answer, first_at = survey.answer, survey.first_at
        if answer is not None and first_at is not None and answer.kind == _CSAT and not survey.withdrawn:
            found.append((survey, answer, first_at))
    return found


def _rating(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if not ticket.surveys or ticket.gone:
        return []
    ratings = _ratings(ticket)
    if not ratings:
        return []
    survey, answer, first_at = max(ratings, key=lambda one: (one[1].at, one[0].key))
    return [(ticket.base_ms + first_at, ticket.answer_labels(survey, config), slot_of(answer), 1)]


def _csat(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Tickets whose rating is good / tickets with a rating. A ticket has one rating: of the answers to its satisfaction surveys "
            "the one that was given or changed last. Good is the top box of the survey's own scale. The window is that of the first "
            "answer of that survey. 95 % interval after Wilson."
        ),
        source=_METRICS.format("satisfaction score"),
        measures=_rating,
    )


def _surveyed(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if not ticket.surveys or ticket.gone:
        return []
    sent_at = [
        survey.sent.at
        for survey in ticket.surveys
        if survey.sent is not None
        and survey.sent.what >> 4 == _CSAT
        and not (survey.retracted_at is not None and survey.withdrawn)
    ]
    ratings = _ratings(ticket)
    if sent_at:
        instant_ms = ticket.base_ms + min(sent_at)
        labels = ticket.labels_at(instant_ms, config)
    elif ratings:
        survey, _, first_at = min(ratings, key=lambda one: (one[2], one[0].key))
        instant_ms, labels = ticket.base_ms + first_at, ticket.answer_labels(survey, config)
    else:
        return []
    measures: list[Measure] = [(instant_ms, labels, SENT, 1)]
    if ratings:
        measures.append((instant_ms, labels, ANSWERED, 1))
    return measures


def _survey_response(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Tickets with a rating / tickets that were surveyed: to which a satisfaction survey was sent, or who answered one. Both count "
            "in the window in which the first of the ticket's surveys was sent; where no sending is known, in that of the first answer. "
            "95 % interval after Wilson."
        ),
        source=_METRICS.format("rated and surveyed tickets"),
        null_rule="Null where no ticket was surveyed.",
        excluded_reasons=(),
        measures=_surveyed,
    )


def _opening(ticket: Ticket, replies: Collection[int]) -> bool:
    """Whether an agent created the ticket with a public comment: the first thing that an agent wrote is no private note."""
    creation = ticket.creation
    if creation is None or creation.created_by != AGENT:
        return False
    first = next((at & 7 for at in replies if (at & 7) >> 1 == AGENT), None)
    return first == PUBLIC_AGENT


def _first_reply(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    if ticket.creation is None or ticket.gone:
        return []
    replies = ticket.replies(config)
    return first_wait(ticket, config, replies, int(_opening(ticket, replies)))


def _first_reply_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "From a ticket's creation to the first public reply of a human agent. "
            f"{RULE}Where an agent created the ticket and their first comment was public, it is the second public reply; where that was "
            f"a private note, the first one. The window is that of the reply. {_RATINGS}"
        ),
        source="Zendesk, calculating first reply time: https://support.zendesk.com/hc/en-us/articles/4408821871642",
        measures=measured(_first_reply),
        waits=_first_reply,
    )


def _one_touch(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if ticket.gone or not ticket.settled:
        return []
    replies = ticket.replies(config)
    touches = sum(at & 7 == PUBLIC_AGENT for at in replies) - _opening(ticket, replies)
    instant_ms = ticket.base_ms + solvings(ticket)[-1]
    return [(instant_ms, ticket.labels_at(instant_ms, config), IN if touches < 2 else OUT, 1)]


def _first_contact_resolution(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "One-touch tickets: solved or closed now with fewer than two public replies of human agents (beside the opening message of a "
            "ticket that an agent opened) / tickets that are solved or closed now, in the window in which they were last solved. A ticket "
            "that is opened again leaves it until it is solved again. 95 % interval after Wilson."
        ),
        source=_METRICS.format("one-touch tickets"),
        null_rule="Null where nothing is solved.",
        measures=_one_touch,
        parameters="",
        settle_ms=0,
    )


def _status_time(what: str, *names: str) -> Callable[[Metric], Metric]:
    """Time in the named statuses, as it stood when the ticket last left them."""
    codes = frozenset(STATUSES[status] for status in names)

    def waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
        if ticket.creation is None or ticket.gone:
            return []
        left_at: int | None = None
        status = STATUSES["new"]
        for change in ticket.statuses:
            if status in codes and change.status not in codes:
                left_at = change.at
            status = change.status
        if left_at is None:
            return []
        instant_ms = ticket.base_ms + left_at
        labels = ticket.labels_at(instant_ms, config)
        return [(instant_ms, labels, stretches_in(ticket, codes, left_at))]

    def definition(metric: Metric) -> Metric:
        return replace(
            metric,
            definition=(
                f"Time that a ticket was {what}, known as soon as it leaves that. It adds up over all such times and counts in the window "
                f"in which the ticket last left it, solved or not. {_RATINGS}"
            ),
            source=_DURATIONS,
            null_rule=f"Null where no ticket left it; one that was never {what}, or whose creation is unknown, is not in it.",
            measures=measured(waits),
            waits=waits,
        )

    return definition


PROFILE: Final = Profile(
    name="zendesk",
    agrees={
        "nps": (
            "Zendesk, analyzing NPS survey results (a feature that it removed in 2023): "
            "https://support.zendesk.com/hc/en-us/articles/203981113"
        ),
        "first_resolution_time": _DURATIONS,
        "full_resolution_time": _DURATIONS,
        "channel_share": (
            "Zendesk, ticket activity and agent performance, tickets by selected attribute: "
            "https://support.zendesk.com/hc/en-us/articles/4408835846810"
        ),
        "queue_wait_time": (
            "Zendesk, about native Talk time duration metrics, call wait time: "
            "https://support.zendesk.com/hc/en-us/articles/8202998599066"
        ),
    },
    differs={
        "csat": _csat,
        "survey_response": _survey_response,
        "first_reply_time": _first_reply_time,
        "requester_wait_time": _status_time("new, open or on hold", "new", "open", "on_hold"),
        "agent_wait_time": _status_time("pending", "pending"),
        "on_hold_time": _status_time("on hold", "on_hold"),
        "first_contact_resolution": _first_contact_resolution,
    },
    hours_source=(
        "Zendesk, how does Zendesk record its business hour metrics: "
        "https://support.zendesk.com/hc/en-us/articles/5654110765338"
    ),
    not_in_hours=frozenset(("queue_wait_time",)),
)
