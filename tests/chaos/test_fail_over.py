"""Three brokers, three copies: the transactions' coordinator dies, then each of them, whatever it leads, one after the other."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream.core.config import CoreConfig
from stream.core.topics import Topics
from stream.runtime import topics
from stream.runtime.topic_specs import specs
from tests.chaos.outages import fail_over
from tests.support.kafka import Kafka

OF_THE_TOPIC = 1
"""Where a broker says that a setting comes from: the topic itself, not what its brokers have for all."""


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_each_of_three_brokers_dies_and_comes_back(tmp_path: Path) -> None:
    with Kafka(3) as kafka:
        told = asyncio.run(_in_sync(kafka.bootstrap))
        assert set(told) == {(topics.IN_SYNC, "2", OF_THE_TOPIC)}, told
        outcome = fail_over(kafka, tmp_path, 1, ["coordinator", "each"], 3.0)
    print(outcome)
    assert not outcome.report.problems, str(outcome)


async def _in_sync(bootstrap: str) -> list[tuple[str, str, int]]:
    """How many copies must have what a topic takes, and who says so, of topics made with three of them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        made = await topics.create(
            admin, specs(CoreConfig(topics=Topics(prefix="copies.", app_id="copies"))), 3
        )
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in made]
        for _ in range(100):
            resources = [one for answer in await admin.describe_configs(asked) for one in answer.resources]
            if all(code == 0 for code, *_ in resources):
                break
            await asyncio.sleep(0.1)  # not every broker knows of them at once
        entries = [entry for resource in resources for entry in resource[4]]
        return [(name, value, source) for name, value, _, source, *_ in entries if name == topics.IN_SYNC]
    finally:
        await admin.close()
