"""``stream tail``: rollups, alerts, follow-ups and dead letters as they are written."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import click
import msgspec
from aiokafka import ConsumerRecord

from stream.commands import CommandError, Context, kafka
from stream.commands.words import (
    Window,
    minute_text,
    must_be_metric,
    must_be_profile,
    parse_segment,
    parse_window,
    printable,
    segment_text,
    value_text,
)
from stream.core.config import DEFAULT_PROFILE, CoreConfig
from stream.core.dead_letter import Origin, origin, original_headers
from stream.settings import Settings
from stream.settings.forms import parse_duration, show_duration


class Filter(NamedTuple):
    """Which figures to show; what is empty lets everything pass."""

    metric: str | None
    segment: dict[str, str]
    window: Window | None
    profile: str | None

    def passes(self, data: dict[str, Any]) -> bool:
        """Whether a rollup's, an alert's or a follow-up's data are among them."""
        if self.metric is not None and data["metric"] != self.metric:
            return False
        if self.profile is not None and data["profile"] != self.profile:
            return False
        labels = data if "survey_id" in data else data["segment"]  # a follow-up has its labels beside its ids
        if any(labels.get(name) != value for name, value in self.segment.items()):
            return False
        if self.window is None:
            return True
        if _length_ms(data) != self.window.length_ms:
            return False
        return self.window.start_ms is None or _start_ms(data) == self.window.start_ms


@click.command()
@click.argument("what", type=click.Choice(["rollups", "alerts", "followups", "dlq"]))
@click.option("--metric", help="Only this metric: csat.")
@click.option(
    "--segment",
    multiple=True,
    metavar="PAIRS",
    help="Only segments with these labels: team=billing. May be repeated.",
)
@click.option(
    "--window", metavar="WINDOW", help="Only windows of a length (1h), or one window (2026-11-05T12:00/1h)."
)
@click.option("--profile", metavar="NAME", help="Only figures by this definition: one of STREAM_PROFILES.")
@click.option("--reason", help="Only dead letters that were refused for this: not_json.")
@click.option(
    "--from-beginning", is_flag=True, help="Begin with the oldest instead of what comes from now on."
)
@click.option("--once", is_flag=True, help="Show what is there now, from the beginning, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the events themselves, one per line.")
@click.pass_obj
def command(
    context: Context,
    *,
    what: str,
    metric: str | None,
    segment: tuple[str, ...],
    window: str | None,
    profile: str | None,
    reason: str | None,
    from_beginning: bool,
    once: bool,
    as_json: bool,
) -> None:
    """Follow rollups, alerts, follow-ups or dead letters in the terminal.

    Only what is committed is shown. A figure may come several times: each revision overwrites the former. Ctrl-C ends it.
    For dead letters it shows where the original stood and why it was refused, not the event; --json has that too.
    """
    settings = context.settings
    if what == "dlq" and (metric or segment or window or profile):
        raise click.UsageError("a dead letter has no metric, segment, window or profile")
    if what != "dlq" and reason:
        raise click.UsageError("only a dead letter has a reason")
    if what == "followups" and (metric or window or profile):
        raise click.UsageError("a follow-up is of one answer: it has no metric, window or profile")
    if what == "alerts" and window and "/" in window:
        raise click.UsageError("an alert is of a running window: give its length alone, such as --window 24h")
    if metric is not None:
        must_be_metric(settings.core(), metric, param_hint="--metric", profile=profile)
    must_be_profile(settings.core(), profile)
    chosen = Filter(metric, parse_segment(segment), parse_window(window) if window else None, profile)
    topics = _topics_of(what, settings.core())
    lines = {"rollups": _rollup, "alerts": _alert, "followups": _followup}
    describe = _dead_letter(reason) if what == "dlq" else _figure(chosen, lines[what])
    try:
        kafka.run(
            settings,
            _tail(settings, topics, describe, from_beginning=from_beginning, once=once, as_json=as_json),
        )
    except KeyboardInterrupt:
        sys.exit(0)  # the usual way to end it


def _topics_of(what: str, core: CoreConfig) -> Sequence[str]:
    topics = core.topics
    if what == "dlq":
        return [topics.dlq(topic) for topic in core.sources]
    return [{"rollups": topics.rollups, "alerts": topics.alerts, "followups": topics.followups}[what]]


async def _tail(
    settings: Settings,
    topics: Sequence[str],
    describe: Callable[[ConsumerRecord], tuple[str, str] | None],
    *,
    from_beginning: bool,
    once: bool,
    as_json: bool,
) -> None:
    async for record in kafka.read(settings.runtime(), topics, from_beginning=from_beginning, once=once):
        described = describe(record)
        if described is not None:
            print(described[as_json], flush=True)


def _figure(
    chosen: Filter, line: Callable[[dict[str, Any]], str]
) -> Callable[[ConsumerRecord], tuple[str, str] | None]:
    def describe(record: ConsumerRecord) -> tuple[str, str] | None:
        if record.value is None:
            return None
        try:
            data = msgspec.json.decode(record.value)["data"]
            if not chosen.passes(data):
                return None
            return printable(line(data)), record.value.decode()
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as exc:
            raise CommandError(
                f"{record.topic} partition {record.partition} offset {record.offset} is none of our events: "
                "something else writes to this topic"
            ) from exc

    return describe


def _rollup(data: dict[str, Any]) -> str:
    length = show_duration(_length_ms(data))
    status = f"{data['status']} r{data['revision']}"
    return "  ".join(
        (
            f"{minute_text(_start_ms(data))} {length:>3}",
            f"{_by(data):<18}",
            f"{_measured(data, data['unit']):<34}",
            f"{status:<12}",
            segment_text(data["segment"]),
        )
    )


def _alert(data: dict[str, Any]) -> str:
    return "  ".join(
        (
            data["since"],
            f"{data['state'].upper():<8}",
            f"{printable(data['rule'])} ({data['severity']})",
            f"{_by(data)} {printable(data['window'])} = {_measured(data, '')}, threshold {data['threshold']:g}",
            segment_text(data["segment"]),
        )
    )


def _by(data: dict[str, Any]) -> str:
    """The figure's name, and by whose definition it is unless that is ours: two profiles say two things of one name."""
    profile = data["profile"]
    return data["metric"] if profile == DEFAULT_PROFILE else f"{profile}/{data['metric']}"


def _followup(data: dict[str, Any]) -> str:
    scale = data.get("scale")
    score = (
        f"{data['score']} of {scale['min']}-{scale['max']}"
        if scale and "score" in data
        else data.get("label", "")
    )
    of = f"ticket {data['ticket_id']}" if "ticket_id" in data else f"customer {data.get('customer_id', '?')}"
    labels: dict[str, str] = {name: data[name] for name in ("tenant", "team", "agent_id") if name in data}
    return "  ".join(
        (
            data["answered_at"],
            f"{'OPEN' if data['open'] else 'EXPIRED' if data.get('expired') else 'WITHDRAWN':<9}",
            f"{data['kind']} {score}",
            f"survey {data['survey_id']} of {of}",
            segment_text(labels),
        )
    )


def _measured(data: dict[str, Any], unit: str) -> str:
    parts = [f"{value_text(data['value'], unit)}", f"n {data['n']:,}"]
    if data.get("low") is not None and data.get("high") is not None:
        parts.append(f"{value_text(data['low'], unit)} .. {value_text(data['high'], unit)}")
    return ", ".join(parts)


def _dead_letter(reason: str | None) -> Callable[[ConsumerRecord], tuple[str, str] | None]:
    def describe(record: ConsumerRecord) -> tuple[str, str] | None:
        said = origin(record.headers)
        return None if reason is not None and said.reason != reason else _refused(record, said)

    return describe


def _refused(record: ConsumerRecord, said: Origin) -> tuple[str, str]:
    line = (
        f"{minute_text(record.timestamp)}  {said.reason:<14}  {said.topic} partition {said.partition} "
        f"offset {said.offset}  {said.message}"
    )
    document = {
        **said._asdict(),
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [(name, _text(value)) for name, value in original_headers(record.headers)],
    }
    # JSON in ASCII: a terminal obeys more than the first 32 characters.
    return printable(line), json.dumps(document)


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "backslashreplace")


def _start_ms(data: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(data["window_start"]).timestamp()) * 1000


def _length_ms(data: dict[str, Any]) -> int:
    if "window" in data:  # an alert's
        return parse_duration(data["window"])
    seconds: int = data["window_seconds"]
    return seconds * 1000
