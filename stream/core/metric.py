"""What a metric is made of. One module of ``stream.metrics`` builds one :class:`Metric`; the shards are given those that are to run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any, Literal, NamedTuple

from stream.core.config import DEFAULT_PROFILE, CoreConfig
from stream.core.interval import Sample
from stream.core.measure import (
    EXCLUDED_SLOTS,
    GONE,
    GONE_SLOT,
    SLOTS_PER_METRIC,
    STOPS_NO_CLOCK,
    Figure,
    Measure,
    Reasons,
    Series,
    Tally,
    Wait,
)
from stream.core.ticket import Ticket

Waits = Callable[[Ticket, CoreConfig], list[Wait]]


class LiveSeries(NamedTuple):
    """A live count and, where it has one, the age of its oldest member."""

    slot: int
    count_name: str
    age_name: str | None
    help: str


class FigureName(NamedTuple):
    """A figure by its name: what its value is in, and what it can be."""

    name: str
    unit: str
    bounds: tuple[float, float]


BOUNDS = {"ratio": (0.0, 1.0), "points": (-100.0, 100.0), "seconds": (0.0, inf)}
"""Unit -> what the value of a figure can be unless its metric says otherwise."""


_GONE = tuple(enumerate(GONE, start=GONE_SLOT))


def never(reasons: Reasons, *names: str) -> Reasons:
    """The same slots, without the reasons that a definition never gives."""
    return tuple(None if reason in names else reason for reason in reasons)


def excluded_of(tally: Tally, reasons: Reasons = ()) -> dict[str, int]:
    """Reason -> how many a tally leaves out, for a metric's own ``reasons`` and of tickets that are gone; only those that occur."""
    found: dict[str, int] = {}
    for slot, reason in enumerate(reasons):
        count = tally.get(slot)
        if count and reason is not None:
            found[reason] = count
    for slot, reason in _GONE:
        count = tally.get(slot)
        if count:
            found[reason] = count
    return found


@lru_cache(maxsize=1 << 16)
def _counts(figures: Callable[[Tally], list[Figure]], slot: int) -> int:
    """By how much n of a metric's first figure grows with 1 in a slot."""
    return figures({slot: 1})[0].n


def _nothing(tally: Tally) -> list[Figure]:
    return []


def _no_samples(tally: Tally) -> dict[str, Sample | None]:
    return {}


@dataclass(frozen=True, slots=True)
class Metric:
    """A named, versioned definition: facts -> measures, and tally -> figures."""

    id: int
    """Stable number, never reused: part of slots in rows and deltas."""
    name: str
    title: str
    unit: str
    """``ratio`` (0..1), ``seconds``, ``points`` (-100..100), ``score`` or ``count``."""
    definition: str
    """One or two sentences for a support lead: numerator, denominator, which instant decides the window."""
    source: str
    """Where the definition comes from."""
    null_rule: str
    """When the value is null."""
    excluded_reasons: Reasons
    """Its own, in the order of their slots, and none that it cannot give; see :attr:`reasons`."""
    reads: frozenset[str]
    """Fact groups that the measures depend on (``GROUPS_OF`` of its kind of entity): others' events cannot change them."""
    measures: Callable[[Any, CoreConfig], list[Measure]]
    """From the facts of one ticket or customer, as ``entity`` says; nothing of a ticket that is gone."""
    series: tuple[Series, ...]
    figures: Callable[[Tally], list[Figure]] = _nothing
    """Figures of a tally in the metric's own slots; one for most metrics, more where parameters split it."""
    samples: Callable[[Tally], dict[str, Sample | None]] = _no_samples
    """Figure's name -> the sample behind it, None where it is empty: what a comparison needs. Neither share nor mean: not in it."""
    bounds: tuple[float, float] | None = None
    """What the values of its figures can be; None: what their unit allows."""
    others: tuple[FigureName, ...] = ()
    """Figures that only windows with such measures have, beside those of an empty window."""
    interval: bool = False
    """Whether its figures have an interval, ``low`` to ``high``."""
    only_counts: bool = False
    """Whether the figure of its own name has no value ever, and carries the counts of the others."""
    profile: str = DEFAULT_PROFILE
    """Whose definition it is; names and series are the same in all of them, ids are not."""
    version: int = 1
    parameters: str = ""
    """The settings that its measures follow, as text: part of the state's shape."""
    labels: tuple[tuple[str, str], ...] = ()
    """What a reader must know beside name and version to read the value: travels with its rollups and series."""
    entity: Literal["ticket", "customer"] = "ticket"
    """What it is asked about."""
    live: bool = False
    """Live: measures are +1 at the instant something began to be so, without a window; shown as count and oldest age."""
    live_series: tuple[LiveSeries, ...] = ()
    counts_each: bool = False
    """Each of its measures is one of those that n of some figure counts. False: n of its first figure says what they count."""
    settle_ms: int = 0
    """How long after a window's end the metric can still change by definition (first contact resolution: 7 days)."""
    waits: Waits | None = None
    """Of a duration: from when to when it went. Its twin in business hours is made of the same."""
    business: bool = False
    """Counts in business hours: its measures depend on ``config.calendars``."""

    stock: int | None = None
    """Slot of a STOCK: its measures are +1 at the instant something began to be there and -1 at that of its end. They are added up from
    the beginning of time and are never too late; a window's tally has in this slot how many there were at the window's start."""

    def says(self, entity: Any, config: CoreConfig) -> list[Measure]:
        """Its measures; of a ticket that is gone what it leaves out."""
        return self.left_out(entity, config) if entity.gone else self.measures(entity, config)

    def left_out(self, ticket: Ticket, config: CoreConfig) -> list[Measure]:
        """What would be counted, or left out for another reason, if a ticket were not gone: where, and by why it is gone."""
        if self.live:
            return []
        slot = GONE_SLOT + ticket.why_gone()
        ticket.gone = False
        try:
            measures = self.measures(ticket, config)
        finally:
            ticket.gone = True
        messages = {own for own, reason in enumerate(self.excluded_reasons) if reason in STOPS_NO_CLOCK}
        found: list[Measure] = []
        for instant_ms, labels, own, amount in measures:
            if own < EXCLUDED_SLOTS:
                count = 0 if own in messages else amount
            else:
                count = amount * (1 if self.counts_each else _counts(self.figures, own))
            if count:
                found.append((instant_ms, labels, slot, count))
        return found

    @property
    def reasons(self) -> dict[int, str]:
        """Slot -> why what it counts is not in the figures: its own reasons, and those of tickets that are gone."""
        own = {slot: reason for slot, reason in enumerate(self.excluded_reasons) if reason is not None}
        return {**own, **dict(_GONE)} if self.leaves_gone_out else own

    @property
    def leaves_gone_out(self) -> bool:
        """Whether it is about tickets, or about their customers' answers: those of tickets that are gone are counted apart."""
        return not self.live and (self.entity == "ticket" or "answer" in self.reads)

    @property
    def full_name(self) -> str:
        """``csat``, or ``zendesk/csat`` by another definition than the program's own: never the same for two."""
        return self.name if self.profile == DEFAULT_PROFILE else f"{self.profile}/{self.name}"

    def named(self) -> list[FigureName]:
        """All figures that it can have."""
        found = [
            FigureName(figure.metric, figure.unit, self.bounds or BOUNDS.get(figure.unit, (-inf, inf)))
            for figure in self.figures({})
        ]
        known = {one.name for one in found}
        return [*found, *(one for one in self.others if one.name not in known)]

    @property
    def timeless(self) -> bool:
        """Whether its measures are said however late: the windows stage decides what is too late for which window."""
        return self.live or self.stock is not None

    def slot(self, own: int) -> int:
        """The slot's number in rows and deltas."""
        return self.id * SLOTS_PER_METRIC + own
