"""Time from a ticket's creation to the first public reply of a human agent."""

from collections.abc import Iterable
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import AGENT, PUBLIC_AGENT
from stream.core.measure import Figure, Tally, Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import duration_figure, duration_sample, duration_series, measured
from stream.metrics.passed_over import EXCLUDED, PASSED_OVER, RULE


def first_reply(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    """The wait for a ticket's first reply, and what stopped no clock before it; none while its creation is unknown."""
    creation = ticket.creation
    if creation is None or ticket.gone:
        return []
    opening = creation.created_by == AGENT  # then the first public reply is the ticket's own opening message
    return first_wait(ticket, config, ticket.replies(config), int(opening))


def first_wait(
    ticket: Ticket, config: CoreConfig, replies: Iterable[int], openings: int, since_ms: int | None = None
) -> list[Wait]:
    """The wait for the first public agent's message behind ``openings`` of them, if there is one, and what was passed over before.

    It runs from ``since_ms``, else from the creation.
    """
    base_ms = ticket.base_ms
    waits: list[Wait] = []
    seen = 0
    for at in replies:
        code = at & 7
        if code == PUBLIC_AGENT:
            if openings:
                openings -= 1
                continue
            instant_ms = base_ms + (at >> 3)
            begun_ms = base_ms if since_ms is None else since_ms
            waits.append((instant_ms, ticket.labels_at(instant_ms, config), (begun_ms, instant_ms)))
            break
        slot = PASSED_OVER.get(code)
        if slot is not None and not seen >> slot & 1:
            seen |= 1 << slot
            instant_ms = base_ms + (at >> 3)
            waits.append((instant_ms, ticket.labels_at(instant_ms, config), slot))
    return waits


def _figures(tally: Tally) -> list[Figure]:
    return [duration_figure("first_reply_time", tally, EXCLUDED)]


METRIC: Final = Metric(
    id=5,
    name="first_reply_time",
    title="First reply time",
    unit="seconds",
    definition=(
        "From a ticket's creation to the first public reply of a human agent. "
        f"{RULE}On a ticket that an agent opened it is the second public agent reply, as the first one is the opening message. "
        "The window is that of the reply. Mean, and quantiles within 1/64."
    ),
    source="Zendesk, about native Support time duration metrics, first reply time: https://support.zendesk.com/hc/en-us/articles/4408834848154",
    null_rule="Null without replies; a ticket without a reply or without a known creation is not in it (see tickets_unanswered).",
    excluded_reasons=EXCLUDED,
    reads=ALWAYS | {"reply"},
    measures=measured(first_reply),
    figures=_figures,
    samples=lambda tally: {"first_reply_time": duration_sample(tally)},
    series=duration_series("first_reply", "Creation to first public agent reply"),
    waits=first_reply,
)
