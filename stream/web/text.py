"""Prometheus' text format 0.0.4 and OpenMetrics 1.0, assembled by hand.

Sources: prometheus.io "Exposition formats"; OpenMetrics 1.0.0. A client library builds an object per sample, which is an order
of magnitude slower at 10,000 series; its parsers check this module's output in the tests.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

FamilyType = Literal["gauge", "counter", "summary", "info"]

_INVALID_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LOOKS_ESCAPED = re.compile(r"\\u[0-9a-f]{4}")


class Family(NamedTuple):
    """A metric family and its rendered sample lines, each ending in a line feed. ``name`` is without ``_total`` or ``_info``."""

    name: str
    type: FamilyType
    help: str
    lines: Sequence[str]


def visible(value: str) -> str:
    r"""The value with control characters, line separators and lone surrogates written as ``\u0007``; different values stay different."""
    if _CONTROLS.search(value) is None and _LOOKS_ESCAPED.search(value) is None:
        return value
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", value.replace("\\", "\\u005c"))


def label_value(value: str) -> str:
    r"""A label value for both formats, without its quotes: control characters made visible, then ``\`` and ``"`` escaped."""
    return visible(value).replace("\\", "\\\\").replace('"', '\\"')


def label_names(names: Iterable[str], reserved: Iterable[str]) -> dict[str, str]:
    """Segment label -> name that Prometheus accepts and that collides neither with ``reserved`` nor with another one."""
    taken = set(reserved)
    chosen: dict[str, str] = {}
    for name in names:
        safe = _INVALID_IN_NAMES.sub("_", name)
        if not safe or safe[0].isdigit() or safe.startswith("__") or safe in taken:
            safe = f"segment_{safe}"
        while safe in taken:
            safe += "_"
        taken.add(safe)
        chosen[name] = safe
    return chosen


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """``name="value",...`` without braces; names are taken as they are."""
    return ",".join(f'{name}="{label_value(value)}"' for name, value in pairs)


def number(value: float) -> str | None:
    """A sample's value; None for what must never be exposed (NaN and the infinities)."""
    if isinstance(value, int):
        return str(value)
    return repr(value) if math.isfinite(value) else None


def sample(name: str, label_text: str, value: float) -> str:
    """One sample line, or an empty string for a value that must never be exposed."""
    shown = number(value)
    if shown is None:
        return ""
    return f"{name}{{{label_text}}} {shown}\n" if label_text else f"{name} {shown}\n"


def expose(families: Iterable[Family], *, openmetrics: bool) -> str:
    """The whole exposition: HELP and TYPE once per family, families without samples left out."""
    parts: list[str] = []
    for family in families:
        if not family.lines:
            continue
        parts.append(_header(family, openmetrics=openmetrics))
        parts.extend(family.lines)
    if openmetrics:
        parts.append("# EOF\n")
    return "".join(parts)


def _header(family: Family, *, openmetrics: bool) -> str:
    name, kind = family.name, str(family.type)
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    if openmetrics:
        text = text.replace('"', '\\"')
    elif family.type == "counter":
        name += "_total"
    elif family.type == "info":
        name, kind = f"{name}_info", "gauge"
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics 1.0 (or unversioned) over the text format. Source: RFC 9110, 12.5.1."""
    best = {"openmetrics": 0.0, "text": 0.0}
    for item in accept.split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        quality, version = 1.0, ""
        for parameter in parameters:
            key, _, given = parameter.partition("=")
            if key.strip().lower() == "q":
                quality = _quality(given)
            elif key.strip().lower() == "version":
                version = given.strip().strip('"')
        if media.lower() == "application/openmetrics-text" and version in {"", "1.0.0"}:
            best["openmetrics"] = max(best["openmetrics"], quality)
        elif media.lower() in {"text/plain", "text/*"} and version in {"", "0.0.4"}:
            best["text"] = max(best["text"], quality)
    return best["openmetrics"] > 0 and best["openmetrics"] >= best["text"]


def wants_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip. Source: RFC 9110, 12.5.3."""
    allowed: dict[str, float] = {}
    for item in accept_encoding.split(","):
        coding, _, parameter = item.partition(";")
        key, _, given = parameter.partition("=")
        allowed[coding.strip().lower()] = _quality(given) if key.strip().lower() == "q" else 1.0
    return allowed.get("gzip", allowed.get("*", 0.0)) > 0


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return min(max(quality, 0.0), 1.0) if math.isfinite(quality) else 0.0
