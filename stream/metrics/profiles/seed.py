"""The plain textbook formulas, as the first sketch of this program wrote them down."""

from dataclasses import replace
from typing import Final

from stream.core.config import CoreConfig
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import Ticket
from stream.metrics.business import SOURCE
from stream.metrics.durations import NEGATIVE_SLOT, SUM_SLOT, length_ms
from stream.metrics.first_reply_time import first_reply
from stream.metrics.passed_over import EXCLUDED
from stream.metrics.profiles.profile import Profile
from stream.metrics.solving import solvings

_REPLIES = EXCLUDED_SLOTS + 1
_RESOLVED = EXCLUDED_SLOTS + 2


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    measures: list[Measure] = []
    for instant_ms, labels, stretches in first_reply(ticket, config):
        if isinstance(stretches, int):
            measures.append((instant_ms, labels, stretches, 1))
            continue
        waited_ms = length_ms(stretches)
        if waited_ms < 0:
            measures.append((instant_ms, labels, NEGATIVE_SLOT, 1))
        else:
            measures += ((instant_ms, labels, SUM_SLOT, waited_ms), (instant_ms, labels, _REPLIES, 1))
    steps = solvings(ticket)
    if steps and ticket.creation is not None and not ticket.gone:
        instant_ms = ticket.base_ms + steps[0]
        measures.append((instant_ms, ticket.labels_at(instant_ms, config), _RESOLVED, 1))
    return measures


def _figures(tally: Tally) -> list[Figure]:
    seconds, resolved = tally.get(SUM_SLOT, 0) / 1000, tally.get(_RESOLVED, 0)
    return [
        Figure(
            metric="first_reply_time",
            n=resolved,
            value=seconds / resolved if resolved > 0 else None,
            unit="seconds",
            parts={"n": resolved, "sum": seconds, "replies": tally.get(_REPLIES, 0)},
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


def _first_reply_time(metric: Metric) -> Metric:
    return replace(
        metric,
        definition=(
            "Sum of the times from a ticket's creation to the first public reply of a human agent / tickets that were resolved. A time "
            "counts in the window of its reply, a ticket in that in which it was first solved. What a first reply is says the profile "
            "default."
        ),
        source=(
            "Ours: average first response time as textbooks put it plainly, total first response time / number of resolved tickets; "
            "no one publication is meant"
        ),
        null_rule="Null where nothing was solved; a ticket whose creation is unknown is not in it.",
        measures=_measures,
        figures=_figures,
        samples=lambda _: {},
        reads=metric.reads | {"status"},
        waits=None,
    )


PROFILE: Final = Profile(
    name="seed",
    agrees=None,
    differs={"first_reply_time": _first_reply_time},
    hours_source=SOURCE,
)
