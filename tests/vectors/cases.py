"""The vectors of ``vectors.yaml``, read and checked. What its words mean is written at the file's top."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from stream.metrics import BY_NAME
from stream.settings import Settings, load
from tests.vectors.told import DAY, Told, VectorError, told

FILE: Final = Path(__file__).with_name("vectors.yaml")
EVERY_METRIC: Final = "every_metric"
"""The section of what many metrics have in common."""
COMMIT: Final = "commit"
"""A line between events: what stands before it is committed before what stands behind it is read."""

SETTINGS: Final = {
    "STREAM_METRICS": ",".join(BY_NAME),
    "STREAM_GROUPINGS": "all;team;channel;team+channel;queue;agent;location",
    "STREAM_SEGMENT_LABELS": "location",
    "STREAM_CLOCK": "event",
    "STREAM_QUALITY_CRITERIA": "tone,facts",
    "STREAM_SERVICE_LEVEL_SECONDS": '{"vip": [10], "*": [20, 60]}',
    "STREAM_CALENDARS": str(Path(__file__).with_name("calendars.toml")),
}
"""Of every case that does not say otherwise."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure as it must stand. Numbers are kept as they were written: a fraction, or a decimal with its digits."""

    window: str
    n: int
    value: str | None = None
    metric: str = ""
    profile: str = "default"
    segment: str = ""
    tenant: str = ""
    parts: dict[str, str] = {}
    low: str | None = None
    high: str | None = None
    quantiles: dict[str, str] = {}
    excluded: dict[str, int] = {}


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vector."""

    name: str
    shows: str
    events: list[str]
    figures: list[Expected] = []
    live: list[dict[str, str]] = []
    """Per segment (``""`` for the tenant): live series -> ``2`` or ``2 since 10:00``; those not named are 0."""
    refused: dict[str, int] = {}
    too_late: dict[str, int] = {}
    settings: dict[str, str] = {}
    day: str = DAY
    source: str = ""
    on_kafka: bool = False
    metric: str = ""
    """The section it stands in."""

    def told_of(self, name: str, profile: str) -> list[Expected]:
        """Its figures of a metric as a profile counts it."""
        return [one for one in self.figures if one.profile == profile and metric_of(one.metric) == name]

    @property
    def tenant(self) -> str:
        """Keeps cases apart that are told in one stream."""
        return re.sub("[^a-z0-9]+", "-", f"{self.metric} {self.name}".lower()).strip("-")

    def load(self) -> Settings:
        """Its settings, and those of all cases."""
        return load({**SETTINGS, **{f"STREAM_{name.upper()}": text for name, text in self.settings.items()}})

    def batches(self) -> list[list[Told]]:
        """Its events, cut at its commits. Raises VectorError."""
        found: list[list[Told]] = [[]]
        for number, line in enumerate(self.events, 1):
            if line == COMMIT:
                found.append([])
            else:
                found[-1] += told(line, number, self.tenant, self.day)
        return found


@cache
def metric_of(figure: str) -> str:
    """The metric that a figure belongs to: ``csat_mean`` for ``csat_mean_1_5``, never ``csat``. Raises ValueError for a figure of none."""
    return max((name for name in BY_NAME if f"{figure}_".startswith(f"{name}_")), key=len)


def figures_of(metric: str, profile: str) -> Sequence[Expected]:
    """All figures of a metric as a profile counts it, whichever case shows them."""
    return _by_definition().get((metric, profile), ())


@cache
def _by_definition() -> Mapping[tuple[str, str], Sequence[Expected]]:
    found: dict[tuple[str, str], list[Expected]] = defaultdict(list)
    for case in cases():
        for one in case.figures:
            found[metric_of(one.metric), one.profile].append(one)
    return found


class _Loader(yaml.CBaseLoader):
    """Takes every scalar as it is written (no 10:00 becomes a number in base 60), and nothing twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if len(set(names)) != len(names):
            raise VectorError(f"a name stands twice in{node.start_mark}: {sorted(names)}")
        return super().construct_mapping(node, deep)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All cases of one metric, and where its definition comes from."""

    source: str
    cases: list[Case]


def _each(words: Expected, metric: str) -> Iterator[Expected]:
    """A line of figures as so many figures: of each of its metrics, else that of the section, by each of its profiles."""
    for name, profile in product((words.metric or metric).split(), words.profile.split()):
        yield msgspec.structs.replace(words, metric=name, profile=profile)


@cache
def cases() -> Sequence[Case]:
    """All of them, in the order of the file. Raises VectorError."""
    document = yaml.load(FILE.read_text(encoding="utf-8"), _Loader)
    found: list[Case] = []
    for metric, content in document.items():
        try:
            section = msgspec.convert(content, Section, strict=False)
        except msgspec.ValidationError as exc:
            raise VectorError(f"{FILE.name}, {metric}: {exc}") from exc
        found += [
            msgspec.structs.replace(
                case,
                metric=metric,
                source=case.source or section.source,
                figures=[one for words in case.figures for one in _each(words, metric)],
            )
            for case in section.cases
        ]
    return found
