"""The twin of a duration that counts business hours only. One way for all of them: of the same waits, by whichever calendar applies."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.measure import Measure
from stream.core.metric import Metric
from stream.core.ticket import Ticket
from stream.metrics.durations import (
    NEGATIVE_SLOT,
    duration_figure,
    duration_measures,
    duration_sample,
    duration_series,
    length_ms,
)

SUFFIX: Final = "_business"
TITLE_SUFFIX: Final = " in business hours"
SOURCE: Final = (
    "one schedule for the whole time, as Zendesk counts what has one value: "
    "https://support.zendesk.com/hc/en-us/articles/5654110765338"
)
FIRST_ID: Final = 64
"""A twin's id is its duration's and this."""
NO_CALENDAR: Final = "no_calendar"
"""A twin leaves out what its duration does, and this; its slot comes behind theirs."""


def business(of: Metric, hours_source: str = SOURCE) -> Metric:
    """The twin of a metric that has waits; ``hours_source`` documents its hours. Raises ValueError for one that has none."""
    waits = of.waits
    if waits is None:
        raise ValueError(f"{of.name} says no waits: there is nothing to count business hours of")
    name = of.name + SUFFIX
    reasons = (*of.excluded_reasons, NO_CALENDAR)
    no_calendar_slot = len(of.excluded_reasons)

    def measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
        creation = ticket.creation
        own = creation.calendar if creation is not None else None
        found: list[Measure] = []
        for instant_ms, labels, stretches in waits(ticket, config):
            if isinstance(stretches, int):
                found.append((instant_ms, labels, stretches, 1))
                continue
            if length_ms(stretches) < 0:
                found.append((instant_ms, labels, NEGATIVE_SLOT, 1))
                continue
            spent = _business_ms(stretches, own, labels[0], labels[1], config)
            if spent is None:
                found.append((instant_ms, labels, no_calendar_slot, 1))
            else:
                found += duration_measures(instant_ms, labels, spent)
        return found

    return Metric(
        id=FIRST_ID + of.id,
        name=name,
        title=of.title + TITLE_SUFFIX,
        unit="seconds",
        definition=(
            f"As {of.name}, but of the time only what lies in business hours: those of the calendar that the ticket names, else of its "
            "team's, else of its tenant's, else of the default one; team and tenant are those of the instant that decides the window, "
            "and their calendar counts for the whole time. Hours are those of the zone's clock: one that it leaves out does not count, "
            f"one that it shows twice counts twice. {of.definition}"
        ),
        source=f"{of.source} ; business hours: {hours_source}",
        null_rule=(
            f"{of.null_rule} Where no calendar applies, the ticket names one that is not known, or the calendar's years do not reach, "
            "the time is left out and counted as no_calendar: it is never counted in calendar hours."
        ),
        excluded_reasons=reasons,
        reads=of.reads,
        measures=measures,
        figures=lambda tally: [duration_figure(name, tally, reasons)],
        samples=lambda tally: {name: duration_sample(tally)},
        series=duration_series(of.name.removesuffix("_time") + SUFFIX, of.title + TITLE_SUFFIX),
        version=of.version,
        profile=of.profile,
        parameters=of.parameters,
        business=True,
    )


def _business_ms(
    stretches: tuple[int, ...], own: str | None, tenant: str | None, team: str | None, config: CoreConfig
) -> int | None:
    calendar = config.calendars.applying(own, tenant, team)
    if calendar is None:
        return None
    spent = 0
    for index in range(0, len(stretches), 2):
        open_ms = calendar.open_ms(stretches[index], stretches[index + 1])
        if open_ms is None:
            return None
        spent += open_ms
    return spent
