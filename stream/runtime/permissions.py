"""What this user may do on the brokers, tried before a worker joins: later a missing permission shows itself in riddles.

Reading is tried by a fetch that waits for nothing. Writing is tried by a transaction that names every topic and is aborted: no record
is written.
"""

import asyncio
from collections.abc import Collection

from aiokafka import TopicPartition

from stream.core.config import CoreConfig
from stream.runtime import clients, upstream
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StartError
from stream.runtime.topics import specs

FETCH_MS = 150
"""How long the answer to a fetch is waited for; one that refuses comes at once."""


async def check(config: RuntimeConfig, core: CoreConfig) -> None:
    """Raise StartError for the first thing that is not allowed."""
    wanted = specs(core)
    read = [spec.name for spec in wanted if spec.kind != "output"]
    written = [spec.name for spec in wanted if spec.kind != "source"]
    await asyncio.gather(_may_read(config, read), _may_write(config, written))


async def _may_read(config: RuntimeConfig, topics: Collection[str]) -> None:
    tps = [TopicPartition(topic, 0) for topic in topics]
    consumer = clients.reader(config, committed=True, fetch_max_wait_ms=FETCH_MS // 3)
    try:
        await consumer.start()
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        for tp, end in ends.items():
            consumer.seek(tp, end)
        await consumer.getmany(timeout_ms=FETCH_MS)
    except clients.NOT_ALLOWED as exc:
        raise StartError(clients.not_allowed("read", exc)) from exc
    finally:
        await consumer.stop()


async def _may_write(config: RuntimeConfig, topics: Collection[str]) -> None:
    producer = clients.producer(config, f"{config.app_id}-probe")
    try:
        await producer.start()
        await upstream.try_writing(producer, [TopicPartition(topic, 0) for topic in topics])
    except clients.NOT_ALLOWED as exc:
        raise StartError(clients.not_allowed("write", exc)) from exc
    finally:
        await producer.stop()
