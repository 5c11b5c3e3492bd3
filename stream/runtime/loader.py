"""The loader of state: changelog partitions into the shards' rows, raw bytes, as fast as they can be read.

Faust's own recovery never ends on a transactional changelog (its last offset is a marker) and needs some 30 times as long.
"""

import ctypes
from collections.abc import Callable, Collection

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException

from stream.runtime import clients
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StateError
from stream.runtime.positions import REBUILD, ROTTEN
from stream.runtime.stage import Part

Progress = Callable[[int, int], None]
"""Changelog records read, and how many offsets there are to read."""


async def load(
    config: RuntimeConfig, parts: Collection[Part], *, committed: bool, progress: Progress
) -> None:
    """Fill the rows of new parts up to the ends that their changelogs have now."""
    if not parts:
        return
    part_of = {TopicPartition(part.spec.changelog, part.number): part for part in parts}
    tps = list(part_of)
    consumer = clients.reader(
        config,
        committed=committed,
        max_partition_fetch_bytes=2**20,
        fetch_max_bytes=64 * 2**20,
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        consumer.assign(tps)
        begins = await consumer.beginning_offsets(tps)
        ends = await clients.ends(config, tps, committed=committed)
        for tp in tps:
            consumer.seek(tp, begins[tp])
        expected = sum(ends[tp] - begins[tp] for tp in tps)
        read = 0
        progress(read, expected)
        waiting = {tp for tp in tps if ends[tp] > begins[tp]}
        while waiting:
            for tp, records in (await consumer.getmany(timeout_ms=200, max_records=20_000)).items():
                rows = part_of[tp].shard.rows
                for record in records:
                    if record.value is None:
                        rows.pop(record.key, None)
                    else:
                        rows[record.key] = record.value
                read += len(records)
            progress(read, expected)
            for tp in [tp for tp in waiting if await consumer.position(tp) >= ends[tp]]:
                waiting.discard(tp)
                consumer.pause(tp)
    except CorruptRecordException as exc:
        names = ", ".join(sorted({tp.topic for tp in tps}))
        raise StateError(f"one of {names} {ROTTEN} ({exc})") from exc
    finally:
        await consumer.stop()
    for tp, part in part_of.items():
        if (
            begins[tp] > 0 and not part.shard.rows
        ):  # compaction leaves the beginning where it is, and a part's own row
            raise StateError(
                f"{tp.topic}[{tp.partition}] begins at offset {begins[tp]} and holds no rows: its records were deleted. Restore them, "
                f"or {REBUILD}"
            )
    _give_back()


def _give_back() -> None:
    """Return the megabytes that held what was fetched to the system: the C library keeps them, and nothing needs them again."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
