"""Create topics, write and read them, in a test's own words; everything synchronous."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NonEmptyGroup
from aiokafka.protocol.admin import DeleteGroupsRequest

from stream.core.record import SourceRecord


def create(
    bootstrap: str, partitions: Mapping[str, int], configs: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Create topics and wait until all their partitions have a leader."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            new = [
                NewTopic(n, count, 1, topic_configs=dict((configs or {}).get(n, {})))
                for n, count in partitions.items()
            ]
            answer = await admin.create_topics(new)
            assert all(error[1] == 0 for error in answer.topic_errors), answer
            while True:
                states = await admin.describe_topics(list(partitions))
                if all(p["leader"] >= 0 for topic in states for p in topic["partitions"]) and all(
                    len(topic["partitions"]) == partitions[topic["topic"]] for topic in states
                ):
                    return
                await asyncio.sleep(0.05)
        finally:
            await admin.close()

    asyncio.run(run())


def names(bootstrap: str) -> set[str]:
    """The topics that there are."""

    async def run() -> set[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            return set(await admin.list_topics())
        finally:
            await admin.close()

    return asyncio.run(run())


def delete(bootstrap: str, names: Sequence[str]) -> None:
    """Delete topics and wait until they are gone."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.delete_topics(list(names))
            while set(names) & set(await admin.list_topics()):  # noqa: ASYNC110 - the broker does not call back
                await asyncio.sleep(0.05)
        finally:
            await admin.close()

    asyncio.run(run())


def delete_records(bootstrap: str, topic: str, partition: int, before: int) -> None:
    """Delete what is older than an offset, as retention does."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})
        finally:
            await admin.close()

    asyncio.run(run())


Sent = tuple[str, bytes | None, bytes | None]
"""Topic, key, value; the partition is murmur2 of the key."""


def write(bootstrap: str, records: Iterable[Sent], *, per_second: float | None = None) -> None:
    """Write records, all acknowledged when this returns."""

    async def run() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", linger_ms=5, max_batch_size=1 << 18
        )
        await producer.start()
        try:
            begun = asyncio.get_running_loop().time()
            for number, (topic, key, value) in enumerate(records):
                if per_second is not None and number % 50 == 0:
                    await asyncio.sleep(
                        max(0.0, begun + number / per_second - asyncio.get_running_loop().time())
                    )
                await producer.send(topic, value, key)
            await producer.flush()
        finally:
            await producer.stop()

    asyncio.run(run())


def place(bootstrap: str, records: Iterable[SourceRecord]) -> None:
    """Write records to the very partitions that they name."""

    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
        await producer.start()
        try:
            for one in records:
                await producer.send(one.topic, one.value, one.key, partition=one.partition)
            await producer.flush()
        finally:
            await producer.stop()

    asyncio.run(run())


def read(bootstrap: str, topics: Sequence[str], *, committed: bool = True) -> list[SourceRecord]:
    """Everything that is in the topics now, per partition in order."""

    async def run() -> list[SourceRecord]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed" if committed else "read_uncommitted",
        )
        await consumer.start()
        try:
            tps = []
            for topic in topics:
                consumer._client.add_topic(topic)
                numbers = None
                while not numbers:
                    await consumer._client.force_metadata_update()
                    numbers = consumer.partitions_for_topic(topic)
                tps += [TopicPartition(topic, number) for number in sorted(numbers)]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            await consumer.seek_to_beginning(*tps)
            found: list[SourceRecord] = []
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [
                        SourceRecord(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
                        for r in records
                    ]
            return found
        finally:
            await consumer.stop()

    return asyncio.run(run())


def committed(bootstrap: str, group: str) -> dict[tuple[str, int], int]:
    """(topic, partition) -> offset at which the group would read on."""

    async def run() -> dict[tuple[str, int], int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(group)
            return {(tp.topic, tp.partition): kept.offset for tp, kept in found.items()}
        finally:
            await admin.close()

    return asyncio.run(run())


def delete_group(bootstrap: str, group: str) -> None:
    """Delete a group that nobody is in, with its offsets, which otherwise expire some days after its last member has left."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            coordinator = await admin.find_coordinator(group)
            while True:
                answer = await admin._send_request(DeleteGroupsRequest([group]), coordinator)
                ((_, code),) = answer.results
                if code == 0:
                    return
                assert code == NonEmptyGroup.errno, answer  # who has left a moment ago
                await asyncio.sleep(0.05)
        finally:
            await admin.close()

    asyncio.run(run())


def ends(bootstrap: str, topic: str, partitions: int) -> dict[int, int]:
    """Partition -> where its log ends, transactions' markers included."""

    async def run() -> dict[int, int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            found = await consumer.end_offsets(
                [TopicPartition(topic, number) for number in range(partitions)]
            )
            return {tp.partition: end for tp, end in found.items()}
        finally:
            await consumer.stop()

    return asyncio.run(run())


def latest(records: Iterable[SourceRecord]) -> dict[bytes | None, bytes]:
    """What stands after compaction: the last value of each key, deleted ones left out."""
    found: dict[bytes | None, bytes] = {}
    for record in records:
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = record.value
    return found


def set_policy(bootstrap: str, topic: str, policy: str) -> None:
    """Change a topic's ``cleanup.policy`` and wait until the broker says so."""
    configure(bootstrap, [topic], {"cleanup.policy": policy})


def configure(bootstrap: str, names: Sequence[str], configs: Mapping[str, str]) -> None:
    """Give topics settings, in place of all that they had, and wait until the broker says so."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, name, dict(configs)) for name in names]
            )
            asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
            while True:
                answers = await admin.describe_configs(asked)
                found = [
                    {entry[0]: entry[1] for entry in resource[4]}
                    for answer in answers
                    for resource in answer.resources
                ]
                if all(configs.items() <= one.items() for one in found):
                    return
                await asyncio.sleep(0.05)
        finally:
            await admin.close()

    asyncio.run(run())


def grow(bootstrap: str, topic: str, partitions: int) -> None:
    """Add partitions to a topic."""

    async def run() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.create_partitions({topic: NewPartitions(partitions)})
        finally:
            await admin.close()

    asyncio.run(run())
