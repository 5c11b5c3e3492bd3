"""``stream explain``: what one figure is made of."""

from collections.abc import Iterator, Sequence

import click
import msgspec

from stream.commands import Context
from stream.commands.beside import (
    Compared,
    Other,
    against_before,
    against_segment,
    before_json,
    before_lines,
    segment_json,
    segment_lines,
)
from stream.commands.figure import asked, explained, explained_live, labels_of, must_share_nothing, told
from stream.commands.suspected import Suspected, suspected
from stream.commands.words import (
    PROFILE_HELP,
    minute_text,
    must_be_metric,
    paragraph,
    row,
    segment_text,
    value_text,
)
from stream.core.config import CoreConfig
from stream.core.explain import Explanation, LiveExplanation, live_series
from stream.core.measure import Figure
from stream.core.metric import Metric
from stream.metrics import selected
from stream.metrics.facts import facts_of
from stream.metrics.reasons import TOO_LATE, reasons_of
from stream.settings import Settings
from stream.settings.forms import show_duration
from stream.web.suspects import WHAT_TO_DO, suspect_text

Bands = tuple[int, int]
"""Percents: csat is poor under the first, good from the second. Words for people; no figure is made of them."""


@click.command()
@click.argument("metric")
@click.option(
    "--segment",
    multiple=True,
    metavar="PAIRS",
    help="The segment's labels: team=billing, or tenant=acme&team=billing, or the option repeated. The tenant is 'default' "
    "unless named.",
)
@click.option(
    "--window", metavar="WINDOW", help="The window: 2026-11-05T12:00/1h, in UTC. Live counts have none."
)
@click.option(
    "--with-segment",
    multiple=True,
    metavar="PAIRS",
    help="A segment to set beside it in the same window; of the same tenant unless it names one.",
)
@click.option("--profile", metavar="NAME", help=PROFILE_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with all buckets of a histogram.")
@click.pass_obj
def command(
    context: Context,
    *,
    metric: str,
    segment: tuple[str, ...],
    window: str | None,
    with_segment: tuple[str, ...],
    profile: str | None,
    as_json: bool,
) -> None:
    """Show what the figure METRIC is made of, in one segment and one rollup window, or how a live count stands (tickets_open).

    Value, n, the counts and sums behind them, what was excluded and why, the same figure in the window directly before with the
    95 % interval of the difference (and so in another segment, where --with-segment names one), whether the window is final, how
    far event time has come, and the definition with its source and the facts that it uses. If an author looks like a bot that is
    counted as an agent, also the figure as it would be without them. It reads the worker's durable state, so run it with the
    worker's settings; the worker itself need not run.
    """
    settings = context.settings
    core = settings.core()
    if live_series(metric, selected(core)) is not None:
        if with_segment:
            raise click.BadParameter(
                f"{metric!r}: it is a live count, and has no sample whose difference could have an interval",
                param_hint="--with-segment",
            )
        _live(settings, metric, segment, window, as_json=as_json)
        return
    if window is None:
        raise click.MissingParameter(param_hint="--window", param_type="option")
    must_be_metric(core, metric, param_hint="METRIC", profile=profile)
    labels = labels_of(core, segment)
    places = [asked(labels, window, profile)]
    if with_segment:
        theirs = labels_of(core, with_segment, tenant=labels["tenant"], param_hint="--with-segment")
        places.append(asked(theirs, window, profile))
        must_share_nothing(*places)
    fitted, (found, *others) = explained(settings, metric, places)
    with told(fitted, *(place.labels for place in places)):
        compared = against_before(found, settings.compare_min_n)
        other = against_segment(found, others[0], places[1].labels) if others else None
    named = suspected(settings, found, labels)
    print(
        _json(found, labels, named, compared, other, settings.compare_min_n)
        if as_json
        else "\n".join(
            [
                *_lines(found, labels, core, compared, other, settings.csat_bands),
                *_suspect_lines(found, named, settings.csat_bands),
            ]
        )
    )


def _live(
    settings: Settings, name: str, segment: tuple[str, ...], window: str | None, *, as_json: bool
) -> None:
    if window is not None:
        raise click.BadParameter(
            f"{name!r} is a live count: it has no window, only how it stands now", param_hint="--window"
        )
    core = settings.core()
    labels = labels_of(core, segment)
    found = explained_live(settings, name, labels)
    print(_live_json(found, labels) if as_json else "\n".join(_live_lines(found, labels, core)))


def _live_lines(found: LiveExplanation, labels: dict[str, str], core: CoreConfig) -> Iterator[str]:
    yield f"{segment_text(labels)}   now, as last committed"
    for one in found.figures:
        yield ""
        yield one.series.count_name
        yield row("count", f"{one.n:,}")
        if one.oldest_ms >= 0:
            yield row(
                "oldest", f"since {minute_text(one.oldest_ms)}, to the minute (the day, where it is long)"
            )
        yield from paragraph("what", one.series.help)
    yield ""
    yield row("watermark", _watermark(found, core))
    yield ""
    for name, text in (
        ("definition", found.metric.definition),
        ("source", found.metric.source),
        ("facts", _facts(found.metric)),
    ):
        yield from paragraph(name, text)
    yield row("version", str(found.metric.version))


def _live_json(found: LiveExplanation, labels: dict[str, str]) -> str:
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "segment": labels,
                "watermark_ms": found.watermark_ms,
                "figures": [
                    {
                        "metric": one.series.count_name,
                        "count": one.n,
                        "oldest_ms": one.oldest_ms if one.oldest_ms >= 0 else None,
                    }
                    for one in found.figures
                ],
                "definition": found.metric.definition,
                "definition_version": found.metric.version,
                "source": found.metric.source,
                "facts": facts_of(found.metric),
            }
        )
    ).decode()


def _suspect_lines(found: Explanation, named: Sequence[Suspected], bands: Bands) -> Iterator[str]:
    for suspect, without in named:
        yield ""
        since, until = minute_text(suspect.since_ms), minute_text(suspect.until_ms)
        yield row("suspected", f"{suspect_text(suspect)} ({since} .. {until})")
        for figure in without:
            if figure.metric in {one.metric for one in found.figures}:
                yield ""
                yield f"{figure.metric} without {suspect.author}, from the facts that are kept"
                yield from list(_figure_lines(figure, bands))[1:]
        yield ""
        yield row("what to do", WHAT_TO_DO)


def _lines(
    found: Explanation,
    labels: dict[str, str],
    core: CoreConfig,
    compared: Compared,
    other: Other | None,
    bands: Bands,
) -> Iterator[str]:
    length = show_duration(found.end_ms - found.start_ms)
    yield f"{segment_text(labels)}   {minute_text(found.start_ms)} .. {minute_text(found.end_ms)} ({length})"
    measured = found.figures if found.revision or any(one.n or one.excluded for one in found.figures) else ()
    for figure in measured:
        yield ""
        yield from _figure_lines(figure, bands)
        if figure is measured[0]:  # beside what is excluded, which of all figures stands in the first one
            yield from paragraph("too late", _too_late(found))
        yield from before_lines(found, compared, figure.metric, core.compare_min_n)
        if other is not None:
            yield from segment_lines(other, figure.metric, core.compare_min_n)
    if not measured:
        yield ""
        yield f"{found.metric.name}: nothing was measured in this window" + (
            "; its tallies are deleted, see its last rollup" if found.expired else ""
        )
        if other is not None:
            for name in other.compared:
                yield from ("", name)
                yield from segment_lines(other, name, core.compare_min_n)
    yield ""
    yield row(
        "status",
        f"{found.status}, revision {found.revision}"
        if found.revision
        else f"{found.status}, never published",
    )
    if not measured:
        yield from paragraph("too late", _too_late(found))
    yield row("watermark", _watermark(found, core))
    yield row("rollup key", found.key)
    yield ""
    for name, text in (
        ("definition", found.metric.definition),
        ("source", found.metric.source),
        ("facts", _facts(found.metric)),
        ("null", found.metric.null_rule),
        ("leaves out", _reasons(found.metric)),
    ):
        yield from paragraph(name, text)
    told = "".join(f", {name} {value}" for name, value in found.metric.labels)
    yield row("profile", f"{found.metric.profile}, definition version {found.metric.version}{told}")


def _facts(metric: Metric) -> str:
    """What the figure is made from: kinds of facts, with the events that say them."""
    return ", ".join(f"{group} ({', '.join(events)})" for group, events in facts_of(metric).items())


def _reasons(metric: Metric) -> str:
    """Why something is not in the figure, whether it has happened or not."""
    told = [f"{reason} ({meaning})" if meaning else reason for reason, meaning in reasons_of(metric).items()]
    late = f"{TOO_LATE[0].upper()}{TOO_LATE[1:]}."
    return " ".join(part for part in (f"{', '.join(told)}." if told else "", late) if part)


def _too_late(found: Explanation) -> str:
    """Whether the figure may lack something that came too late: what no `excluded` of it can count."""
    if found.too_late is None:
        return "nothing: the window still takes corrections"
    return f"about {found.too_late:,} measures of {found.metric.full_name} ({_late_scope(found)}), and whatever no window takes any more"


def _late_scope(found: Explanation) -> str:
    """Of what all that is known of what came too late is the number."""
    length = show_duration(found.end_ms - found.start_ms)
    return f"all windows of {length}, all segments of the same partition of the windows"


def _figure_lines(figure: Figure, bands: Bands) -> Iterator[str]:
    yield figure.metric
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"   95 % interval {value_text(figure.low, figure.unit)} .. {value_text(figure.high, figure.unit)}"
    yield row("value", value_text(figure.value, figure.unit) + interval + _band(figure, bands))
    yield row("n", f"{figure.n:,}")
    parts = {name: part for name, part in figure.parts.items() if not name.startswith("bucket_")}
    buckets = len(figure.parts) - len(parts)
    text = ", ".join(f"{name} {part:,}" for name, part in parts.items())
    yield row("parts", text + (f", a histogram of {buckets:,} buckets" if buckets else ""))
    if figure.quantiles:
        yield row(
            "quantiles",
            ", ".join(f"{name} {value_text(value, figure.unit)}" for name, value in figure.quantiles.items()),
        )
    excluded = ", ".join(f"{reason} {count:,}" for reason, count in figure.excluded.items())
    yield row("excluded", excluded or "nothing")


def _band(figure: Figure, bands: Bands) -> str:
    if figure.value is None or figure.metric != "csat":
        return ""
    poor, good = bands
    word = "good" if 100 * figure.value >= good else "poor" if 100 * figure.value < poor else "fair"
    return f"   {word} (good from {good} %, poor under {poor} %)"


def _watermark(found: Explanation | LiveExplanation, core: CoreConfig) -> str:
    text = minute_text(found.watermark_ms) if found.watermark_ms >= 0 else "none yet"
    active = {
        number: one.watermark_ms for number, one in found.sources.items() if not (one.idle or one.closed)
    }
    if not active:
        return text
    stage, partition = divmod(
        min(active, key=lambda number: (active[number], number)), core.source_partitions
    )
    return f"{text}, held by {'customers' if stage else 'source'} partition {partition}"


def _json(
    found: Explanation,
    labels: dict[str, str],
    named: Sequence[Suspected],
    compared: Compared,
    other: Other | None,
    min_n: int,
) -> str:
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "key": found.key,
                "segment": labels,
                "start_ms": found.start_ms,
                "end_ms": found.end_ms,
                "status": found.status,
                "revision": found.revision,
                "watermark_ms": found.watermark_ms,
                "expired": found.expired,
                "figures": list(found.figures),
                "too_late": {
                    "possible": found.too_late is not None,
                    "measures": found.too_late or 0,
                    "scope": _late_scope(found),
                    "meaning": TOO_LATE,
                },
                "before": before_json(found, compared, min_n),
                "with": None if other is None else segment_json(other, min_n),
                "definition": found.metric.definition,
                "definition_version": found.metric.version,
                "definition_labels": dict(found.metric.labels),
                "profile": found.metric.profile,
                "source": found.metric.source,
                "facts": facts_of(found.metric),
                "null": found.metric.null_rule,
                "reasons": reasons_of(found.metric),
                "suspected_bots": [
                    {
                        "tenant": one.suspect.tenant,
                        "author": one.suspect.author,
                        "first_replies": one.suspect.replies.n,
                        "of": one.suspect.replies.of,
                        "since_ms": one.suspect.since_ms,
                        "until_ms": one.suspect.until_ms,
                        "figures_without": one.figures,
                    }
                    for one in named
                ],
            }
        )
    ).decode()
