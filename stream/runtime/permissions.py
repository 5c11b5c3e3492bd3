"""What this user may do on the brokers, tried before a worker joins: later a missing permission shows itself in riddles.

Reading is tried by a fetch at the end. Writing is tried by a transaction that names every topic and is aborted: no record is written.
Joining is tried by a heartbeat of a member that there is not, which asks for the same permission and troubles nobody.
"""

import asyncio
import random
from collections.abc import Collection

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.core.config import CoreConfig
from stream.runtime import clients, upstream
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StartError
from stream.runtime.topic_specs import specs

log = structlog.get_logger(__name__)

ATTEMPTS = 10

FETCH_MS = 50
"""How long a broker may wait for records before it answers a fetch; one that refuses answers at once."""


async def check(config: RuntimeConfig, core: CoreConfig) -> None:
    """Raise StartError for the first thing that is not allowed."""
    wanted = specs(core)
    read = [spec.name for spec in wanted if spec.kind != "output"]
    written = [spec.name for spec in wanted if spec.kind != "source"]
    await asyncio.gather(_may_read(config, read), _may_write(config, written), _may_join(config))


async def _may_read(config: RuntimeConfig, topics: Collection[str]) -> None:
    tps = [TopicPartition(topic, 0) for topic in topics]
    consumer = clients.reader(config, committed=True, fetch_max_wait_ms=FETCH_MS)
    try:
        await consumer.start()
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        for tp, end in ends.items():
            consumer.seek(tp, end)
        async with asyncio.timeout(config.request_timeout_ms / 1000):
            while any(consumer.highwater(tp) is None for tp in tps):  # a fetch that was answered tells it
                await consumer.getmany(timeout_ms=FETCH_MS)
    except TimeoutError:  # slow brokers are not this module's trouble
        log.info("permissions.untried", what="reading")
    except clients.NOT_ALLOWED as exc:
        raise StartError(clients.not_allowed("read", exc)) from exc
    finally:
        await consumer.stop()


async def _may_write(config: RuntimeConfig, topics: Collection[str]) -> None:
    """Workers that start at once fence each other here, as all of them use one id; one of them gets through, and then the next."""
    for _ in range(ATTEMPTS):
        producer = clients.producer(config, f"{config.app_id}-probe")
        try:
            await producer.start()
            await upstream.try_writing(producer, [TopicPartition(topic, 0) for topic in topics])
        except clients.NOT_ALLOWED as exc:
            raise StartError(clients.not_allowed("write", exc)) from exc
        except KafkaError:  # being fenced has several faces
            await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - workers that were started at once part ways
        else:
            return
        finally:
            await producer.stop()
    log.info("permissions.untried", what="writing", attempts=ATTEMPTS)


async def _may_join(config: RuntimeConfig) -> None:
    admin = clients.admin(config)
    try:
        await admin.start()
        for _ in range(ATTEMPTS):
            try:
                await upstream.try_joining(admin, config.app_id)
            except clients.NOT_ALLOWED as exc:
                raise StartError(clients.not_allowed("join the group", exc)) from exc
            except KafkaError:  # a cluster's first group waits for its topic
                await asyncio.sleep(0.3)
            else:
                return
    finally:
        await admin.close()
    log.info("permissions.untried", what="joining", attempts=ATTEMPTS)
