"""Chatwoot, by its source."""

from dataclasses import replace
from math import inf
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import (
    CLOSED,
    CUSTOMER,
    KINDS,
    PUBLIC_AGENT,
    PUBLIC_BOT,
    PUBLIC_CUSTOMER,
    SOLVED,
    STATUSES,
)
from stream.core.measure import Measure, Wait
from stream.core.metric import Metric, never
from stream.core.ticket import Ticket
from stream.metrics.durations import measured
from stream.metrics.first_reply_time import first_wait
from stream.metrics.first_reply_within import within_measures
from stream.metrics.passed_over import PASSED_OVER, RULE
from stream.metrics.profiles.profile import Profile
from stream.metrics.solving import solvings
from stream.metrics.survey_response import ANSWERED, SENT, WITHOUT_SENT, response_figure

_CODE = "https://github.com/chatwoot/chatwoot/blob/HEAD/app/"
_CSAT = KINDS["csat"]
_OPEN, _SETTLED = STATUSES["open"], (SOLVED, CLOSED)
_BEFORE_OPEN = (STATUSES["pending"], *_SETTLED)


def _first_reply(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    if ticket.creation is None or ticket.gone:
        return []
    replies = ticket.replies(config)
    reply_at = next((at >> 3 for at in replies if at & 7 == PUBLIC_AGENT), None)
    since = 0
    status = STATUSES["new"]
    for change in ticket.statuses if reply_at is not None else ():
        if reply_at is not None and change.at >= reply_at:
            break
        if change.status == _OPEN and status in _BEFORE_OPEN:
            since = change.at
        status = change.status
    return first_wait(ticket, config, replies, 0, ticket.base_ms + since)


_RULE = (
    "the first public message of a human agent, also where an agent opened the ticket; the time runs from the last step into open before "
    "it, from pending (the bot's hand-off) or from solved or closed, else from the creation"
)


def _first_reply_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            f"Time to {_RULE}. {RULE}The window is that of the reply. Mean, and quantiles within 1/64."
        ),
        source=f"Chatwoot's source, first_reply_created: {_CODE}listeners/reporting_event_listener.rb",
        measures=measured(_first_reply),
        reads=metric.reads | {"status"},
        waits=_first_reply,
    )


def _within(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    # Its ranges end before their bounds.
    return within_measures(_first_reply(ticket, config), config, sooner_ms=1)


def _first_reply_within(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            f"First replies that came sooner than a target / first replies, one figure per target. A first reply is {_RULE}. The window is "
            "that of the reply. 95 % interval after Wilson."
        ),
        source=(
            "Chatwoot's source, ranges that end before their bound: "
            f"{_CODE}builders/v2/reports/first_response_time_distribution_builder.rb"
        ),
        measures=_within,
        reads=metric.reads | {"status"},
    )


def _reply_waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    if ticket.gone or not ticket.reply_at:
        return []
    creation = ticket.creation
    base_ms = ticket.base_ms
    since = 0 if creation is not None and creation.created_by == CUSTOMER else None
    passed: set[int] = set()
    steps = [(at >> 3, at & 7) for at in ticket.replies(config)]
    steps += [(at, _SOLVING) for at in solvings(ticket)]
    first = True
    waits: list[Wait] = []
    for at, what in sorted(steps, key=lambda step: (step[0], step[1] == _SOLVING)):
        if what == PUBLIC_CUSTOMER:
            since = at if since is None else since
        elif what in PASSED_OVER or what == _SOLVING:
            slot = PASSED_OVER.get(what)
            if slot is not None and slot not in passed and since is not None and not first:
                passed.add(slot)
                instant_ms = base_ms + at
                waits.append((instant_ms, ticket.labels_at(instant_ms, config), slot))
            if what in (PUBLIC_BOT, _SOLVING):
                since = None
                passed.clear()
        elif what == PUBLIC_AGENT:
            if since is not None and not first:
                instant_ms = base_ms + at
                waits.append(
                    (instant_ms, ticket.labels_at(instant_ms, config), (base_ms + since, instant_ms))
                )
            first, since = False, None
            passed.clear()
    return waits


_SOLVING = -1
"""Beside the codes of replies."""


def _reply_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "From the first unanswered public message of a customer to the next public reply of a human agent, but for the ticket's first "
            "reply: that wait is first_reply_time's. A bot's answer (counted as bot) or a solving ends a wait without a value; the first "
            "message of the system and the first private note in a wait do not, and are counted as system and private. The window is that "
            "of the reply. Mean, and quantiles within 1/64."
        ),
        source=f"Chatwoot's source, waiting_since: {_CODE}models/message.rb",
        excluded_reasons=never(metric.excluded_reasons, "negative_duration"),
        measures=measured(_reply_waits),
        reads=metric.reads | {"status"},
        waits=_reply_waits,
    )


def _resolutions(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    if ticket.creation is None or ticket.gone:
        return []
    base_ms = ticket.base_ms
    instants = [base_ms + at for at in solvings(ticket)]
    return [
        (instant_ms, ticket.labels_at(instant_ms, config), (base_ms, instant_ms)) for instant_ms in instants
    ]


def _full_resolution_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "From a ticket's creation to each time that it was solved or closed, all of them kept, each in the window of that solving. "
            "Mean, and quantiles within 1/64."
        ),
        source=f"Chatwoot's source, conversation_resolved: {_CODE}listeners/reporting_event_listener.rb",
        measures=measured(_resolutions),
        waits=_resolutions,
    )


def _responses(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    if not ticket.surveys or ticket.gone:
        return []
    measures: list[Measure] = []
    base_ms = ticket.base_ms
    for survey in ticket.surveys:
        if survey.retracted_at is not None and survey.withdrawn:
            continue
        sent, answer, first_at = survey.sent, survey.answer, survey.first_at
        if sent is not None and sent.what >> 4 == _CSAT:
            instant_ms = base_ms + sent.at
            measures.append((instant_ms, ticket.labels_at(instant_ms, config), SENT, 1))
        if answer is not None and first_at is not None and answer.kind == _CSAT:
            slots = (ANSWERED,) if sent is not None else (ANSWERED, WITHOUT_SENT)
            labels = ticket.answer_labels(survey, config)
            measures += [(base_ms + first_at, labels, slot, 1) for slot in slots]
    return measures


def _survey_response(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Satisfaction surveys answered in the window / satisfaction surveys sent in the window, each by its own time: the answers may "
            "be to surveys of an earlier window, and more than were sent, so there is no interval. Answers to surveys whose sending is "
            "unknown count, too; answered_without_sent says how many they are."
        ),
        source=(
            "Chatwoot's source, metrics: "
            f"{_CODE}controllers/api/v1/accounts/csat_survey_responses_controller.rb"
        ),
        measures=_responses,
        figures=lambda tally: [response_figure(tally)],
        samples=lambda _: {},
        interval=False,
        bounds=(0.0, inf),
        excluded_reasons=(),
    )


PROFILE: Final = Profile(
    name="chatwoot",
    agrees={
        "csat": f"Chatwoot's source, getSatisfactionScore: {_CODE}javascript/dashboard/store/modules/csat.js"
    },
    differs={
        "survey_response": _survey_response,
        "first_reply_time": _first_reply_time,
        "first_reply_within": _first_reply_within,
        "reply_time": _reply_time,
        "full_resolution_time": _full_resolution_time,
    },
    hours_source=f"Chatwoot's source, value_in_business_hours: {_CODE}listeners/reporting_event_listener.rb",
)
