"""What people write and read on the command line: segments, windows and values."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import click

from stream.core.config import CoreConfig
from stream.core.explain import ExplainError, windowed_metric
from stream.metrics import selected
from stream.settings.forms import parse_duration

PROFILE_HELP = (
    "By whose definition: one of STREAM_PROFILES. The first of them that has the metric if not given."
)
OFF_THE_END = "write it as 2026-11-05T12:00/1h: a start in UTC and a length"


class Window(NamedTuple):
    """A window's length, and its start unless any will do; milliseconds."""

    start_ms: int | None
    length_ms: int


def parse_segment(texts: Sequence[str], *, param_hint: str = "--segment") -> dict[str, str]:
    """``team=billing``, several joined by ``&`` or a comma, or several options. Raises click.BadParameter."""
    pairs: dict[str, str] = {}
    for text in texts:
        for part in text.replace(",", "&").split("&"):
            name, equals, value = part.strip().partition("=")
            if not (name and equals and value):
                raise click.BadParameter(
                    f"{part!r} is no pair; write it as team=billing", param_hint=param_hint
                )
            if name in pairs:
                raise click.BadParameter(f"{name} stands in it twice", param_hint=param_hint)
            pairs[name] = value
    return pairs


def replay_speed(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Callback of an option: a number that time can be multiplied with. Raises click.BadParameter."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("write a number, such as 60")
    return value


def not_empty(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Callback of an option that may be left out, but not be empty. Raises click.BadParameter."""
    if value is not None and not value.strip():
        raise click.BadParameter("leave it out, or write a name")
    return value


def must_be_metric(config: CoreConfig, name: str, *, param_hint: str, profile: str | None = None) -> None:
    """Raise click.BadParameter unless a configured metric has figures of that name in windows, under a profile if one is named."""
    must_be_profile(config, profile)
    try:
        windowed_metric(name, selected(config), profile)
    except ExplainError as exc:
        raise click.BadParameter(str(exc), param_hint=param_hint) from exc


def must_be_profile(config: CoreConfig, profile: str | None, *, param_hint: str = "--profile") -> None:
    """Raise click.BadParameter unless metrics are computed under that profile; None is no choice."""
    computed = dict.fromkeys(metric.profile for metric in selected(config))
    if profile is not None and profile not in computed:
        raise click.BadParameter(
            f"{profile!r} is not computed (STREAM_PROFILES); there are: {', '.join(computed)}",
            param_hint=param_hint,
        )


def parse_window(text: str, *, param_hint: str = "--window") -> Window:
    """``1h`` or ``2026-11-05T12:00/1h``; a time without an offset is UTC. Raises click.BadParameter."""
    start, _, length = text.rpartition("/")
    try:
        length_ms = parse_duration(length)
        if not start:
            return Window(None, length_ms)
        moment = datetime.fromisoformat(start)
    except ValueError as exc:
        raise click.BadParameter(f"{text!r} is no window; {OFF_THE_END}", param_hint=param_hint) from exc
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        start_ms = int(moment.timestamp()) * 1000
        minute_text(start_ms - length_ms)
    except (ValueError, OverflowError) as exc:
        raise click.BadParameter(f"{start} is no time that windows have", param_hint=param_hint) from exc
    if length_ms <= 0 or start_ms % length_ms:
        begins = minute_text(start_ms - start_ms % length_ms) if length_ms > 0 else ""
        raise click.BadParameter(
            f"no window of {length} starts at {start}; the one around it starts at {begins}",
            param_hint=param_hint,
        )
    return Window(start_ms, length_ms)


def minute_text(time_ms: int) -> str:
    """``2026-11-05T12:00Z``."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%MZ}"


def value_text(value: float | None, unit: str) -> str:
    """A value as people read it: ``71.43 %``, ``17.7 s``, ``12.996 h``; a dash for null."""
    if value is None:
        return "-"
    if unit == "ratio":
        return f"{100 * value:.2f} %"
    if unit == "seconds":
        if abs(value) < 120:
            return f"{value:.1f} s"
        return f"{value / 60:.1f} min" if abs(value) < 7200 else f"{value / 3600:,.3f} h"
    if unit == "count":
        return f"{value:,.0f}"
    return f"{value:.2f}"


def row(name: str, text: str) -> str:
    """One line of a description: a name and what there is to say."""
    return f"  {name:<11}{text}"


def paragraph(name: str, text: str) -> Iterator[str]:
    """A name and a longer text, in lines that fit a terminal."""
    # An address stays in one piece.
    first, *more = textwrap.wrap(text, 96, break_on_hyphens=False, break_long_words=False) or [""]
    yield row(name, first)
    yield from (row("", line) for line in more)


def printable(text: str) -> str:
    """Names come from outside: a control character must not reach the terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def escaped(content: bytes | None) -> str:
    r"""Bytes from outside as text for a terminal: what is not UTF-8 or not printable is written as ``\xff`` or ``\x1b``."""
    if content is None:
        return "null"
    text = content.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def segment_text(labels: dict[str, str]) -> str:
    """``team=billing tenant=acme``."""
    return printable(" ".join(f"{name}={value}" for name, value in sorted(labels.items())))
