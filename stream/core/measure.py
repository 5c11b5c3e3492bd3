"""The seam between facts and figures: what a metric says about one entity, and what a window says back.

A metric is a pure function from the facts of one entity to MEASURES ``(instant_ms, labels, slot, amount)``. Slots are the
metric's own small integers; a window's TALLY for the metric is the sum of the amounts per slot (a slot that sums to 0 is absent).
Sums of integers can be subtracted again: a correction takes the old measures out and puts the new ones in.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

Labels = tuple[str | None, ...]
"""Values of ``(tenant, team, channel, queue, agent, *config.segment_labels)`` at a measure's instant; None is unknown."""

LABEL_NAMES = ("tenant", "team", "channel", "queue", "agent")

SLOTS_PER_METRIC = 4096
"""A slot's number in rows and deltas is ``metric's index in the registry's STABLE ids * SLOTS_PER_METRIC + its own slot``."""

EXCLUDED_SLOTS = 16
"""Slots 0..15 of every metric count what it excludes, in the order of its ``excluded_reasons``; values start at slot 16."""

Reasons = tuple[str | None, ...]
"""Why something is left out, by slot. None: a slot for which a definition has no use, though others of its kind do."""

GONE = ("merged", "deleted", "spam")
"""Why a ticket counts no more. What it would count is counted so instead, in the last of the excluded slots of every metric about
tickets: nothing that a metric has to see to."""
GONE_SLOT = EXCLUDED_SLOTS - len(GONE)
"""The first of them: a metric's own reasons stay below."""

STOPS_NO_CLOCK = ("bot", "system", "private")
"""Of messages that no figure is about. All other reasons are of what would be counted but for them: where its ticket is gone, that is
why it is not."""


Measure = tuple[int, Labels, int, int]
"""``(instant_ms, labels, slot, amount)``: one addition to one metric's tally in the window that ``instant_ms`` (event time)
falls in. A plain tuple: a dozen are made at every fold of a ticket, and a named one costs six times as much."""

Wait = tuple[int, Labels, tuple[int, ...] | int]
"""``(instant_ms, labels, (from, to, from, to, ...))``: what a duration is the sum of, in epoch milliseconds, and where it counts.

With a slot instead it is none: something that is left out, and the slot counts why."""


class Figure(msgspec.Struct, frozen=True):
    """What a tally says. ``value`` is None where n is 0 or below the metric's own minimum; never NaN."""

    metric: str
    n: int
    value: float | None
    unit: str
    parts: dict[str, int | float]
    low: float | None = None
    high: float | None = None
    quantiles: dict[str, float | None] | None = None
    excluded: dict[str, int] = {}


class Series(NamedTuple):
    """One Prometheus series of a figure: name without the ``contact_centre_`` prefix, help, and how to read the figure.

    ``read`` returns None for "no sample". ``labels`` are further label pairs (``quantile``).
    """

    name: str
    help: str
    read: Callable[[Figure], float | None]
    labels: tuple[tuple[str, str], ...] = ()


Tally = Mapping[int, int]
"""Slot (the metric's own number) -> sum."""
