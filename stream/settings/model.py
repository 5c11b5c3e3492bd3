"""Every setting, declared once: its default, its form and its meaning. The reference ``deploy/settings.md`` is made from this."""

import typing
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from stream.core.calendar import Calendars
from stream.core.config import (
    DEFAULT_ALERTS,
    DEFAULT_METRICS,
    DEFAULT_PROFILE,
    AlertRule,
    CoreConfig,
    DeadLetterLimit,
)
from stream.core.topics import Topics
from stream.metrics import BY_NAME, plugins, selected
from stream.metrics.engagement import PARTS as ENGAGEMENT_PARTS
from stream.metrics.profiles import NAMES as PROFILE_NAMES
from stream.metrics.profiles import genesys
from stream.runtime.config import RuntimeConfig, Security
from stream.settings import alerts as alert_form
from stream.settings import calendars as calendar_form
from stream.settings import definitions, forms
from stream.settings.calendars import CalendarFile
from stream.settings.forms import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Form

PREFIX = "STREAM_"

SOURCE_PARTITIONS, DELTA_PARTITIONS = 4, 3
"""Of topics that are made without a number being set."""


class Setting(NamedTuple):
    """One declared setting."""

    name: str
    form: Form[Any]
    meaning: str
    default: Any

    @property
    def env(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


def _is(form: Form[Any], meaning: str) -> msgspec.Meta:
    return msgspec.Meta(description=meaning, extra={"form": form})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, checked. Durations in milliseconds, sizes in bytes. ``load`` builds it."""

    brokers: Annotated[tuple[str, ...], _is(forms.addresses(), "Kafka bootstrap servers.")] = (
        "127.0.0.1:9092",
    )
    topic_prefix: Annotated[
        str,
        _is(
            forms.matching(r"[A-Za-z0-9._-]{0,100}", "up to 100 of A-Z, a-z, 0-9, dot, _ and -"),
            "What the names of the event, rollup and alert topics begin with.",
        ),
    ] = "contact-centre."
    app_id: Annotated[
        str,
        _is(
            forms.matching(r"[A-Za-z0-9._-]{1,100}", "1 to 100 of A-Z, a-z, 0-9, dot, _ and -"),
            "Consumer group, and prefix of the internal topics. Workers with one id share the work.",
        ),
    ] = "contact-centre-stream"
    partitions: Annotated[
        int | None,
        _is(
            forms.whole_number_or_auto(1, 1024),
            "Partitions of each source topic, also of customers' where it is read. auto: as many as the topics have (4 if "
            "`stream topics create` makes them). A number: the worker insists on it.",
        ),
    ] = None
    delta_partitions: Annotated[
        int | None,
        _is(
            forms.whole_number_or_auto(1, 256),
            "Partitions of the internal deltas topic: over how many workers the windows can be spread. auto: as many as the "
            "topic has, 3 if it is made.",
        ),
    ] = None
    replication_factor: Annotated[
        int, _is(forms.whole_number(1, 9), "Copies of each topic that `stream topics create` makes.")
    ] = 1
    partitioner: Annotated[
        Literal["murmur2", "crc32", "any"],
        _is(
            forms.choice("murmur2", "crc32", "any"),
            "How producers choose partitions: murmur2 (Java, aiokafka), crc32 (librdkafka's default), any (not checked).",
        ),
    ] = "murmur2"
    metrics: Annotated[
        tuple[str, ...],
        _is(
            forms.names(tuple(BY_NAME), plugins.brought, ", or metrics that a package of yours brings"),
            "Metrics to compute.",
        ),
    ] = DEFAULT_METRICS
    profiles: Annotated[
        tuple[str, ...],
        _is(
            forms.names(PROFILE_NAMES, tuple, ""),
            "By whose definitions metrics are computed, side by side; what none of them has is computed by the default ones.",
        ),
    ] = (DEFAULT_PROFILE,)
    ces_direction: Annotated[
        Literal["low_is_good", "high_is_good"],
        _is(
            forms.choice("low_is_good", "high_is_good"),
            "How the effort surveys ask: how much effort it took (low_is_good), or whether it was easy (high_is_good, CES 2.0).",
        ),
    ] = "low_is_good"
    quality_criteria: Annotated[
        tuple[str, ...],
        _is(
            definitions.criteria(),
            "Criteria of reviews that quality_score has a figure each for; a criterion `Tone of voice` is tone_of_voice.",
        ),
    ] = ()
    first_reply_within: Annotated[
        tuple[int, ...], _is(definitions.reply_targets(), "Targets of first_reply_within, a figure for each.")
    ] = (10 * MINUTE_MS, HOUR_MS)
    service_level_seconds: Annotated[
        dict[str, tuple[int, ...]],
        _is(
            definitions.service_levels(),
            "Thresholds of service_level, a figure for each; per queue best in the settings file.",
        ),
    ] = msgspec.field(default_factory=lambda: {"*": definitions.DEFAULT_LEVEL})
    short_abandon_seconds: Annotated[
        int, _is(forms.whole_number(0, 3600), "Visits given up sooner are counted apart; 0: none.")
    ] = 5
    genesys_service_level: Annotated[
        tuple[str, ...],
        _is(
            definitions.genesys_switches(),
            "What service_level of the profile genesys is a share of beside answered visits: the switches under Service Level "
            "Calculation Options that are on there.",
        ),
    ] = (genesys.ABANDONS,)
    calendars: Annotated[
        CalendarFile | None,
        _is(
            calendar_form.form(),
            "Business hours, and to which tenants and teams they apply; what the metrics named ..._business need.",
        ),
    ] = None
    groupings: Annotated[
        tuple[tuple[str, ...], ...],
        _is(
            forms.groupings(),
            "What figures are kept per, within each tenant: labels team, channel, queue, agent and STREAM_SEGMENT_LABELS.",
        ),
    ] = ((), ("team",), ("channel",), ("team", "channel"), ("queue",))
    segment_labels: Annotated[
        tuple[str, ...],
        _is(forms.tokens(), "Keys of the tickets' and customers' own `segments` that grouping sets may use."),
    ] = ()
    bot_authors: Annotated[
        dict[str, frozenset[bytes]],
        _is(
            forms.authors(),
            "Authors that are bots although their events say agent, as TENANT/KEY; `stream author` says the key of an author's id.",
        ),
    ] = {}
    max_label_values: Annotated[
        int,
        _is(
            forms.whole_number(1, 1_000_000),
            "Values of one label per source partition before new ones are counted under __other__; for segments, 20 times as many.",
        ),
    ] = 1000
    margin: Annotated[
        int,
        _is(
            forms.whole_number(0, 100),
            "Percent of a purchase that is left after its costs, for lifetime_value_historic.",
        ),
    ] = 100
    engagement: Annotated[
        dict[str, int],
        _is(forms.weights(ENGAGEMENT_PARTS), "What the metric engagement adds up, and with which weights."),
    ] = msgspec.field(default_factory=lambda: dict.fromkeys(ENGAGEMENT_PARTS, 1))
    rollup_windows: Annotated[
        tuple[int, ...],
        _is(forms.durations(MINUTE_MS, 31 * DAY_MS), "Tumbling windows that rollups are published for."),
    ] = (MINUTE_MS, HOUR_MS, DAY_MS)
    gauge_windows: Annotated[
        tuple[int, ...],
        _is(
            forms.durations(MINUTE_MS, 800 * DAY_MS, "h"),
            "Running windows that /metrics and the alerts show.",
        ),
    ] = (5 * MINUTE_MS, HOUR_MS, DAY_MS)
    compare_windows: Annotated[
        tuple[int, ...] | None,
        _is(
            forms.some_durations("STREAM_GAUGE_WINDOWS", MINUTE_MS, 800 * DAY_MS),
            "Running windows whose figures /metrics compares with those of the window of equal length directly before.",
        ),
    ] = None
    compare_min_n: Annotated[
        int,
        _is(
            forms.whole_number(1, 1_000_000),
            "Fewer on either side, and comparisons (/metrics, `stream explain`, `stream compare`) say too few.",
        ),
    ] = 100
    lateness: Annotated[
        int,
        _is(
            forms.duration(0, 7 * DAY_MS),
            "How far out of order events may come before their window counts as final.",
        ),
    ] = MINUTE_MS
    correction_horizon: Annotated[
        dict[int, int],
        _is(forms.horizons(), "How long after its end a window is still revised by what comes late."),
    ] = msgspec.field(
        default_factory=lambda: {MINUTE_MS: 6 * HOUR_MS, HOUR_MS: 35 * DAY_MS, DAY_MS: 35 * DAY_MS}
    )
    clock: Annotated[
        Literal["wall", "event"],
        _is(
            forms.choice("wall", "event"),
            "Where ages and running windows end: at the clock, or at the newest events' time (replays).",
        ),
    ] = "wall"
    max_skew: Annotated[
        int,
        _is(
            forms.duration(0, 30 * DAY_MS),
            "How far an event's time may be ahead of its log time; further is refused.",
        ),
    ] = HOUR_MS
    idle_after: Annotated[
        int,
        _is(
            forms.duration(SECOND_MS, DAY_MS),
            "Silence after which a topic's partition no longer holds windows open.",
        ),
    ] = MINUTE_MS
    commit_interval: Annotated[
        int,
        _is(
            forms.duration(50, MINUTE_MS),
            "Time between two commits: what a crash makes the next worker read again.",
        ),
    ] = SECOND_MS
    dlq_limit: Annotated[
        DeadLetterLimit | None,
        _is(
            forms.dead_letter_limit(),
            "How much of a source partition's topic may be refused, per block of offsets, before the worker stops (exit code 70).",
        ),
    ] = DeadLetterLimit()
    instance_id: Annotated[
        str,
        _is(
            forms.matching(r"[A-Za-z0-9._-]{0,100}", "up to 100 of A-Z, a-z, 0-9, dot, _ and -"),
            "A worker's own name in the group, such as its pod's. With one, its partitions wait for it until STREAM_SESSION_TIMEOUT when "
            "it is gone, also after SIGTERM, and it has them back without a rebalance. Two workers must never have the same.",
        ),
    ] = ""
    session_timeout: Annotated[
        int,
        _is(
            forms.duration(SECOND_MS, 5 * MINUTE_MS),
            "Silence after which the group gives a worker's partitions to others.",
        ),
    ] = 10 * SECOND_MS
    heartbeat_interval: Annotated[
        int,
        _is(
            forms.duration(100, MINUTE_MS),
            "Time between two signs of life to the group; at most a third of the former.",
        ),
    ] = SECOND_MS
    windows_interval: Annotated[
        int,
        _is(
            forms.duration(20, MINUTE_MS),
            "The same for the windows stage, which publishes rollups at each of its commits.",
        ),
    ] = 200
    delivery_timeout: Annotated[
        int,
        _is(
            forms.duration(10 * SECOND_MS, 30 * MINUTE_MS),
            "How long the brokers may be away before the worker gives up and exits.",
        ),
    ] = 2 * MINUTE_MS
    grace: Annotated[
        int,
        _is(
            forms.duration(SECOND_MS, 10 * MINUTE_MS), "Time to commit and leave the group when told to stop."
        ),
    ] = 25 * SECOND_MS
    allow_volatile: Annotated[
        bool,
        _is(
            forms.yes_or_no(),
            "Run on a broker without transactions, with weaker guarantees, instead of refusing it.",
        ),
    ] = False
    http_host: Annotated[
        str,
        _is(
            forms.matching(r"[A-Za-z0-9.:_-]{1,253}", "a host name or address"),
            "Where /metrics, /healthz and /readyz listen.",
        ),
    ] = "127.0.0.1"
    http_port: Annotated[int, _is(forms.whole_number(0, 65535), "Their port; 0 takes a free one.")] = 9464
    state_limit: Annotated[
        int,
        _is(
            forms.size(),
            "Estimated memory of the windows of 1,000 segments above which the settings are refused.",
        ),
    ] = 16 * 2**30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _is(
            forms.choice("debug", "info", "warning", "error"),
            "The least important log lines that are written.",
        ),
    ] = "info"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        _is(forms.choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "How to speak to the brokers."),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        _is(
            forms.choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "How to log in with the SASL protocols."
        ),
    ] = "SCRAM-SHA-512"
    sasl_username: Annotated[
        str,
        _is(forms.matching(r"[^\x00-\x1f]{0,256}", "a text of up to 256 characters"), "Name to log in with."),
    ] = ""
    sasl_password_file: Annotated[
        Path | None,
        _is(
            forms.existing_file(),
            "File that holds the password; there is no setting for the password itself.",
        ),
    ] = None
    tls_ca_file: Annotated[
        Path | None,
        _is(
            forms.existing_file(),
            "PEM file with the authorities that sign the brokers; the system's if not set.",
        ),
    ] = None
    tls_cert_file: Annotated[
        Path | None, _is(forms.existing_file(), "PEM file with the client's certificate.")
    ] = None
    tls_key_file: Annotated[
        Path | None, _is(forms.existing_file(), "PEM file with the client's private key.")
    ] = None
    alerts: Annotated[
        tuple[AlertRule, ...],
        _is(alert_form.form(), "Alert rules, best written as [[alerts]] tables in the settings file."),
    ] = DEFAULT_ALERTS

    def core(self) -> CoreConfig:
        """What the pure core needs to know.

        Partition counts that are left to the topics are those of topics yet to be made: ``stream.runtime.topics.fitted``
        puts in what the topics have. Raises PluginError for a metric of another package that cannot be used.
        """
        core = CoreConfig(
            topics=Topics(prefix=self.topic_prefix, app_id=self.app_id),
            source_partitions=self.partitions or SOURCE_PARTITIONS,
            delta_partitions=self.delta_partitions or DELTA_PARTITIONS,
            partitioner=self.partitioner,
            metrics=self.metrics,
            profiles=self.profiles,
            ces_direction=self.ces_direction,
            quality_criteria=self.quality_criteria,
            first_reply_within_ms=self.first_reply_within,
            service_level_seconds=self.service_level_seconds,
            short_abandon_ms=self.short_abandon_seconds * SECOND_MS,
            genesys_service_level=self.genesys_service_level,
            groupings=self.groupings,
            segment_labels=self.segment_labels,
            max_label_values=self.max_label_values,
            rollup_windows_ms=self.rollup_windows,
            gauge_windows_ms=self.gauge_windows,
            compare_windows_ms=(max(self.gauge_windows),)
            if self.compare_windows is None
            else self.compare_windows,
            compare_min_n=self.compare_min_n,
            bot_authors=self.bot_authors,
            lateness_ms=self.lateness,
            horizons_ms=self.horizons_ms(),
            margin_percent=self.margin,
            engagement=self.engagement,
            max_skew_ms=self.max_skew,
            idle_after_ms=self.idle_after,
            clock=self.clock,
            alerts=self.alerts,
            calendars=self.calendars.calendars if self.calendars else Calendars(),
            dead_letter_limit=self.dlq_limit,
        )
        chosen = selected(core)
        return msgspec.structs.replace(
            core,
            customers=any(metric.entity == "customer" for metric in chosen),
            answers=any(metric.entity == "customer" and "answer" in metric.reads for metric in chosen),
        )

    def runtime(self) -> RuntimeConfig:
        """What the shell needs to know beyond that."""
        return RuntimeConfig(
            brokers=self.brokers,
            app_id=self.app_id,
            security=Security(
                protocol=self.security_protocol,
                sasl_mechanism=self.sasl_mechanism,
                sasl_username=self.sasl_username,
                sasl_password_file=self.sasl_password_file,
                ca_file=self.tls_ca_file,
                cert_file=self.tls_cert_file,
                key_file=self.tls_key_file,
            ),
            commit_interval_ms=self.commit_interval,
            windows_interval_ms=self.windows_interval,
            instance_id=self.instance_id,
            session_timeout_ms=self.session_timeout,
            heartbeat_ms=self.heartbeat_interval,
            rebalance_timeout_ms=self.session_timeout,
            delivery_timeout_ms=self.delivery_timeout,
            grace_ms=self.grace,
            allow_volatile=self.allow_volatile,
            replication_factor=self.replication_factor,
        )

    def horizons_ms(self) -> dict[int, int]:
        """Rollup window -> how long after its end it is revised; one value for all is spread over them."""
        everywhere = self.correction_horizon.get(0)
        if everywhere is not None:
            return dict.fromkeys(self.rollup_windows, everywhere)
        return {window: self.correction_horizon[window] for window in self.rollup_windows}


def _declared() -> dict[str, Setting]:
    hints = typing.get_type_hints(Settings, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    found: dict[str, Setting] = {}
    for name, hint in hints.items():
        meta: msgspec.Meta = hint.__metadata__[0]
        field = fields[name]
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        found[name] = Setting(name, (meta.extra or {})["form"], meta.description or "", default)
    return found


SETTINGS: dict[str, Setting] = _declared()
"""Every setting by its name, in reading order."""
