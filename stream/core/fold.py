"""The oracle: one input log through all shards, single-threaded, one partition, nothing durable.

``backfill`` is this fold over files. Every fault test compares what the workers published with what this says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from stream.core.config import CoreConfig
from stream.core.customers_shard import CustomersShard
from stream.core.metric import Metric
from stream.core.record import Output, Record, SourceRecord
from stream.core.tickets_shard import TicketsShard
from stream.core.windows_shard import WindowsShard

CHUNK = 5_000
"""Records between two flushes of the first stages: bounds memory, does not change the result."""
FETCH = 50
"""Records that are taken in before event time may go on: by it is decided whether an entity that is heard of again was forgotten."""

NO_LIMIT = 2**62


class FoldResult(NamedTuple):
    """Everything that the input came to."""

    rollups: list[Output]
    """One per window and metric, closed, sorted by key."""
    alerts: list[Output]
    """Every firing and recovery, in order; with the wall clock only what stands at the end."""
    dead_letters: list[Output]
    followups: list[Output]
    """Every opening and withdrawal, in order; those of one key that cancel out within :data:`CHUNK` records are not among them."""
    counts: Mapping[str, Mapping[str, int]]
    """Source topic -> ``outcome`` or ``outcome:reason`` -> records; their sum is the number of records read."""
    too_late: Mapping[str, int]
    """Metric -> differences that came after the last horizon."""
    windows: WindowsShard
    """The closed windows, for ``explain`` and live counts."""


def fold(
    config: CoreConfig,
    metrics: Sequence[Metric],
    records: Iterable[Record],
    *,
    now_ms: int,
    reference_ms: int | None = None,
) -> FoldResult:
    """Fold source records into closed rollups.

    ``now_ms`` becomes ``emitted_at``; ``reference_ms`` is what future times are measured against, each record's own timestamp if None.
    Records of topics that are no source raise KeyError.
    """
    # One partition holds everything, so where a record stood says nothing about it. An archive is read to its end in any case.
    single = msgspec.structs.replace(
        config,
        source_partitions=1,
        delta_partitions=1,
        partitioner="any",
        dead_letter_limit=None,
        dead_letter_bytes=NO_LIMIT,
    )
    inputs = [TicketsShard(single, 0, metrics, reference_ms=reference_ms)]
    if single.customers:
        inputs.append(CustomersShard(single, 0, metrics, reference_ms=reference_ms))
    reader_of = {
        topic: shard
        for shard in inputs
        for topic in (*shard.kind.sources(single), *shard.kind.rekeyed(single))
    }
    windows = WindowsShard(single, 0, metrics)
    for shard in inputs:
        shard.ready()
    windows.ready()
    dead: list[Output] = []
    followups: list[Output] = []
    delta_offset = answers_offset = 0

    def said_by(shard: TicketsShard) -> list[Output]:
        shard.tick(now_ms, {})  # each in its turn: what customers wait for has been passed on by then
        return shard.flush(now_ms).outputs

    def pass_on() -> None:
        nonlocal delta_offset, answers_offset
        deltas: list[SourceRecord] = []
        for output in (output for shard in inputs for output in said_by(shard)):
            if output.topic == single.topics.answers:
                answers_offset += 1
                said = SourceRecord(output.topic, 0, answers_offset - 1, now_ms, None, output.value)
                reader_of[output.topic].apply(output.topic, [said], answers_offset, now_ms)
                continue
            if output.topic != single.topics.deltas:
                (followups if output.topic == single.topics.followups else dead).append(output)
                continue
            deltas.append(SourceRecord(output.topic, 0, delta_offset, now_ms, output.key, output.value))
            delta_offset += 1
        windows.apply(single.topics.deltas, deltas, delta_offset, now_ms)

    offsets = dict.fromkeys(single.sources, 0)
    for number, fetched in enumerate(_chunks(records, FETCH), 1):
        by_topic: dict[str, list[Record]] = {}
        for record in fetched:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, batch in by_topic.items():
            offsets[topic] += len(batch)
            reader_of[topic].apply(topic, batch, offsets[topic], now_ms)
        for shard in inputs:
            shard.tick(now_ms, {})
        if number % (CHUNK // FETCH) == 0:
            pass_on()
    pass_on()
    for shard in inputs:
        shard.close_input()
    pass_on()
    closed = windows.flush(now_ms)
    rollups = [output for output in closed.outputs if output.topic == single.topics.rollups]
    return FoldResult(
        alerts=[output for output in closed.outputs if output.topic == single.topics.alerts],
        rollups=sorted(rollups, key=lambda output: output.key or b""),
        dead_letters=dead,
        followups=followups,
        counts={topic: counts for shard in inputs for topic, counts in shard.counts.items()},
        too_late={metric: number for shard in inputs for metric, number in shard.too_late.items()},
        windows=windows,
    )


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
