"""The ceiling: fetch everything with aiokafka and parse it with orjson, nothing else. ``python -m tests.bench.raw BROKERS TOPIC...``"""

import asyncio
import sys
from collections.abc import Sequence

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer


async def read(brokers: str, topics: Sequence[str]) -> int:
    """Events in the topics."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=brokers,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 2**20,
        check_crcs=False,
    )
    await consumer.start()
    try:
        left = sum((await consumer.end_offsets(consumer.assignment())).values())
        events = 0
        loads = orjson.loads
        while events < left:
            for records in (await consumer.getmany(timeout_ms=500, max_records=20_000)).values():
                for record in records:
                    loads(record.value)
                events += len(records)
        return events
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    print(asyncio.run(read(sys.argv[1], sys.argv[2:])))
