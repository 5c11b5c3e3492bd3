"""What the demo runs on: an embedded broker, its topics, a producer and a worker, ended in the opposite order."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import for_code

from stream.core.config import CoreConfig
from stream.core.topics import Topics
from stream.demo.worker import APP_ID, DELTA_PARTITIONS, PARTITIONS, DemoError, Worker, temporary_folder
from stream.runtime import clients
from stream.runtime.config import RuntimeConfig
from stream.runtime.embedded import EmbeddedBroker
from stream.runtime.errors import StartError
from stream.runtime.topic_specs import specs

TOPICS = Topics(app_id=APP_ID)


class Stack(NamedTuple):
    """Everything that runs while the demo runs."""

    config: RuntimeConfig
    producer: AIOKafkaProducer
    worker: Worker


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[Stack]:
    """Start everything and wait for the worker to be ready; end everything, whatever happens. Raises DemoError."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what goes wrong is told by the worker or by us
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(temporary_folder()))
        broker = EmbeddedBroker()
        stack.push_async_callback(_to_its_end, broker.stop)
        try:
            await _to_its_end(broker.start)
        except StartError as exc:
            raise DemoError(str(exc)) from exc
        config = RuntimeConfig(brokers=(broker.address,), app_id=APP_ID)
        await _create_topics(config)
        worker = Worker(broker.address, folder)
        stack.push_async_callback(_to_its_end, worker.stop)
        producer = clients.producer(config, idempotent=False)
        stack.push_async_callback(producer.stop)
        await producer.start()
        try:
            await worker.ready()
        except TimeoutError as exc:
            raise DemoError("the worker did not become ready") from exc
        yield Stack(config, producer, worker)


async def _to_its_end(work: Callable[[], None]) -> None:
    """Run in a thread; an interruption waits for it, so that nothing is started while it is being ended."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    interrupted = False
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            interrupted = True
    running.result()
    if interrupted:
        raise asyncio.CancelledError


async def _create_topics(config: RuntimeConfig) -> None:
    core = CoreConfig(topics=TOPICS, source_partitions=PARTITIONS, delta_partitions=DELTA_PARTITIONS)
    admin = clients.admin(config)
    try:
        await admin.start()
        # Without looking first: the embedded broker creates what is asked after, with a partition count of its own.
        response = await admin.create_topics(
            [NewTopic(spec.name, spec.partitions, 1) for spec in specs(core)]
        )
    finally:
        await admin.close()
    for name, code, *_ in response.topic_errors:
        if code:
            raise DemoError(f"the embedded broker did not create topic {name}: {for_code(code).__name__}")
