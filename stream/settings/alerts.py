"""Alert rules as the settings file writes them: ``[[alerts]]`` tables, or the same as a JSON array in ``STREAM_ALERTS``."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from stream.core.config import AlertRule
from stream.core.delta import segment_name
from stream.settings.forms import Form, nearest, parse_duration, show_duration

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KEYS = {
    "name": str,
    "metric": str,
    "threshold": float,
    "fires": str,
    "window": str,
    "min_n": int,
    "for": str,
    "clear_margin": float,
    "interval": bool,
    "severity": str,
    "profile": str,
    "segment": str,
}
ALLOWED = (
    "none, or rules with name, metric, threshold, and optionally fires (below, above), window, min_n, for, clear_margin, "
    "interval (true, false), severity (info, warning, critical), profile (one of STREAM_PROFILES), segment (team=*&channel=chat)"
)


def form() -> Form[tuple[AlertRule, ...]]:
    """The form of the setting; its text is JSON."""

    def show(rules: tuple[AlertRule, ...]) -> str:
        return msgspec.json.encode([_table(rule) for rule in rules]).decode() if rules else "none"

    return Form(_parse, show, ALLOWED, as_json=True)


def _parse(text: str) -> tuple[AlertRule, ...]:
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        tables = msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.DecodeError as exc:
        raise ValueError(f"not a JSON array of objects: {exc}") from None
    rules = tuple(_rule(table) for table in tables)
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError("two rules have one name")
    return rules


def _rule(table: Mapping[str, Any]) -> AlertRule:
    name = table.get("name", "?")
    for key, value in table.items():
        if key not in _KEYS:
            raise ValueError(f"rule {name!r}: {key!r} is not known{nearest(key, _KEYS)}")
        kind = _KEYS[key]
        # bool is an int in Python, and 1 a valid way to write 1.0; neither may hide a slip.
        if not isinstance(value, int | float if kind is float else kind) or (
            kind is not bool and isinstance(value, bool)
        ):
            raise ValueError(f"rule {name!r}: {key} is {value!r}, which is no {_WORDS[kind]}")
    for key in ("name", "metric", "threshold"):
        if key not in table:
            raise ValueError(f"rule {name!r}: {key} is missing")
    if not _NAME.fullmatch(name):
        raise ValueError(f"rule {name!r}: a name is made of a-z, 0-9 and _")
    optional: dict[str, Any] = {}
    if "fires" in table:
        optional["below"] = _one_of(name, "fires", table["fires"], ("below", "above")) == "below"
    if "window" in table:
        optional["window_ms"] = parse_duration(table["window"])
    if "for" in table:
        optional["for_ms"] = parse_duration(table["for"])
    if "severity" in table:
        optional["severity"] = _one_of(name, "severity", table["severity"], ("info", "warning", "critical"))
    if "segment" in table:
        pairs = parse_qsl(table["segment"], keep_blank_values=True, strict_parsing=bool(table["segment"]))
        if any(not label or not value for label, value in pairs):
            raise ValueError(f"rule {name!r}: segment is written team=*&channel=chat")
        optional["segment"] = dict(pairs)
    for key in ("min_n", "clear_margin"):
        if key in table:
            if table[key] < 0:
                raise ValueError(f"rule {name!r}: {key} is {table[key]}, which is negative")
            optional[key] = table[key]
    for key in ("interval", "profile"):
        if key in table:
            optional[key] = table[key]
    return AlertRule(name=name, metric=table["metric"], threshold=float(table["threshold"]), **optional)


_WORDS = {str: "text", float: "number", int: "whole number", bool: "true or false"}


def _one_of(rule: str, key: str, value: str, options: tuple[str, ...]) -> str:
    if value not in options:
        raise ValueError(f"rule {rule!r}: {key} is {value!r}, not one of {', '.join(options)}")
    return value


def _table(rule: AlertRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "metric": rule.metric,
        "threshold": rule.threshold,
        "fires": "below" if rule.below else "above",
        "window": show_duration(rule.window_ms, "h"),
        "min_n": rule.min_n,
        "for": show_duration(rule.for_ms),
        "clear_margin": rule.clear_margin,
        "interval": rule.interval,
        "severity": rule.severity,
        "profile": rule.profile,
        "segment": segment_name(rule.segment),
    }
