"""From events to figures without windows: every measure of every ticket in one tally."""

from collections import Counter
from collections.abc import Iterable, Sequence

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.measure import Figure, Measure
from stream.core.metric import Metric
from stream.core.ticket import Ticket, entity_key
from stream.metrics import built
from tests.support.histories import START_MS, time_of

CONFIG = CoreConfig()


def tickets_of(events: Iterable[ev.Event]) -> list[Ticket]:
    """Facts per entity, in order of first appearance."""
    tickets: dict[bytes, Ticket] = {}
    for event in events:
        tickets.setdefault(entity_key(event), Ticket()).merge(time_of(event), event)
    return list(tickets.values())


def metric_of(name: str, config: CoreConfig = CONFIG) -> Metric:
    """A metric as the settings define it."""
    (found,) = (metric for metric in built(config) if metric.name == name)
    return found


def measures_of(metric: str, events: Iterable[ev.Event], config: CoreConfig = CONFIG) -> list[Measure]:
    """All measures of a metric."""
    says = metric_of(metric, config).says
    return [measure for ticket in tickets_of(events) for measure in says(ticket, config)]


def tally_of(metric: str, events: Iterable[ev.Event], config: CoreConfig = CONFIG) -> Counter[int]:
    """Their sums by slot."""
    tally: Counter[int] = Counter()
    for _, _, slot, amount in measures_of(metric, events, config):
        tally[slot] += amount
    return tally


def figures_of(metric: str, events: Iterable[ev.Event], config: CoreConfig = CONFIG) -> dict[str, Figure]:
    """Figures by name."""
    tally = tally_of(metric, events, config)
    return {figure.metric: figure for figure in metric_of(metric, config).figures(tally)}


def figure_of(metric: str, events: Iterable[ev.Event], config: CoreConfig = CONFIG) -> Figure:
    """The figure of the metric's own name."""
    return figures_of(metric, events, config)[metric]


def minutes(measures: Sequence[Measure]) -> list[float]:
    """Instants of measures as minutes after the start."""
    return [(instant_ms - START_MS) / 60_000 for instant_ms, _, _, _ in measures]
