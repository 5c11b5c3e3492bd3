"""The settings of what is read and what figures are made of it: topics, metrics and their definitions, segments."""

from typing import Annotated, Literal

import msgspec

from stream.core.config import DEFAULT_METRICS, DEFAULT_PROFILE
from stream.metrics import BY_NAME, plugins
from stream.metrics.engagement import PARTS as ENGAGEMENT_PARTS
from stream.metrics.profiles import NAMES as PROFILE_NAMES
from stream.metrics.profiles import genesys
from stream.settings import calendars as calendar_form
from stream.settings import definitions, forms
from stream.settings.calendars import CalendarFile
from stream.settings.declared import setting
from stream.settings.forms import HOUR_MS, MINUTE_MS


class FigureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """They come first in the reference."""

    brokers: Annotated[tuple[str, ...], setting(forms.addresses(), "Kafka bootstrap servers.")] = (
        "127.0.0.1:9092",
    )
    topic_prefix: Annotated[
        str,
        setting(
            forms.matching(r"[A-Za-z0-9._-]{0,100}", "up to 100 of A-Z, a-z, 0-9, dot, _ and -"),
            "What the names of the event, rollup and alert topics begin with.",
        ),
    ] = "contact-centre."
    app_id: Annotated[
        str,
        setting(
            forms.matching(r"[A-Za-z0-9._-]{1,100}", "1 to 100 of A-Z, a-z, 0-9, dot, _ and -"),
            "Consumer group, and prefix of the internal topics. Workers with one id share the work.",
        ),
    ] = "contact-centre-stream"
    partitions: Annotated[
        int | None,
        setting(
            forms.whole_number_or_auto(1, 1024),
            "Partitions of each source topic, also of customers' where it is read. auto: as many as the topics have (4 if "
            "`stream topics create` makes them). A number: the worker insists on it.",
        ),
    ] = None
    delta_partitions: Annotated[
        int | None,
        setting(
            forms.whole_number_or_auto(1, 256),
            "Partitions of the internal deltas topic: over how many workers the windows can be spread. auto: as many as the "
            "topic has, 3 if it is made.",
        ),
    ] = None
    replication_factor: Annotated[
        int,
        setting(
            forms.whole_number(1, 9),
            "Copies of each topic that `stream topics create` makes; from three on, two must have what is taken (min.insync.replicas).",
        ),
    ] = 1
    partitioner: Annotated[
        Literal["murmur2", "crc32", "any"],
        setting(
            forms.choice("murmur2", "crc32", "any"),
            "How producers choose partitions: murmur2 (Java, aiokafka), crc32 (librdkafka's default), any (not checked).",
        ),
    ] = "murmur2"
    metrics: Annotated[
        tuple[str, ...],
        setting(
            forms.names(tuple(BY_NAME), plugins.brought, ", or metrics that a package of yours brings"),
            "Metrics to compute.",
        ),
    ] = DEFAULT_METRICS
    profiles: Annotated[
        tuple[str, ...],
        setting(
            forms.names(PROFILE_NAMES, tuple, ""),
            "By whose definitions metrics are computed, side by side; what none of them has is computed by the default ones.",
        ),
    ] = (DEFAULT_PROFILE,)
    ces_direction: Annotated[
        Literal["low_is_good", "high_is_good"],
        setting(
            forms.choice("low_is_good", "high_is_good"),
            "How the effort surveys ask: how much effort it took (low_is_good), or whether it was easy (high_is_good, CES 2.0).",
        ),
    ] = "low_is_good"
    quality_criteria: Annotated[
        tuple[str, ...],
        setting(
            definitions.criteria(),
            "Criteria of reviews that quality_score has a figure each for; a criterion `Tone of voice` is tone_of_voice.",
        ),
    ] = ()
    first_reply_within: Annotated[
        tuple[int, ...],
        setting(definitions.reply_targets(), "Targets of first_reply_within, a figure for each."),
    ] = (10 * MINUTE_MS, HOUR_MS)
    service_level_seconds: Annotated[
        dict[str, tuple[int, ...]],
        setting(
            definitions.service_levels(),
            "Thresholds of service_level, a figure for each; per queue best in the settings file.",
        ),
    ] = msgspec.field(default_factory=lambda: {"*": definitions.DEFAULT_LEVEL})
    short_abandon_seconds: Annotated[
        int, setting(forms.whole_number(0, 3600), "Visits given up sooner are counted apart; 0: none.")
    ] = 5
    first_contact_days: Annotated[
        int,
        setting(
            forms.whole_number(1, 30),
            "Of first_contact_resolution: a ticket that is opened again within so many days was not solved at the first contact.",
        ),
    ] = 7
    genesys_service_level: Annotated[
        tuple[str, ...],
        setting(
            definitions.genesys_switches(),
            "What service_level of the profile genesys is a share of beside answered visits: the switches under Service Level "
            "Calculation Options that are on there.",
        ),
    ] = (genesys.ABANDONS,)
    calendars: Annotated[
        CalendarFile | None,
        setting(
            calendar_form.form(),
            "Business hours, and to which tenants and teams they apply; what the metrics named ..._business need.",
        ),
    ] = None
    groupings: Annotated[
        tuple[tuple[str, ...], ...],
        setting(
            forms.groupings(),
            "What figures are kept per, within each tenant: labels team, channel, queue, agent and STREAM_SEGMENT_LABELS.",
        ),
    ] = ((), ("team",), ("channel",), ("team", "channel"), ("queue",))
    agent_gauges: Annotated[
        bool,
        setting(
            forms.yes_or_no(),
            "Whether /metrics has figures per agent, where STREAM_GROUPINGS keeps any: personal data, and series for each agent. Rollups, "
            "alerts and `stream explain` have them either way.",
        ),
    ] = False
    segment_labels: Annotated[
        tuple[str, ...],
        setting(
            forms.tokens(), "Keys of the tickets' and customers' own `segments` that grouping sets may use."
        ),
    ] = ()
    bot_authors: Annotated[
        dict[str, frozenset[bytes]],
        setting(
            forms.authors(),
            "Authors that are bots although their events say agent, as TENANT/KEY; `stream author` says the key of an author's id.",
        ),
    ] = {}
    max_label_values: Annotated[
        int,
        setting(
            forms.whole_number(1, 1_000_000),
            "Values of one label per source partition before new ones are counted under __other__; for segments, 20 times as many.",
        ),
    ] = 1000
    csat_bands: Annotated[
        tuple[int, int],
        setting(
            definitions.bands(),
            "What csat is called: poor under the first, good from the second, fair between. `stream explain` says so, and the dashboard's "
            "colours follow contact_centre_csat_band_ratio; no figure does.",
        ),
    ] = (60, 80)
    margin: Annotated[
        int,
        setting(
            forms.whole_number(0, 100),
            "Percent of a purchase that is left after its costs, for lifetime_value_historic.",
        ),
    ] = 100
    engagement: Annotated[
        dict[str, int],
        setting(
            forms.weights(ENGAGEMENT_PARTS), "What the metric engagement adds up, and with which weights."
        ),
    ] = msgspec.field(default_factory=lambda: dict.fromkeys(ENGAGEMENT_PARTS, 1))
