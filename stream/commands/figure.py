"""Figures that are named on the command line: checked, and read from the worker's durable state."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import click
from aiokafka import TopicPartition

from stream.commands import CommandError, kafka
from stream.commands.words import OFF_THE_END, parse_segment, parse_window
from stream.core.compare import Place, overlap
from stream.core.config import CoreConfig
from stream.core.delta import segment_name, segment_partition
from stream.core.explain import ExplainError, Explanation, LiveExplanation, explain, explain_live
from stream.core.impossible import impossible, raised_in
from stream.core.state_shape import ShapeChangedError
from stream.core.tally import DamagedRowError
from stream.metrics import selected
from stream.runtime import clients
from stream.settings import Settings


class Asked(NamedTuple):
    """A segment and a window of rollups, in milliseconds, and by whose definition: None for the first profile that has it."""

    labels: dict[str, str]
    start_ms: int
    length_ms: int
    profile: str | None

    @property
    def place(self) -> Place:
        """Where it is, by whosever definition."""
        return Place(self.labels, self.start_ms, self.start_ms + self.length_ms)


def must_share_nothing(this: Asked, other: Asked) -> None:
    """Raise click.UsageError where one measure may count in both: then they are no independent samples."""
    if overlap(this.place, other.place):
        raise click.UsageError(
            "the two may share measures, and their difference then has no interval: take windows that do not overlap, or segments "
            "with different values of one label (two teams, not a team and its tenant)"
        )


def status_text(one: Explanation) -> str:
    """How a figure stands, beside another one."""
    if one.revision:
        return one.status
    return "its tallies are deleted" if one.expired else "nothing was measured"


def labels_of(
    core: CoreConfig, texts: Sequence[str], *, tenant: str = "default", param_hint: str = "--segment"
) -> dict[str, str]:
    """A segment's labels; ``tenant`` unless they name another. Raises click.BadParameter unless figures are kept per them."""
    labels = {"tenant": tenant, **parse_segment(texts, param_hint=param_hint)}
    groupings = {frozenset(("tenant", *grouping)) for grouping in core.groupings}
    if frozenset(labels) not in groupings:
        kept = "; ".join("+".join(("tenant", *grouping)) for grouping in core.groupings)
        raise click.BadParameter(
            f"no figures are kept per {'+'.join(sorted(labels))}; STREAM_GROUPINGS keeps {kept}",
            param_hint=param_hint,
        )
    return labels


def asked(labels: dict[str, str], window: str, profile: str | None, *, param_hint: str = "--window") -> Asked:
    """A segment in one window. Raises click.BadParameter for a text that is none."""
    found = parse_window(window, param_hint=param_hint)
    if found.start_ms is None:
        raise click.BadParameter(OFF_THE_END, param_hint=param_hint)
    return Asked(labels, found.start_ms, found.length_ms, profile)


def explained_live(settings: Settings, name: str, labels: dict[str, str]) -> LiveExplanation:
    """What the state says about live counts. Raises as :func:`explained` does."""
    core = kafka.run(settings, kafka.fitted_core(settings))
    segment = segment_name(labels)
    owner = segment_partition(segment, core.delta_partitions)
    rows = kafka.run(settings, _rows(settings, core, [owner]))
    with told(core, labels):
        return explain_live(rows[owner], core, selected(core), name, segment)


@contextmanager
def told(core: CoreConfig, *places: dict[str, str]) -> Iterator[None]:
    """What the state cannot tell, in words for the command line; ``places``: labels of the segments whose rows are read in this block.

    ``core`` with the topics' own counts.
    """
    try:
        yield
    except ExplainError as exc:
        raise click.UsageError(str(exc)) from exc
    except ShapeChangedError as exc:
        raise CommandError(f"{exc}; explain the figure with the worker's settings") from exc
    except Exception as exc:
        partitions = {segment_partition(segment_name(labels), core.delta_partitions) for labels in places}
        where = " or ".join(f"{core.topics.windows_changelog}[{number}]" for number in sorted(partitions))
        if isinstance(exc, DamagedRowError):
            raise CommandError(f"{where}: the state of the windows cannot be read: {exc}") from exc
        raise CommandError(impossible(where, raised_in(exc))) from exc


class Found(NamedTuple):
    """Figures as the state has them, and the settings with the topics' own counts."""

    core: CoreConfig
    figures: list[Explanation]


def explained(settings: Settings, metric: str, figures: Sequence[Asked]) -> Found:
    """What the state says about the figures ``metric``. Raises click.UsageError for what does not exist, CommandError."""
    core = kafka.run(settings, kafka.fitted_core(settings))
    owners = [segment_partition(segment_name(one.labels), core.delta_partitions) for one in figures]
    rows = kafka.run(settings, _rows(settings, core, sorted(set(owners))))
    metrics = selected(core)
    found = []
    for owner, one in zip(owners, figures, strict=True):
        with told(core, one.labels):
            found.append(
                explain(
                    rows[owner],
                    core,
                    metrics,
                    metric,
                    segment_name(one.labels),
                    start_ms=one.start_ms,
                    window_ms=one.length_ms,
                    profile=one.profile,
                )
            )
    return Found(core, found)


async def _rows(
    settings: Settings, core: CoreConfig, numbers: Sequence[int]
) -> Mapping[int, dict[bytes, bytes]]:
    """The surviving rows of some partitions of the windows."""
    topic = core.topics.windows_changelog
    partitions = await kafka.partitions_of(settings.runtime(), [topic])
    if len(partitions) != core.delta_partitions:
        raise CommandError(
            f"topic {topic} has {len(partitions)} partitions: set STREAM_DELTA_PARTITIONS to the worker's value"
        )
    return await surviving_rows(settings, topic, numbers)


async def surviving_rows(
    settings: Settings, topic: str, numbers: Sequence[int]
) -> Mapping[int, dict[bytes, bytes]]:
    """What a changelog says in some of its partitions, which exist."""
    rows: dict[int, dict[bytes, bytes]] = {number: {} for number in numbers}
    consumer = clients.reader(settings.runtime(), committed=True)
    try:
        await consumer.start()
        async for record in kafka.read_partitions(
            settings.runtime(),
            consumer,
            [TopicPartition(topic, number) for number in numbers],
            from_beginning=True,
            once=True,
        ):
            if record.value is None:
                rows[record.partition].pop(record.key, None)
            else:
                rows[record.partition][record.key] = record.value
    finally:
        await consumer.stop()
    return rows
