"""Reading the settings: defaults, then the settings file, then the environment. Nothing else reads the environment."""

import os
import tomllib
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stream.metrics import BY_NAME, profiles
from stream.settings import rules
from stream.settings.checks import SettingsError, check, shortened
from stream.settings.declared import PREFIX
from stream.settings.forms import DAY_MS, HOUR_MS, Form, nearest
from stream.settings.model import SETTINGS, Settings

CONFIG_FILE = "STREAM_CONFIG"

_NO_ALERTS = (
    "there is no alert rule: the default one reads csat of 24h over whole tenants, which STREAM_METRICS, STREAM_GAUGE_WINDOWS "
    "and STREAM_GROUPINGS do not all keep; write rules of your own in STREAM_ALERTS, or none to say that it is meant"
)


class Loaded(NamedTuple):
    """Settings and where each came from: ``default``, ``environment``, ``file`` or ``given``."""

    settings: Settings
    origins: dict[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the defaults would not expect of these settings."""
        notes: list[str] = []
        if self.settings.calendars and not any(BY_NAME[name].business for name in self.settings.metrics):
            notes.append("STREAM_CALENDARS has no effect: no metric named ..._business is in STREAM_METRICS")
        of_genesys = "genesys" in self.settings.profiles and "service_level" in self.settings.metrics
        if self.origins["genesys_service_level"] != "default" and not of_genesys:
            notes.append(
                "STREAM_GENESYS_SERVICE_LEVEL has no effect: it is for service_level by the profile genesys, and STREAM_METRICS "
                "and STREAM_PROFILES do not name both"
            )
        if self.origins["alerts"] == "default" and not self.settings.alerts:
            notes.append(_NO_ALERTS)
        return tuple(notes)


def load(
    environ: Mapping[str, str] | None = None, file: Path | None = None, given: Mapping[str, str] | None = None
) -> Settings:
    """Read and check all settings; ``given`` (setting -> text) goes over the environment, that over the file.

    ``environ`` is the process's own if None. Raises SettingsError.
    """
    return load_with_origins(environ, file, given).settings


def load_with_origins(
    environ: Mapping[str, str] | None = None, file: Path | None = None, given: Mapping[str, str] | None = None
) -> Loaded:
    """As :func:`load`, and say where each value came from."""
    environ = os.environ if environ is None else environ
    if file is None and environ.get(CONFIG_FILE):
        file = Path(environ[CONFIG_FILE])
    texts: dict[str, tuple[str, str, str]] = {}  # setting -> (text, origin, what the user calls it)
    if file is not None:
        for name, text in _file_texts(file).items():
            texts[name] = (text, "file", f"{name} in {file}")
    for name, text in _environment_texts(environ).items():
        texts[name] = (text, "environment", PREFIX + name.upper())
    for name, text in (given or {}).items():
        texts[name] = (text, "given", name)
    values: dict[str, Any] = {}
    for name, (text, _, called) in texts.items():
        form = SETTINGS[name].form
        try:
            values[name] = form.parse(text)
        except ValueError as exc:
            detail = f" ({exc})" if str(exc) else ""
            raise SettingsError(f"{called} is {shortened(text)!r}{detail}; allowed: {form.allowed}") from None
    settings = _fitted(Settings(**values), texts)
    check(settings)
    return Loaded(settings, {name: texts[name][1] if name in texts else "default" for name in SETTINGS})


def _fitted(settings: Settings, chosen: Container[str]) -> Settings:
    """Defaults that depend on other settings: what nobody chose follows what somebody did."""
    fitted: dict[str, Any] = {}
    if "correction_horizon" not in chosen:
        fitted["correction_horizon"] = {
            window: 6 * HOUR_MS if window < HOUR_MS else 35 * DAY_MS for window in settings.rollup_windows
        }
    if "alerts" not in chosen:
        fitted["alerts"] = tuple(
            msgspec.structs.replace(
                rule, profile=profiles.profiles_of(BY_NAME[rule.metric], settings.profiles)[0]
            )
            for rule in settings.alerts
            if rule.metric in settings.metrics
            and not rules.watches_nothing(rule, settings.groupings, settings.gauge_windows)
        )
    return msgspec.structs.replace(settings, **fitted)


def _environment_texts(environ: Mapping[str, str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == CONFIG_FILE:
            continue
        setting = name.removeprefix(PREFIX).lower()
        if setting not in SETTINGS or name != name.upper():
            near = nearest(setting, [*SETTINGS, "config"], show=lambda found: PREFIX + found.upper())
            raise SettingsError(
                f"the environment sets {name}, which is no setting{near}; `stream config` lists them"
            )
        texts[setting] = environ[name]
    return texts


def _file_texts(file: Path) -> dict[str, str]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingsError(f"the settings file {file} cannot be read: {exc.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"the settings file {file} is no TOML: {exc}") from None
    texts: dict[str, str] = {}
    for name, value in tables.items():
        if name not in SETTINGS:
            raise SettingsError(
                f"the settings file {file} has {name}, which is no setting{nearest(name, SETTINGS)}; `stream config` lists them"
            )
        texts[name] = _as_text(value, SETTINGS[name].form)
    return texts


def _as_text(value: object, form: Form[Any]) -> str:
    """TOML's own lists, tables, numbers and switches, in the form of the environment."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, list | dict):
        return str(value)
    if form.as_json:
        return msgspec.json.encode(value).decode()
    if isinstance(value, dict):
        return form.separator.join(f"{key}:{text}" for key, text in value.items())
    return form.separator.join(str(part) for part in value)
