"""Every setting, declared once: its default, its form and its meaning. The reference ``deploy/settings.md`` is made from this."""

import typing
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from stream.core.calendar import Calendars
from stream.core.config import DEFAULT_ALERTS, AlertRule, CoreConfig, DeadLetterLimit
from stream.core.topics import Topics
from stream.metrics import selected
from stream.runtime.config import RuntimeConfig, Security
from stream.settings import alerts as alert_form
from stream.settings import forms
from stream.settings.declared import Setting, setting
from stream.settings.figures import FigureSettings
from stream.settings.forms import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

SOURCE_PARTITIONS, DELTA_PARTITIONS = 4, 3
"""Of topics that are made without a number being set."""


class Settings(FigureSettings, frozen=True, kw_only=True):
    """All settings, checked. Durations in milliseconds, sizes in bytes. ``load`` builds it."""

    rollup_windows: Annotated[
        tuple[int, ...],
        setting(forms.durations(MINUTE_MS, 31 * DAY_MS), "Tumbling windows that rollups are published for."),
    ] = (MINUTE_MS, HOUR_MS, DAY_MS)
    gauge_windows: Annotated[
        tuple[int, ...],
        setting(
            forms.durations(MINUTE_MS, 800 * DAY_MS, "h"),
            "Running windows that /metrics and the alerts show.",
        ),
    ] = (5 * MINUTE_MS, HOUR_MS, DAY_MS)
    compare_windows: Annotated[
        tuple[int, ...] | None,
        setting(
            forms.some_durations("STREAM_GAUGE_WINDOWS", MINUTE_MS, 800 * DAY_MS),
            "Running windows whose figures /metrics compares with those of the window of equal length directly before.",
        ),
    ] = None
    compare_min_n: Annotated[
        int,
        setting(
            forms.whole_number(1, 1_000_000),
            "Fewer on either side, and comparisons (/metrics, `stream explain`, `stream compare`) say too few.",
        ),
    ] = 100
    lateness: Annotated[
        int,
        setting(
            forms.duration(0, 7 * DAY_MS),
            "How far out of order events may come before their window counts as final.",
        ),
    ] = MINUTE_MS
    correction_horizon: Annotated[
        dict[int, int],
        setting(forms.horizons(), "How long after its end a window is still revised by what comes late."),
    ] = msgspec.field(
        default_factory=lambda: {MINUTE_MS: 6 * HOUR_MS, HOUR_MS: 35 * DAY_MS, DAY_MS: 35 * DAY_MS}
    )
    clock: Annotated[
        Literal["wall", "event"],
        setting(
            forms.choice("wall", "event"),
            "Where ages and running windows end: at the clock, or at the newest events' time (replays).",
        ),
    ] = "wall"
    max_skew: Annotated[
        int,
        setting(
            forms.duration(0, 30 * DAY_MS),
            "How far an event's time may be ahead of its log time; further is refused.",
        ),
    ] = HOUR_MS
    idle_after: Annotated[
        int,
        setting(
            forms.duration(SECOND_MS, DAY_MS),
            "Silence after which a topic's partition no longer holds windows open.",
        ),
    ] = MINUTE_MS
    commit_interval: Annotated[
        int,
        setting(
            forms.duration(50, MINUTE_MS),
            "Time between two commits: what a crash makes the next worker read again.",
        ),
    ] = SECOND_MS
    dlq_limit: Annotated[
        DeadLetterLimit | None,
        setting(
            forms.dead_letter_limit(),
            "How much of a source partition's topic may be refused, per block of offsets, before the worker stops (exit code 70).",
        ),
    ] = DeadLetterLimit()
    instance_id: Annotated[
        str,
        setting(
            forms.matching(r"[A-Za-z0-9._-]{0,100}", "up to 100 of A-Z, a-z, 0-9, dot, _ and -"),
            "A worker's own name in the group, such as its pod's. With one, its partitions wait for it until STREAM_SESSION_TIMEOUT when "
            "it is gone, also after SIGTERM, and it has them back without a rebalance. Two workers must never have the same.",
        ),
    ] = ""
    session_timeout: Annotated[
        int,
        setting(
            forms.duration(SECOND_MS, 5 * MINUTE_MS),
            "Silence after which the group gives a worker's partitions to others.",
        ),
    ] = 10 * SECOND_MS
    heartbeat_interval: Annotated[
        int,
        setting(
            forms.duration(100, MINUTE_MS),
            "Time between two signs of life to the group: until a worker hears who came or left. At most a third of the former.",
        ),
    ] = SECOND_MS // 2
    windows_interval: Annotated[
        int,
        setting(
            forms.duration(20, MINUTE_MS),
            "The same for the windows stage, which publishes rollups at each of its commits.",
        ),
    ] = 200
    delivery_timeout: Annotated[
        int,
        setting(
            forms.duration(10 * SECOND_MS, 30 * MINUTE_MS),
            "How long the brokers may be away before the worker gives up and exits.",
        ),
    ] = 2 * MINUTE_MS
    grace: Annotated[
        int,
        setting(
            forms.duration(SECOND_MS, 10 * MINUTE_MS), "Time to commit and leave the group when told to stop."
        ),
    ] = 25 * SECOND_MS
    allow_volatile: Annotated[
        bool,
        setting(
            forms.yes_or_no(),
            "Run on a broker without transactions, with weaker guarantees, instead of refusing it.",
        ),
    ] = False
    http_host: Annotated[
        str,
        setting(
            forms.matching(r"[A-Za-z0-9.:_-]{1,253}", "a host name or address"),
            "Where /metrics, /healthz and /readyz listen.",
        ),
    ] = "127.0.0.1"
    http_port: Annotated[int, setting(forms.whole_number(0, 65535), "Their port; 0 takes a free one.")] = 9464
    gateway_host: Annotated[
        str,
        setting(
            forms.matching(r"[A-Za-z0-9.:_-]{1,253}", "a host name or address"),
            "Where `stream gateway` listens for signed events.",
        ),
    ] = "127.0.0.1"
    gateway_port: Annotated[int, setting(forms.whole_number(0, 65535), "Its port; 0 takes a free one.")] = (
        9465
    )
    gateway_max_body: Annotated[
        int,
        setting(
            forms.size(2**10, 64 * 2**20), "The largest body that it takes; larger ones are refused with 413."
        ),
    ] = 2**20
    webhook_secrets_file: Annotated[
        Path | None,
        setting(
            forms.existing_file(),
            "File of the secrets that may have signed, one `whsec_...` a line: the new one and, while it is being changed, the old.",
        ),
    ] = None
    state_limit: Annotated[
        int,
        setting(
            forms.size(2**20, 2**50),
            "Estimated memory of the windows of 1,000 segments above which the settings are refused.",
        ),
    ] = 16 * 2**30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        setting(
            forms.choice("debug", "info", "warning", "error"),
            "The least important log lines that are written.",
        ),
    ] = "info"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        setting(
            forms.choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), "How to speak to the brokers."
        ),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        setting(
            forms.choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), "How to log in with the SASL protocols."
        ),
    ] = "SCRAM-SHA-512"
    sasl_username: Annotated[
        str,
        setting(
            forms.matching(r"[^\x00-\x1f]{0,256}", "a text of up to 256 characters"), "Name to log in with."
        ),
    ] = ""
    sasl_password_file: Annotated[
        Path | None,
        setting(
            forms.existing_file(),
            "File that holds the password; there is no setting for the password itself.",
        ),
    ] = None
    tls_ca_file: Annotated[
        Path | None,
        setting(
            forms.existing_file(),
            "PEM file with the authorities that sign the brokers; the system's if not set.",
        ),
    ] = None
    tls_cert_file: Annotated[
        Path | None, setting(forms.existing_file(), "PEM file with the client's certificate.")
    ] = None
    tls_key_file: Annotated[
        Path | None, setting(forms.existing_file(), "PEM file with the client's private key.")
    ] = None
    alerts: Annotated[
        tuple[AlertRule, ...],
        setting(alert_form.form(), "Alert rules, best written as [[alerts]] tables in the settings file."),
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
            first_contact_days=self.first_contact_days,
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
