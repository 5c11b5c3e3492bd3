"""What the core needs to know, and nothing about where it was read from. ``stream.settings`` builds it."""

from typing import Literal

import msgspec

from stream.core.calendar import Calendars
from stream.core.topics import Topics

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

PAIR_WITHIN_MS = 90 * DAY_MS
"""Two answers of one customer that lie further apart are not compared: bounds for how long answers are kept."""

DEFAULT_PROFILE = "default"
"""The program's own definitions."""

DEFAULT_METRICS = (
    "csat",
    "csat_mean",
    "nps",
    "survey_response",
    "first_reply_time",
    "reply_time",
    "queue_wait_time",
    "live",
)


def window_label(window_ms: int) -> str:
    """``5m``, ``1h``, ``24h``, ``30d``: whole days only from three days on, so that a day reads ``24h``."""
    for unit_ms, unit, least_ms in ((DAY_MS, "d", 3 * DAY_MS), (HOUR_MS, "h", 0), (MINUTE_MS, "m", 0)):
        if window_ms % unit_ms == 0 and window_ms >= least_ms:
            return f"{window_ms // unit_ms}{unit}"
    return f"{window_ms // 1000}s"


class AlertRule(msgspec.Struct, frozen=True):
    """When a figure's running window is bad enough to wake somebody."""

    name: str
    metric: str
    threshold: float
    below: bool = True
    """True fires under the threshold, False above it."""
    window_ms: int = DAY_MS
    """One of the gauge windows."""
    min_n: int = 100
    for_ms: int = 0
    """How long in event time the condition must hold before the alert fires."""
    clear_margin: float = 0.0
    """Hysteresis: clears only when the value is this far on the good side of the threshold."""
    interval: bool = False
    """True: fires only when the interval's far end is past the threshold too."""
    severity: str = "warning"
    profile: str = DEFAULT_PROFILE
    """By whose definition of the metric."""
    segment: dict[str, str] = {}
    """Pattern: label -> value or ``*``; matches segments with exactly these labels (``tenant`` may be left out = ``*``)."""


class DeadLetterLimit(msgspec.Struct, frozen=True):
    """How much of a source may be refused before the worker stops: ``percent`` of a block of ``offsets`` offsets."""

    percent: int = 50
    offsets: int = 1000


DEFAULT_ALERTS = (AlertRule(name="csat_low", metric="csat", threshold=0.80),)


class CoreConfig(msgspec.Struct, frozen=True):
    """Settings of the pure core. All times in milliseconds."""

    topics: Topics = Topics()
    source_partitions: int = 4
    delta_partitions: int = 3
    partitioner: Literal["murmur2", "crc32", "any"] = "murmur2"
    metrics: tuple[str, ...] = DEFAULT_METRICS
    groupings: tuple[tuple[str, ...], ...] = ((), ("team",), ("channel",), ("team", "channel"), ("queue",))
    """Grouping sets within a tenant; ``()`` is the tenant as a whole."""
    segment_labels: tuple[str, ...] = ()
    """Allow-listed keys of the tickets' own ``segments`` that groupings may use."""
    max_label_values: int = 1000
    """Cardinality guard: values of one label per source partition before new ones go to ``__other__``."""
    rollup_windows_ms: tuple[int, ...] = (MINUTE_MS, HOUR_MS, DAY_MS)
    gauge_windows_ms: tuple[int, ...] = (5 * MINUTE_MS, HOUR_MS, DAY_MS)
    compare_windows_ms: tuple[int, ...] = (DAY_MS,)
    """Gauge windows whose figures are compared with those of the window directly before."""
    compare_min_n: int = 100
    """Fewer on either side, and a comparison with the window before says nothing."""
    lateness_ms: int = MINUTE_MS
    horizons_ms: dict[int, int] = msgspec.field(
        default_factory=lambda: {MINUTE_MS: 6 * HOUR_MS, HOUR_MS: 35 * DAY_MS, DAY_MS: 35 * DAY_MS}
    )
    """Rollup window -> how long after its end it is still revised. -1 means for ever (``backfill``)."""
    max_skew_ms: int = HOUR_MS
    idle_after_ms: int = MINUTE_MS
    customers: bool = False
    """Whether a metric of customers is among ``metrics``: only then their topic is read, and has the sources' partition count."""
    answers: bool = False
    """Whether a metric follows a customer's answers: only then they are written once more, by customer."""
    margin_percent: int = 100
    """What is left of a purchase after its costs, for the historic lifetime value."""
    engagement: dict[str, int] = msgspec.field(
        default_factory=lambda: {"purchases": 1, "referrals": 1, "mentions": 1}
    )
    """Part of the engagement -> its weight."""
    clock: Literal["wall", "event"] = "wall"
    profiles: tuple[str, ...] = (DEFAULT_PROFILE,)
    """Whose definitions are computed; where only a name is given, the first that has it is meant."""
    calendars: Calendars = Calendars()
    """Business hours, and whose they are."""
    ces_direction: Literal["low_is_good", "high_is_good"] = "low_is_good"
    quality_criteria: tuple[str, ...] = ()
    """Criteria of reviews with a figure of their own."""
    first_reply_within_ms: tuple[int, ...] = (10 * MINUTE_MS, HOUR_MS)
    service_level_seconds: dict[str, tuple[int, ...]] = msgspec.field(default_factory=lambda: {"*": (20,)})
    """Queue -> thresholds, its target first; ``*`` is every other queue."""
    short_abandon_ms: int = 5_000
    """Who gives up a queue sooner than this is counted apart."""
    first_contact_days: int = 7
    """What is opened again sooner was not solved at the first contact."""
    genesys_service_level: tuple[str, ...] = ("abandons",)
    """What its service level is a share of, beside answered visits: parts of ``stream.metrics.profiles.genesys``."""
    alerts: tuple[AlertRule, ...] = DEFAULT_ALERTS
    bot_authors: dict[str, frozenset[bytes]] = {}
    """Tenant -> keys of authors (:func:`stream.core.fact.author_key`) that are bots, whatever their events say."""
    dead_letter_limit: DeadLetterLimit | None = DeadLetterLimit()
    """None: any number of records may be refused."""
    dead_letter_bytes: int = 2 * 2**20
    """The largest dead letter that the brokers take; what is larger is cut."""
    generation: int = 1
    """Raised at every change of definitions, groupings or panes; a row carries the one its measures were emitted under."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The source topics that are read."""
        return (*self.topics.sources, self.topics.customers) if self.customers else self.topics.sources

    @property
    def feeds(self) -> int:
        """Partitions of all stages that feed the windows stage: those of tickets first, then those of customers."""
        return self.source_partitions * (2 if self.customers else 1)
