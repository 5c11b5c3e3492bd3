"""Workers that start at once agree on one generation, however their transactions cut each other off."""

import asyncio

import pytest

from stream.core.config import CoreConfig
from stream.core.topics import Topics
from stream.runtime import generations
from stream.runtime.config import RuntimeConfig
from stream.runtime.topic_specs import specs
from tests.support import topics as kafka_topics
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

WORKERS = 5
ROUNDS = 4


def test_all_get_the_same_number_and_each_change_raises_it_by_one(kafka: Kafka) -> None:
    core = CoreConfig(topics=Topics(prefix="agreement.", app_id="agreement"))
    config = RuntimeConfig(brokers=(kafka.bootstrap,), app_id="agreement")
    kafka_topics.create(
        kafka.bootstrap, {spec.name: spec.partitions for spec in specs(core) if spec.kind == "internal"}
    )

    async def start_at_once(shape: dict[str, str]) -> list[int]:
        agreed = [generations.agree(config, core, shape, volatile=False) for _ in range(WORKERS)]
        return await asyncio.gather(*agreed)

    for number in range(1, ROUNDS + 1):
        shape = {
            "STREAM_GROUPINGS": f"all;{number}",
            "STREAM_PARTITIONS": "4",
            "STREAM_DELTA_PARTITIONS": "3",
        }
        assert asyncio.run(start_at_once(shape)) == [number] * WORKERS
