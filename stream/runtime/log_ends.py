"""How many records wait, asked beside the fetches: of what a fetch has not answered yet nothing is known from fetches."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaTopicPartition
from aiokafka.errors import KafkaError

from stream.runtime import clients
from stream.runtime.config import RuntimeConfig
from stream.runtime.positions import TopicPartition, gone, shorter

ASK_SECONDS: Final = 1.0
"""Between an answer and the next question."""

ANSWER_SECONDS: Final = 5.0
"""The client goes on asking for a topic that is not there; whether it is the next question says."""

SURE: Final = 3
"""A leader that has just been elected may not know yet how far the log goes."""

STOP_SECONDS: Final = 2.0


async def watch(
    config: RuntimeConfig,
    positions: Callable[[], Mapping[TopicPartition, int]],
    waiting: dict[TopicPartition, int],
    fail: Callable[[BaseException], None],
    *,
    committed: bool,
) -> None:
    """Keep in ``waiting`` how many records were before the positions when the brokers last said where the logs end; until cancelled.

    A log that ends before the position is another one under the same name: its records would be taken for those that were read, so that
    ``fail`` is called with a StateError when it is seen :data:`SURE` times in a row; so for a topic that is not there any more. Not where
    there are no transactions (``committed``): such a broker tells of the last batches late.

    Ends are those that a reader of that isolation sees. By a client of its own: on the connection of the fetches a question would wait
    behind them. While brokers do not answer what was found last stands.
    """
    consumer: AIOKafkaConsumer | None = None
    seen_shorter: Counter[TopicPartition] = Counter()
    seen_gone: Counter[str] = Counter()
    try:
        while True:
            await asyncio.sleep(ASK_SECONDS)
            before = positions()
            asked = [KafkaTopicPartition(*tp) for tp in before]
            if not asked:
                continue
            try:
                if consumer is None:
                    consumer = await _started(clients.reader(config, committed=committed))
                found = await asyncio.wait_for(consumer.end_offsets(asked), ANSWER_SECONDS)
            except (KafkaError, OSError, TimeoutError):  # the readiness says why
                for topic in await _gone(consumer, {tp.topic for tp in asked}):
                    seen_gone[topic] += 1
                    if seen_gone[topic] == SURE:
                        fail(gone(topic))
                continue
            seen_gone.clear()
            now = positions()
            for (topic, partition), end in found.items():
                tp = topic, partition
                if not committed or end >= before[tp] or tp not in now:
                    del seen_shorter[tp]
                    continue
                seen_shorter[tp] += 1
                if seen_shorter[tp] == SURE:
                    fail(shorter(tp, before[tp], end))
            waiting.clear()
            waiting.update(
                {
                    (tp.topic, tp.partition): max(0, end - now[tp.topic, tp.partition])
                    for tp, end in found.items()
                    if (tp.topic, tp.partition) in now
                }
            )
    finally:
        if consumer is not None:
            await _stop(consumer)


async def _gone(consumer: AIOKafkaConsumer | None, names: set[str]) -> set[str]:
    """Those that the brokers do not have; none where they do not answer, or know of no topic at all."""
    try:
        there = await asyncio.wait_for(consumer.topics(), ANSWER_SECONDS) if consumer is not None else None
    except (KafkaError, OSError, TimeoutError):
        return set()
    return names - there if there else set()


async def _started(consumer: AIOKafkaConsumer) -> AIOKafkaConsumer:
    try:
        await consumer.start()
    except BaseException:
        # Cancelled, too: a client that was started must be stopped, and the error goes on.
        await _stop(consumer)
        raise
    return consumer


async def _stop(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(consumer.stop(), STOP_SECONDS)
