"""Time from a ticket's creation to the first public reply of a human agent."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import AGENT, PUBLIC_AGENT
from stream.core.measure import Figure, Tally, Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import EXCLUDED, duration_figure, duration_sample, duration_series, measured


def first_reply(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    """The wait for a ticket's first reply; none while it has no reply, or its creation is unknown."""
    creation = ticket.creation
    if creation is None or ticket.gone:
        return []
    opening = creation.created_by == AGENT  # then the first public reply is the ticket's own opening message
    for at in ticket.replies(config):
        if at & 7 == PUBLIC_AGENT:
            if opening:
                opening = False
                continue
            instant_ms = ticket.base_ms + (at >> 3)
            return [(instant_ms, ticket.labels_at(instant_ms, config), (ticket.base_ms, instant_ms))]
    return []


def _figures(tally: Tally) -> list[Figure]:
    return [duration_figure("first_reply_time", tally)]


METRIC: Final = Metric(
    id=5,
    name="first_reply_time",
    title="First reply time",
    unit="seconds",
    definition=(
        "From a ticket's creation to the first public reply of a human agent; bots, system messages and private notes never stop "
        "the clock. On a ticket that an agent opened it is the second public agent reply, as the first one is the opening message. "
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
