"""``stream compare``: two figures of one metric, their difference, and its interval."""

from collections.abc import Iterator

import click
import msgspec

from stream.commands import Context
from stream.commands.difference import difference_lines, verdict
from stream.commands.figure import Asked, asked, explained, labels_of, must_share_nothing, status_text, told
from stream.commands.words import PROFILE_HELP, minute_text, must_be_metric, row, segment_text, value_text
from stream.core.compare import Comparison, compare
from stream.core.config import DEFAULT_PROFILE
from stream.core.explain import Explanation
from stream.core.measure import Figure
from stream.settings.forms import show_duration


@click.command()
@click.argument("metric")
@click.option(
    "--segment",
    multiple=True,
    metavar="PAIRS",
    help="The segment's labels: team=billing, or tenant=acme&team=billing. The tenant is 'default' unless named.",
)
@click.option("--window", required=True, metavar="WINDOW", help="The window: 2026-11-05/1d, in UTC.")
@click.option(
    "--with-segment",
    multiple=True,
    metavar="PAIRS",
    help="The segment to compare it with; of the same tenant unless it names one. The same segment if not given.",
)
@click.option(
    "--with-window", metavar="WINDOW", help="The window to compare it with. The same window if not given."
)
@click.option("--profile", metavar="NAME", help=PROFILE_HELP)
@click.option(
    "--with-profile", metavar="NAME", help="The profile to compare it with. The same one if not given."
)
@click.option(
    "--min-n",
    type=click.IntRange(min=1),
    help="Under so many on either side it says 'too few'. STREAM_COMPARE_MIN_N if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def command(
    context: Context,
    *,
    metric: str,
    segment: tuple[str, ...],
    window: str,
    with_segment: tuple[str, ...],
    with_window: str | None,
    profile: str | None,
    with_profile: str | None,
    min_n: int | None,
    as_json: bool,
) -> None:
    """Compare the figure METRIC of two windows (before and after), of two segments, or by two profiles.

    Both figures with their n, this one minus the other, and the 95 % interval of that difference: Newcombe's for shares, Welch's
    for means and for nps. If the interval contains zero, chance alone may have put the two apart. It reads the worker's durable
    state, as `stream explain` does. The intervals take every measure for independent of the others, so figures that share
    measures are refused.
    """
    settings = context.settings
    core = settings.core()
    must_be_metric(core, metric, param_hint="METRIC", profile=profile)
    must_be_metric(core, metric, param_hint="METRIC", profile=with_profile or profile)
    if not with_segment and with_window is None and with_profile is None:
        raise click.UsageError("name what to compare it with: --with-window, --with-segment, --with-profile")
    labels = labels_of(core, segment)
    this = asked(labels, window, profile)
    if with_segment:
        labels = labels_of(core, with_segment, tenant=labels["tenant"], param_hint="--with-segment")
    other = asked(labels, with_window or window, with_profile or profile, param_hint="--with-window")
    same = this.place == other.place
    if not (with_profile and same):
        must_share_nothing(this, other)
    fitted, found = explained(settings, metric, [this, other])
    with told(fitted, this.labels, other.labels):
        compared = compare(metric, *found, same_events=same)
    min_n = min_n or settings.compare_min_n
    if as_json:
        print(_json(compared, found, (this, other), min_n))
    else:
        print("\n".join(_lines(compared, found, (this, other), min_n)))


def _profile(one: Explanation) -> str:
    return "" if one.metric.profile == DEFAULT_PROFILE else f"   profile {one.metric.profile}"


def _lines(
    compared: Comparison, found: list[Explanation], places: tuple[Asked, Asked], min_n: int
) -> Iterator[str]:
    yield compared.this.metric
    for name, figure, one, place in zip(
        ("this", "with"), (compared.this, compared.other), found, places, strict=True
    ):
        interval = ""
        if figure.low is not None and figure.high is not None:
            interval = f"   95 % interval {value_text(figure.low, figure.unit)} .. {value_text(figure.high, figure.unit)}"
        yield row(name, f"{value_text(figure.value, figure.unit)}   n {figure.n:,}{interval}")
        length = show_duration(place.length_ms)
        yield row(
            "",
            f"{segment_text(place.labels)}   {minute_text(one.start_ms)} .. {minute_text(one.end_ms)} ({length})   {status_text(one)}"
            f"{_profile(one)}",
        )
    yield from difference_lines(compared, min_n)


def _json(compared: Comparison, found: list[Explanation], places: tuple[Asked, Asked], min_n: int) -> str:
    def side(figure: Figure, one: Explanation, place: Asked) -> dict[str, object]:
        return {
            "key": one.key,
            "profile": one.metric.profile,
            "definition_version": one.metric.version,
            "segment": place.labels,
            "start_ms": one.start_ms,
            "end_ms": one.end_ms,
            "status": one.status,
            "revision": one.revision,
            "expired": one.expired,
            "n": figure.n,
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
        }

    return msgspec.json.format(
        msgspec.json.encode(
            {
                "metric": compared.this.metric,
                "unit": compared.this.unit,
                "this": side(compared.this, found[0], places[0]),
                "with": side(compared.other, found[1], places[1]),
                "difference": compared.difference,
                "low": compared.low,
                "high": compared.high,
                "contains_zero": compared.contains_zero,
                "min_n": min_n,
                "too_few": compared.n < min_n,
                "verdict": verdict(compared, min_n),
                "method": compared.method,
                "definition_version": found[0].metric.version,
                "definition_labels": dict(found[0].metric.labels),
            }
        )
    ).decode()
