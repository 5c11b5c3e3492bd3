"""How long agents worked on a visit: talk, hold and after-call work."""

from collections.abc import Callable, Iterator
from typing import Final

from stream.core.config import CoreConfig
from stream.core.measure import SLOTS_PER_METRIC, Figure, Labels, Measure, Series, Tally, Wait
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Handled
from stream.metrics.durations import duration_figure, duration_measures, duration_sample, duration_series
from stream.metrics.visits import visit_labels

TALK, HOLD, AFTER = (SLOTS_PER_METRIC - 3 + part for part in range(3))
"""Sums of the parts in milliseconds, behind all buckets of the histogram."""
PARTS: Final = {"talk": TALK, "hold": HOLD, "after": AFTER}


def _handlings(ticket: Ticket, config: CoreConfig) -> Iterator[tuple[int, Labels, Handled]]:
    """What agents reported: when, in which segment, and how long the parts were."""
    rare = ticket.rare
    if rare is None or not rare.visits or ticket.gone:
        return
    for visit in rare.visits:
        handled = visit.handled
        if handled is None:
            continue
        instant_ms = ticket.base_ms + handled.at
        labels = ticket.labels_at(instant_ms, config)
        queue = visit.entered or visit.left
        if queue is not None:
            labels = visit_labels(labels, queue.queue)
        yield instant_ms, (*labels[:4], handled.agent, *labels[5:]), handled


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    measures: list[Measure] = []
    for instant_ms, labels, handled in _handlings(ticket, config):
        spent = (handled.talk_ms, handled.hold_ms, handled.after_ms)
        measures += duration_measures(instant_ms, labels, sum(spent))
        measures += [(instant_ms, labels, slot, ms) for slot, ms in zip(PARTS.values(), spent, strict=True)]
    return measures


def _waits(ticket: Ticket, config: CoreConfig) -> list[Wait]:
    """Only lengths are reported: the work is taken to have ended with the report, and to have had no gap."""
    return [
        (instant_ms, labels, (instant_ms - handled.talk_ms - handled.hold_ms - handled.after_ms, instant_ms))
        for instant_ms, labels, handled in _handlings(ticket, config)
    ]


def _durations(tally: Tally) -> Tally:
    """Without the parts."""
    return {slot: total for slot, total in tally.items() if slot < TALK}


def _figures(tally: Tally) -> list[Figure]:
    figure = duration_figure("handle_time", _durations(tally))
    figure.parts.update({name: tally.get(slot, 0) / 1000 for name, slot in PARTS.items()})
    return [figure]


def _part(name: str) -> Callable[[Figure], float | None]:
    return lambda figure: figure.parts[name] if figure.n else None


METRIC: Final = Metric(
    id=11,
    name="handle_time",
    title="Handle time",
    unit="seconds",
    definition=(
        "Talk + hold + after-call work per visit that an agent handled, in the window in which it was reported; the agent is the one "
        "who handled it. Mean, and quantiles within 1/64; the three parts are kept apart as sums. Only lengths are reported: for business "
        "hours, where there are no parts, the work is taken to have ended with the report and to have had no gap."
    ),
    source="Genesys Cloud, average handle time: https://help.mypurecloud.com/glossary/average-handle-time-aht/",
    null_rule="Null where nothing was handled.",
    excluded_reasons=(),
    reads=ALWAYS | {"visit", "handling"},
    measures=_measures,
    waits=_waits,
    figures=_figures,
    samples=lambda tally: {"handle_time": duration_sample(_durations(tally))},
    series=(
        *duration_series("handle", "Talk, hold and after-call work"),
        *(
            Series(f"handle_{name}_seconds", f"Of handle_seconds_sum, {what}.", _part(name))
            for name, what in (("talk", "talk"), ("hold", "hold"), ("after", "after-call work"))
        ),
    ),
)
