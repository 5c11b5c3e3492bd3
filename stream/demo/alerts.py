"""The alerts topic, followed while the demo runs: what fires between two scrapes is seen as well."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import TopicPartition

from stream.demo.figures import Alert
from stream.runtime import clients
from stream.runtime.config import RuntimeConfig

_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def follow_alerts(config: RuntimeConfig, topic: str, show: Callable[[Alert], None]) -> None:
    """Hand every alert event to ``show``, until cancelled. Raises KafkaError."""
    consumer = clients.reader(config, committed=False)
    try:
        await consumer.start()
        await consumer.topics()  # a consumer without a group or a subscription asks for no topic by itself
        partitions = consumer.partitions_for_topic(topic) or set()
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        async for record in consumer:
            if record.value is not None:
                show(_alert(_decode(record.value)))
    finally:
        await consumer.stop()


def _alert(event: dict[str, Any]) -> Alert:
    data = event["data"]
    return Alert(
        at=str(data["since"]),
        rule=str(data["rule"]),
        tenant=str(data["segment"]["tenant"]),
        state=str(data["state"]),
        value=data["value"],
        n=int(data["n"]),
        threshold=float(data["threshold"]),
    )
