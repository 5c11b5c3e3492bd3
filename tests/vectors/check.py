"""What stands against what must stand."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from stream.core.histogram import RELATIVE_ERROR
from stream.settings.forms import parse_duration
from tests.vectors.cases import Case, Expected
from tests.vectors.told import VectorError


class Place(NamedTuple):
    """Where a figure stands: profile, metric, labels without the tenant, tenant, start and length in seconds."""

    profile: str
    metric: str
    segment: str
    tenant: str
    start: int
    seconds: int

    @property
    def family(self) -> tuple[object, ...]:
        """What a case that names one figure names completely."""
        labels = frozenset(pair.partition("=")[0] for pair in self.segment.split("&"))
        return self.profile, self.metric, self.tenant, labels, self.seconds


def complaints(case: Case, rollups: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the rollups of a case, in words; those of other tenants are left alone.

    A figure that is named says which others there are: of the same metric, window length and labels, what is not named must be empty.
    """
    standing = {
        _place(one): one
        for one in rollups
        if one["segment"]["tenant"] == case.tenant or one["segment"]["tenant"].startswith(f"{case.tenant}.")
    }
    named = {expected_place(case, one): one for one in case.figures}
    if len(named) != len(case.figures):
        raise VectorError(f"{case.name}: a figure stands there twice")
    found = [
        f"{place.metric} {place.segment or 'tenant'} {_window(place)}: {what}"
        for place, one in named.items()
        for what in _differences(one, standing.get(place))
    ]
    families = {place.family for place in named}
    found += [
        f"{place.metric} {place.segment or 'tenant'} {_window(place)} is there, with n {one['n']} {one['parts']} and {one['excluded']}"
        for place, one in standing.items()
        if place.family in families and place not in named and _has_anything(one)
    ]
    return found


def _has_anything(rollup: Mapping[str, Any]) -> bool:
    return bool(rollup["n"] or any(rollup["parts"].values()) or any(rollup["excluded"].values()))


def expected_place(case: Case, one: Expected) -> Place:
    """Where a figure of a case must stand. Raises VectorError."""
    start, _, length = one.window.rpartition("/")
    if "-" not in start:
        start = f"{case.day}T{start or '00:00'}"
    seconds = parse_duration(length) // 1000
    begin = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())
    if begin % seconds:
        raise VectorError(f"{case.name}: no window of {length} starts at {start}")
    tenant = f"{case.tenant}.{one.tenant}" if one.tenant else case.tenant
    segment = "&".join(sorted(one.segment.split("&")))
    return Place(one.profile, one.metric, segment, tenant, begin, seconds)


def _place(rollup: Mapping[str, Any]) -> Place:
    labels = dict(rollup["segment"])
    tenant = labels.pop("tenant")
    segment = "&".join(f"{name}={value}" for name, value in sorted(labels.items()))
    start = int(datetime.fromisoformat(rollup["window_start"]).timestamp())
    return Place(rollup["profile"], rollup["metric"], segment, tenant, start, rollup["window_seconds"])


def _window(place: Place) -> str:
    return f"({place.profile}) {datetime.fromtimestamp(place.start, UTC):%Y-%m-%dT%H:%M} of {place.seconds} s"


def _differences(expected: Expected, found: Mapping[str, Any] | None) -> Iterable[str]:
    if found is None:
        # What was emptied before anybody saw it is not published.
        if expected.n or expected.excluded or expected.parts:
            yield "is missing"
        return
    if found["status"] not in ("final", "revised"):
        yield f"is {found['status']} at the end of the input"
    if found["n"] != expected.n:
        yield f"n is {found['n']}, not {expected.n}"
    yield from _number("value", expected.value, found["value"])
    if not expected.n and not expected.parts and any(found["parts"].values()):
        yield f"parts are {found['parts']} of nothing"
    for name, text in expected.parts.items():
        yield from _number(name, text, found["parts"].get(name))
    for name, bound in (("low", expected.low), ("high", expected.high)):
        if bound is not None and found[name] != pytest.approx(float(bound), abs=_half_a_digit(bound)):
            yield f"{name} is {found[name]}, not {bound}"
    for name, text in expected.quantiles.items():
        value = found["quantiles"][name]
        if value != pytest.approx(float(Fraction(text)), rel=RELATIVE_ERROR):
            yield f"{name} is {value}, not {text} within {RELATIVE_ERROR:.4f}"
    if found["excluded"] != expected.excluded:
        yield f"excluded is {found['excluded']}, not {expected.excluded}"


def _number(name: str, text: str | None, value: float | None) -> Iterable[str]:
    if (text is None) != (value is None) or (
        text is not None and value != pytest.approx(float(Fraction(text)), rel=1e-12, abs=1e-12)
    ):
        yield f"{name} is {value}, not {text}"


def _half_a_digit(text: str) -> float:
    """Of the last digit that is written."""
    return 0.5000001 * 10.0 ** -len(text.partition(".")[2])
