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
from stream.runtime.positions import TopicPartition, shorter

ASK_SECONDS: Final = 1.0
"""Between an answer and the next question."""

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
    ``fail`` is called with a StateError when it is seen :data:`SURE` times in a row.

    Ends are those that a reader of that isolation sees. By a client of its own: on the connection of the fetches a question would wait
    behind them. While brokers do not answer what was found last stands.
    """
    consumer: AIOKafkaConsumer | None = None
    seen_shorter: Counter[TopicPartition] = Counter()
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
                found = await consumer.end_offsets(asked)
            except (KafkaError, OSError, TimeoutError):
                continue  # the readiness says why
            now = positions()
            for (topic, partition), end in found.items():
                tp = topic, partition
                if end >= before[tp] or tp not in now:
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
