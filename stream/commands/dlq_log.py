"""Reading the dead-letter topics, and remembering which dead letters were sent back: what the ``stream dlq`` commands share."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import NamedTuple

import click
import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from stream.commands import kafka
from stream.core.config import CoreConfig
from stream.core.dead_letter import Origin, origin
from stream.core.refusal import REASONS
from stream.runtime import clients
from stream.runtime.config import RuntimeConfig

Memory = dict[TopicPartition, dict[str, int]]
"""Partition of a dead-letter topic -> reason -> offset before which letters of this reason were sent back."""


class Letter(NamedTuple):
    """One dead letter, and what it says of itself."""

    record: ConsumerRecord
    origin: Origin

    @property
    def place(self) -> TopicPartition:
        """Where it stands."""
        return TopicPartition(self.record.topic, self.record.partition)

    @property
    def position(self) -> str:
        """``TOPIC-PARTITION-OFFSET`` of the dead letter itself."""
        return f"{self.record.topic}-{self.record.partition}-{self.record.offset}"


class Extent(NamedTuple):
    """What is in the dead-letter topics, and what of it was sent back."""

    begins: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    memory: Memory


def dead_letter_topics(core: CoreConfig, wanted: str | None) -> list[str]:
    """The dead-letter topics of all sources, or of the one that is meant: ``tickets``, its full name, or the topic itself."""
    topics = core.topics
    for source in core.sources:
        if wanted in (source, source.removeprefix(topics.prefix), topics.dlq(source)):
            return [topics.dlq(source)]
    if wanted is not None:
        known = ", ".join(source.removeprefix(topics.prefix) for source in core.sources)
        raise click.BadParameter(f"{wanted!r} is no source topic; there are {known}", param_hint="--topic")
    return [topics.dlq(source) for source in core.sources]


def group_of(config: RuntimeConfig) -> str:
    """The consumer group that holds the memory."""
    return f"{config.app_id}-dlq-replay"


async def extent(config: RuntimeConfig, names: Sequence[str]) -> Extent:
    """Raises CommandError for topics that do not exist, KafkaError."""
    partitions = await kafka.partitions_of(config, names)
    consumer = clients.reader(config, committed=True)
    admin = clients.admin(config)
    try:
        await consumer.start()
        begins = await consumer.beginning_offsets(partitions)
        ends = await clients.ends(config, partitions, committed=True)
        await admin.start()
        committed = await _committed(admin, group_of(config), partitions)
    finally:
        await admin.close()
        await consumer.stop()
    memory = {place: _read_memory(kept.metadata) for place, kept in committed.items() if kept.offset >= 0}
    return Extent(begins, ends, memory)


async def _committed(
    admin: AIOKafkaAdminClient, group: str, partitions: list[TopicPartition]
) -> Mapping[TopicPartition, OffsetAndMetadata]:
    try:
        found: Mapping[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(
            group, partitions=partitions
        )
    except KafkaError:  # no such group yet, or this user may not see it: nothing is remembered
        return {}
    return found


def _read_memory(metadata: str | None) -> dict[str, int]:
    try:
        return msgspec.json.decode(metadata or "{}", type=dict[str, int])
    except ValueError:  # somebody else's: nothing is remembered, and sending twice changes nothing
        return {}


async def remember(config: RuntimeConfig, ends: Mapping[TopicPartition, int], memory: Memory) -> None:
    """Keep the memory as offsets and metadata of the group. Raises KafkaError."""
    consumer = clients.reader(config, committed=True, group_id=group_of(config))
    try:
        await consumer.start()
        consumer.assign(list(memory))
        await consumer.commit(
            {place: (ends[place], msgspec.json.encode(kept).decode()) for place, kept in memory.items()}
        )
    finally:
        await consumer.stop()


async def letters(
    config: RuntimeConfig,
    begins: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    reasons: Collection[str] = (),
) -> AsyncIterator[Letter]:
    """The dead letters between two offsets of each partition; with ``reasons`` only those. Raises KafkaError."""
    if all(begins[place] >= end for place, end in ends.items()):
        return  # and no consumer for it: stopped right after its start it raises CancelledError
    consumer: AIOKafkaConsumer = clients.reader(config, committed=True)
    try:
        await consumer.start()
        async for record in kafka.read_between(consumer, begins, ends):
            letter = Letter(record, origin(record.headers))
            if not reasons or letter.origin.reason in reasons:
                yield letter
    finally:
        await consumer.stop()


reason_option = click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice(REASONS),
    metavar="REASON",
    help="Only letters refused as this: not_json. May be repeated.",
)
topic_option = click.option(
    "--topic", metavar="TOPIC", help="Only letters of this source: tickets, replies or surveys."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
