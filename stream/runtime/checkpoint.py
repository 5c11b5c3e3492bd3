"""How one commit of one part is written: rows, outputs and source offsets, all of them or none.

``Transactions`` is the real thing. ``Plain`` is for brokers without transactions: outputs, then rows, then offsets, each
acknowledged before the next; a crash in between can repeat outputs, never lose them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from stream.core.record import Flush
from stream.runtime import clients
from stream.runtime.batches import Batch, PartitionCounts, output_batches, row_batches
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import ShellError
from stream.runtime.stage import Part

FaultPoint = Callable[[str, str], None]
"""Called with the part's name and the step just done; tests end or stop the process there."""

STEPS = ("begun", "sent_some", "acknowledged", "offsets", "committed")


def no_fault(part: str, step: str) -> None:
    """Nothing happens."""


class Checkpoint(Protocol):
    """Writes commits of the parts that this worker owns."""

    committed_reads: bool
    """Whether our own topics must be read with ``read_committed``."""
    notes: tuple[str, ...]
    """What a reader of the status should know about it."""

    async def own(self, kept: Collection[Part], new: Collection[Part]) -> None:
        """Take over: from here on no earlier owner can write for the new parts. Parts in neither are let go."""

    async def write(self, part: Part, flush: Flush, positions: Mapping[str, int]) -> None:
        """Write one commit. Whatever is raised, the part must not be used any more."""

    async def close(self) -> None:
        """Close the producers."""


def _offsets(part: Part, positions: Mapping[str, int]) -> dict[TopicPartition, int]:
    return {TopicPartition(topic, part.number): offset for topic, offset in positions.items()}


async def _send(
    producer: AIOKafkaProducer, batches: Collection[Batch], sent_some: Callable[[], None]
) -> None:
    acknowledgements = []
    for topic, partition, builder in batches:
        acknowledgements.append(await producer.send_batch(builder, topic, partition=partition))
        if len(acknowledgements) == 1:
            sent_some()
    if acknowledgements:
        await asyncio.gather(*acknowledgements)


class Transactions:
    """One transactional producer per part; its id (application, stage, partition) fences the part's earlier owner."""

    committed_reads = True
    notes: tuple[str, ...] = ()

    def __init__(self, config: RuntimeConfig, fault: FaultPoint = no_fault) -> None:
        self._config = config
        self._fault = fault
        self._producers: dict[str, AIOKafkaProducer] = {}
        self._counts = PartitionCounts()
        self._leaving: set[asyncio.Task[None]] = set()

    async def own(self, kept: Collection[Part], new: Collection[Part]) -> None:
        for name in self._producers.keys() - {part.name for part in kept}:
            task = asyncio.create_task(_stop(self._producers.pop(name)))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        await asyncio.gather(*(self._fence(part.name) for part in new))

    async def _fence(self, name: str) -> None:
        producer = clients.producer(self._config, f"{self._config.app_id}-{name}")
        try:
            await producer.start()
        except BaseException:
            # Cancelled, too: a producer that was started must be stopped, and the error goes on.
            await producer.stop()
            raise
        self._producers[name] = producer

    async def write(self, part: Part, flush: Flush, positions: Mapping[str, int]) -> None:
        producer = self._producers[part.name]
        counts = await self._counts.of(producer, {output.topic for output in flush.outputs})
        batches = row_batches(producer, part.spec.changelog, part.number, flush)
        batches += output_batches(producer, counts, part.number, flush)
        await producer.begin_transaction()
        self._fault(part.name, "begun")
        await _send(producer, batches, lambda: self._fault(part.name, "sent_some"))
        self._fault(part.name, "acknowledged")
        offsets = _offsets(part, positions)
        if offsets:
            metadata = {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
            await producer.send_offsets_to_transaction(metadata, self._config.app_id)
        self._fault(part.name, "offsets")
        await producer.commit_transaction()
        self._fault(part.name, "committed")

    async def close(self) -> None:
        producers, self._producers = list(self._producers.values()), {}
        await asyncio.gather(*(_stop(producer) for producer in producers), *self._leaving)


class Plain:
    """One ordinary producer. A lease (time since the last good heartbeat) is all that keeps a stopped worker from writing late."""

    committed_reads = False
    notes: tuple[str, ...] = (
        "volatile broker: weaker guarantees (no transactions; a crash can repeat what was not yet committed)",
    )

    def __init__(
        self,
        config: RuntimeConfig,
        commit_offsets: Callable[[Mapping[TopicPartition, int]], Awaitable[None]],
        heartbeat_at: Callable[[], float | None],
        fault: FaultPoint = no_fault,
    ) -> None:
        """``heartbeat_at``: monotonic time of the last good heartbeat, None before the first."""
        self._config = config
        self._commit_offsets = commit_offsets
        self._heartbeat_at = heartbeat_at
        self._fault = fault
        self._producer: AIOKafkaProducer | None = None
        self._counts = PartitionCounts()

    async def own(self, kept: Collection[Part], new: Collection[Part]) -> None:
        if self._producer is None:
            producer = clients.producer(self._config, idempotent=False)
            await producer.start()
            self._producer = producer

    async def write(self, part: Part, flush: Flush, positions: Mapping[str, int]) -> None:
        beat = self._heartbeat_at()
        if beat is not None and time.monotonic() - beat > self._config.session_timeout_ms / 1000 * 0.9:
            raise ShellError(
                f"no heartbeat to the consumer group for {time.monotonic() - beat:.1f} s: {part.name} may have another owner"
            )
        producer = self._producer
        if producer is None:
            raise ShellError("write() before own()")
        counts = await self._counts.of(producer, {output.topic for output in flush.outputs})
        self._fault(part.name, "begun")
        outputs = output_batches(producer, counts, part.number, flush)
        await _send(producer, outputs, lambda: self._fault(part.name, "sent_some"))
        self._fault(part.name, "acknowledged")
        await _send(producer, row_batches(producer, part.spec.changelog, part.number, flush), lambda: None)
        self._fault(part.name, "offsets")
        await self._commit_offsets(_offsets(part, positions))
        self._fault(part.name, "committed")

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), 5)
    except TimeoutError:
        return
