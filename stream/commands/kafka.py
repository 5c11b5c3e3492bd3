"""What the commands that talk to the brokers share: running, refusing, and reading a log without a group."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from stream.commands import CommandError
from stream.core.config import CoreConfig
from stream.runtime import clients, topics
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import ShellError, StartError
from stream.settings import Settings

T = TypeVar("T")


def run(settings: Settings, work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what the brokers refuse becomes a CommandError that names them."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the error says it, in one line
    try:
        return asyncio.run(work)
    except KafkaConnectionError as exc:
        raise CommandError(clients.no_broker(settings.runtime())) from exc
    except (StartError, ShellError) as exc:
        raise CommandError(str(exc)) from exc
    except KafkaError as exc:
        raise CommandError(
            f"the brokers at STREAM_BROKERS={','.join(settings.brokers)} refused: {exc}"
        ) from exc


async def fitted_core(settings: Settings) -> CoreConfig:
    """The core's configuration, with the topics' own partition counts where the settings leave them to the topics."""
    return await topics.fitted(
        settings.runtime(),
        settings.core(),
        sources=settings.partitions is None,
        deltas=settings.delta_partitions is None,
    )


async def read(
    config: RuntimeConfig, names: Sequence[str], *, from_beginning: bool, once: bool
) -> AsyncIterator[ConsumerRecord]:
    """Committed records of whole topics; with ``once`` up to the ends found at the start, else for ever.

    Raises CommandError for topics that do not exist, KafkaError.
    """
    partitions = await partitions_of(config, names)
    consumer = clients.reader(config, committed=True)
    try:
        await consumer.start()
        async for record in read_partitions(
            config, consumer, partitions, from_beginning=from_beginning, once=once
        ):
            yield record
    finally:
        await consumer.stop()


async def partitions_of(config: RuntimeConfig, names: Sequence[str]) -> list[TopicPartition]:
    """All partitions of the topics; raises CommandError for a topic that is not there."""
    admin = clients.admin(config)
    try:
        await admin.start()
        states = await topics.describe(admin, names)
    finally:
        await admin.close()
    for name, state in states.items():
        if state.partitions is None:
            raise CommandError(
                f"topic {name} {state.error}: run `stream topics create`, or check STREAM_TOPIC_PREFIX and STREAM_APP_ID"
            )
    return [
        TopicPartition(name, partition)
        for name, state in states.items()
        for partition in range(state.partitions or 0)
    ]


async def read_between(
    consumer: AIOKafkaConsumer, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[ConsumerRecord]:
    """Records of the partitions of ``ends`` from one offset up to another; they are assigned to the consumer here."""
    waiting = {partition for partition, end in ends.items() if begins[partition] < end}
    consumer.assign(list(waiting))
    for partition in waiting:
        consumer.seek(partition, begins[partition])
    while waiting:
        for partition, records in (await consumer.getmany(*waiting, timeout_ms=200)).items():
            for record in records:
                if record.offset < ends[partition]:
                    yield record
        for partition in [one for one in waiting if await consumer.position(one) >= ends[one]]:
            waiting.discard(partition)
            consumer.pause(partition)


async def read_partitions(
    config: RuntimeConfig,
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    *,
    from_beginning: bool,
    once: bool,
) -> AsyncIterator[ConsumerRecord]:
    """Records of the partitions, which are assigned to the consumer here."""
    consumer.assign(list(partitions))
    ends = await clients.ends(config, partitions, committed=True)
    begins = await consumer.beginning_offsets(list(partitions))
    for partition in partitions:
        consumer.seek(partition, begins[partition] if from_beginning or once else ends[partition])
    waiting = {partition for partition in partitions if begins[partition] < ends[partition]}
    while waiting or not once:
        for partition, records in (await consumer.getmany(timeout_ms=200)).items():
            for record in records:
                if not once or record.offset < ends[partition]:
                    yield record
        # A transaction's marker is an offset without a record: the position says whether the end was reached.
        waiting = {partition for partition in waiting if await consumer.position(partition) < ends[partition]}
