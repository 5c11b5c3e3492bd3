"""The output of the rollups topic: one figure of one segment and window. A later one with the same key replaces it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import Count, OutputEvent, Token, UtcTime


class Quantiles(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Quantiles of a duration in seconds; null where n is 0."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class Rollup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A figure with what it was made of.

    ``value`` is null where ``n`` is 0 or below the metric's own minimum. ``parts`` are its counts and sums, for durations
    the histogram's buckets as well. ``low`` and ``high``: 95 % interval where the metric has one. Windows are
    ``[window_start, window_end)`` in UTC. ``definition_labels`` are there where the value cannot be read without them
    (``direction`` of a customer effort score). ``watermark`` is null while none is known.
    """

    metric: Token
    profile: Token
    definition_version: Annotated[int, Meta(ge=1)]
    definition_labels: dict[str, str] | None = None
    segment: dict[str, str]
    window_start: UtcTime
    window_end: UtcTime
    window_seconds: Annotated[int, Meta(ge=60)]
    status: Literal["open", "final", "revised"]
    revision: Annotated[int, Meta(ge=1)]
    n: Count
    value: float | None
    unit: Literal["ratio", "seconds", "points", "score", "count", "minor"]
    parts: dict[str, int | float]
    low: float | None
    high: float | None
    quantiles: Quantiles | None = None
    excluded: dict[str, Count]
    watermark: UtcTime | None
    emitted_at: UtcTime


class MetricRollup(OutputEvent, frozen=True, kw_only=True, tag="contact-centre.metric.rollup.v1"):
    """A window's figure was computed, revised or became final.

    The record key is ``profile/metric/segment/window_start/window_seconds``, and ``id`` is the key and the revision. The
    segment in it is ``name=value`` pairs sorted by name, percent-encoded and joined by ``&``.
    """

    data: Rollup
