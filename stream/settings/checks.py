"""What settings must be to each other; what each must be in itself is said by its form."""

from collections.abc import Sequence

from stream.core.measure import LABEL_NAMES
from stream.core.metric import Metric
from stream.core.tally import MOST_METRICS
from stream.metrics import selected
from stream.metrics.plugins import PluginError
from stream.settings import memory, rules
from stream.settings.forms import MINUTE_MS, nearest, show_duration
from stream.settings.model import SETTINGS, Settings


class SettingsError(ValueError):
    """A setting is wrong; the message names it, what it is and what is allowed."""


def shortened(text: str) -> str:
    """A value for a message of one line."""
    return text if len(text) <= 80 else text[:77] + "..."


def check(settings: Settings) -> None:
    """Raise SettingsError for the first contradiction."""
    for name, windows in (
        ("rollup_windows", settings.rollup_windows),
        ("gauge_windows", settings.gauge_windows),
    ):
        for window_ms in windows:
            if window_ms % MINUTE_MS:
                raise _refused(
                    settings,
                    name,
                    f"{show_duration(window_ms)} is no multiple of a minute; allowed are whole minutes, such as 1m, 1h, 1d",
                )
    for window_ms in settings.compare_windows or ():
        if window_ms not in settings.gauge_windows:
            raise _refused(
                settings,
                "compare_windows",
                f"{show_duration(window_ms, 'h')} is not in STREAM_GAUGE_WINDOWS: add it there, or take it out here",
            )
    _check_horizons(settings)
    known = {*LABEL_NAMES, *settings.segment_labels}
    for label in (label for grouping in settings.groupings for label in grouping):
        if label not in known:
            raise _refused(
                settings,
                "groupings",
                f"{label!r} is no label{nearest(label, known)}; there are {', '.join(sorted(known))}; "
                "add own keys to STREAM_SEGMENT_LABELS",
            )
    if clash := set(settings.segment_labels) & set(LABEL_NAMES):
        raise _refused(
            settings, "segment_labels", f"{', '.join(sorted(clash))} is a label of its own already"
        )
    if settings.heartbeat_interval * 3 > settings.session_timeout:
        raise _refused(
            settings,
            "heartbeat_interval",
            f"at most a third of STREAM_SESSION_TIMEOUT={show_duration(settings.session_timeout)} keeps a worker in its group",
        )
    try:
        core = settings.core()
        metrics = selected(core)
    except PluginError as exc:
        raise SettingsError(str(exc)) from exc
    _check_calendars(settings, metrics)
    _check_alerts(settings, metrics)
    _check_security(settings)
    estimate = memory.estimate(core, metrics)
    if estimate.metrics > MOST_METRICS:
        raise _refused(
            settings,
            "metrics",
            f"with STREAM_PROFILES={','.join(settings.profiles)} a window would have {estimate.metrics} metrics, each profile's counted, "
            f"and has room for {MOST_METRICS}; leave metrics or profiles out, or run a second STREAM_APP_ID with some of them",
        )
    if estimate.bytes > settings.state_limit:
        raise _refused(
            settings,
            "state_limit",
            f"the windows of 1,000 segments would take about {estimate.bytes // 2**20} MiB with the {estimate.metrics} metrics of "
            "STREAM_METRICS and STREAM_PROFILES; shorten STREAM_CORRECTION_HORIZON of the shortest window, leave metrics or profiles "
            "out, or raise it",
        )


def _check_horizons(settings: Settings) -> None:
    horizon = settings.correction_horizon
    if 0 in horizon:
        return
    missing = [show_duration(window) for window in settings.rollup_windows if window not in horizon]
    unknown = [show_duration(window) for window in horizon if window not in settings.rollup_windows]
    if missing:
        raise _refused(
            settings,
            "correction_horizon",
            f"it does not say for the rollup window {missing[0]}; give one horizon for all (35d), or one for each (1m:6h,1h:35d)",
        )
    if unknown:
        raise _refused(
            settings, "correction_horizon", f"{unknown[0]} is no rollup window of STREAM_ROLLUP_WINDOWS"
        )


def _check_calendars(settings: Settings, metrics: Sequence[Metric]) -> None:
    if settings.calendars is None:
        for metric in metrics:
            if metric.business:
                raise _refused(
                    settings,
                    "metrics",
                    f"{metric.name} needs business hours: name a file of them in STREAM_CALENDARS (an example: deploy/calendars.toml)",
                )


def _check_alerts(settings: Settings, metrics: Sequence[Metric]) -> None:
    for rule in settings.alerts:
        why = rules.never(rule, metrics) or rules.watches_nothing(
            rule, settings.groupings, settings.gauge_windows
        )
        if why:
            raise _refused(settings, "alerts", f"rule {rule.name}: {why}")


def _check_security(settings: Settings) -> None:
    sasl = settings.security_protocol.startswith("SASL_")
    if sasl and not (settings.sasl_username and settings.sasl_password_file):
        raise _refused(
            settings, "security_protocol", "it needs STREAM_SASL_USERNAME and STREAM_SASL_PASSWORD_FILE"
        )
    if not sasl and (settings.sasl_username or settings.sasl_password_file):
        raise _refused(
            settings,
            "security_protocol",
            "a user name or password has no effect without SASL_SSL or SASL_PLAINTEXT",
        )
    tls = settings.security_protocol.endswith("SSL")
    if not tls and (settings.tls_ca_file or settings.tls_cert_file or settings.tls_key_file):
        raise _refused(settings, "security_protocol", "TLS files have no effect without SSL or SASL_SSL")
    if bool(settings.tls_cert_file) != bool(settings.tls_key_file):
        raise _refused(settings, "tls_cert_file", "the client's certificate and its key go together")


def _refused(settings: Settings, name: str, why: str) -> SettingsError:
    setting = SETTINGS[name]
    text = setting.form.show(getattr(settings, name))
    return SettingsError(f"{setting.env} is {shortened(text)!r}: {why}")
