"""Record batches filled by hand: a tenth of the cost of sending record by record."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer

from stream.core.partitioner import murmur2_partition
from stream.core.record import Flush, Output

Batch = tuple[str, int, Any]
"""Topic, partition, aiokafka's BatchBuilder."""


class PartitionCounts:
    """Partition counts of output topics, asked for once per topic."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    async def of(self, producer: AIOKafkaProducer, topics: Iterable[str]) -> Mapping[str, int]:
        """Counts of at least these topics. Raises KafkaError for a topic that does not exist."""
        for topic in topics:
            if topic not in self._counts:
                self._counts[topic] = len(await producer.partitions_for(topic))
        return self._counts


def row_batches(producer: AIOKafkaProducer, changelog: str, partition: int, flush: Flush) -> list[Batch]:
    """The rows of one flush as batches of its changelog partition."""
    batches = _Batches(producer)
    for key, value in flush.rows:
        batches.add(changelog, partition, key, value, [])
    return batches.filled


def output_batches(
    producer: AIOKafkaProducer, counts: Mapping[str, int], partition: int, flush: Flush
) -> list[Batch]:
    """The outputs of one flush, in their order per partition. ``partition`` takes records that have neither key nor partition."""
    batches = _Batches(producer)
    for output in flush.outputs:
        batches.add(
            output.topic, _choose(output, counts, partition), output.key, output.value, output.headers
        )
    return batches.filled


def _choose(output: Output, counts: Mapping[str, int], fallback: int) -> int:
    if output.partition is not None:
        return output.partition
    if output.key is None:
        return fallback % counts[output.topic]
    return _partition(output.key, counts[output.topic])


_partition = lru_cache(maxsize=32_768)(murmur2_partition)
"""What is published is mostly published again at the next commit: the same keys."""


class _Batches:
    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._open: dict[tuple[str, int], Any] = {}
        self.filled: list[Batch] = []

    def add(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
    ) -> None:
        builder = self._open.get((topic, partition))
        if builder is None or builder.append(key=key, value=value, timestamp=None, headers=headers) is None:
            builder = self._producer.create_batch()
            self._open[topic, partition] = builder
            self.filled.append((topic, partition, builder))
            builder.append(key=key, value=value, timestamp=None, headers=headers)
