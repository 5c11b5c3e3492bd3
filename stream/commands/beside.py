"""What ``stream explain`` says of a figure beside the same one elsewhere: in the window before, in another segment."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stream.commands.difference import difference_lines, verdict
from stream.commands.figure import status_text
from stream.commands.words import minute_text, row, segment_text, value_text
from stream.core.compare import Comparison, Side, with_before, with_other
from stream.core.explain import Earlier, Explanation
from stream.core.measure import Figure

Compared = Mapping[str, Comparison]
"""Figure's name -> its comparison."""


class Other(NamedTuple):
    """The same figures in another segment."""

    found: Explanation
    labels: dict[str, str]
    compared: Compared


def against_before(found: Explanation, min_n: int) -> Compared:
    """With the window directly before; nothing where that is gone."""
    if found.before is None:
        return {}
    before = _same(found, found.before)
    return {one.this.metric: one for one in with_before(_side(found), before, min_n)}


def against_segment(found: Explanation, other: Explanation, labels: dict[str, str]) -> Other:
    """With the segment of these labels, in the same window."""
    pairs = with_other(_side(found), _same(found, other))
    return Other(other, labels, {one.this.metric: one for one in pairs})


def before_lines(found: Explanation, compared: Compared, name: str, min_n: int) -> Iterator[str]:
    """The same figure in the window directly before, and how far it has gone from there."""
    before = found.before
    if before is None:
        yield row("before", "the tallies of the window before are deleted")
        return
    one = compared[name]
    window = f"{minute_text(before.start_ms)} .. {minute_text(found.start_ms)}"
    yield row("before", f"{_value_and_n(one.other)}   {window}   {before.status}")
    yield from difference_lines(one, min_n)


def segment_lines(other: Other, name: str, min_n: int) -> Iterator[str]:
    """The same figure in another segment, and how far apart the two are."""
    one = other.compared[name]
    yield row(
        "with", f"{_value_and_n(one.other)}   {segment_text(other.labels)}   {status_text(other.found)}"
    )
    yield from difference_lines(one, min_n)


def before_json(found: Explanation, compared: Compared, min_n: int) -> dict[str, object] | None:
    """As :func:`before_lines`, of all figures."""
    if found.before is None:
        return None
    return {
        "start_ms": found.before.start_ms,
        "end_ms": found.start_ms,
        "status": found.before.status,
        "revision": found.before.revision,
        "min_n": min_n,
        "figures": _figures_json(compared, min_n),
    }


def segment_json(other: Other, min_n: int) -> dict[str, object]:
    """As :func:`segment_lines`, of all figures."""
    return {
        "key": other.found.key,
        "segment": other.labels,
        "status": other.found.status,
        "revision": other.found.revision,
        "expired": other.found.expired,
        "min_n": min_n,
        "figures": _figures_json(other.compared, min_n),
    }


def _side(found: Explanation) -> Side:
    return Side(found.metric, found.tally, found.figures)


def _same(found: Explanation, other: Explanation | Earlier) -> Side:
    """Of another place the figures that were found here."""
    names = {figure.metric for figure in found.figures}
    return Side(found.metric, other.tally, [one for one in other.figures if one.metric in names])


def _value_and_n(figure: Figure) -> str:
    return f"{value_text(figure.value, figure.unit)}   n {figure.n:,}"


def _figures_json(compared: Compared, min_n: int) -> list[dict[str, object]]:
    return [
        {
            "metric": name,
            "n": one.other.n,
            "value": one.other.value,
            "difference": one.difference,
            "low": one.low,
            "high": one.high,
            "contains_zero": one.contains_zero,
            "too_few": one.n < min_n,
            "verdict": verdict(one, min_n),
            "method": one.method,
        }
        for name, one in compared.items()
    ]
