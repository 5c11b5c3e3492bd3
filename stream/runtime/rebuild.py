"""``stream worker --rebuild``: throws the state away and lets it be built anew from what the source topics still hold.

For a state that is damaged or lost. Every part is emptied on its own; one that was not finished has no meta row while its offsets are
committed (those that were not are, with the new generation), so that a worker refuses it until the rebuild is begun again:

1. a transaction deletes the part's meta row (and with its id fences whoever had the part);
2. further ones delete its other rows;
3. the last one writes a new meta row, of a new generation and at the beginning of the sources, and sets the offsets back.

Facts are read again, so measures are not said twice: what was published under earlier generations is corrected by higher revisions.
Windows that begin before the oldest event that a truncated source still holds are not built again: their last figures stay.
"""

from collections.abc import Mapping, Sequence

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.structs import OffsetAndMetadata

from stream.core.config import CoreConfig
from stream.core.entity import Kind, kinds
from stream.core.pane import ALERT_KIND
from stream.core.pane import META_KEY as WINDOWS_META_KEY
from stream.core.progress import Progress
from stream.core.record import Flush
from stream.core.tickets_meta import META_KEY, Meta, encode_meta
from stream.core.watermark import NONE_MS
from stream.runtime import clients, generations, topics
from stream.runtime.batches import row_batches
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StartError
from stream.runtime.positions import ROTTEN
from stream.runtime.shell import now_ms
from stream.runtime.topic_specs import specs

log = structlog.get_logger(__name__)

ROWS_AT_ONCE = 20_000

Offsets = Mapping[TopicPartition, int]


async def rebuild(config: RuntimeConfig, core: CoreConfig, shape: Mapping[str, str]) -> int:
    """Empty all parts of all stages; returns the new generation. Raises StartError, also while workers are in the group."""
    if not await clients.has_transactions(config):
        raise StartError("--rebuild needs a broker with transactions; on a volatile one restart the broker")
    admin = clients.admin(config)
    try:
        await admin.start()
        wanted = [spec for spec in specs(core) if spec.kind != "source"]
        await topics.create(admin, wanted, config.replication_factor)
    except KafkaError as exc:
        raise StartError(f"{exc}; run `stream topics create` as a user who may create topics") from exc
    finally:
        await admin.close()
    await generations.alone(config, "--rebuild empties the state")
    generation = await generations.begin(config, core, shape, await _uncommitted(config, core))
    core = msgspec.structs.replace(core, generation=generation)
    consumer = clients.reader(config, committed=True, fetch_max_wait_ms=100)
    try:
        await consumer.start()
        for number in range(core.source_partitions):
            for kind in kinds(core):
                await _facts(config, consumer, core, shape, kind, number)
        for number in range(core.delta_partitions):
            await _windows(config, consumer, core, shape, number)
    finally:
        await consumer.stop()
    return generation


async def _uncommitted(config: RuntimeConfig, core: CoreConfig) -> Offsets:
    """The beginnings of what stages read and of which no offset is committed: it was never read, or that was forgotten."""
    read = {topic for kind in kinds(core) for topic in (*kind.sources(core), *kind.rekeyed(core))}
    tps = [
        TopicPartition(topic, number) for topic in sorted(read) for number in range(core.source_partitions)
    ]
    tps += [TopicPartition(core.topics.deltas, number) for number in range(core.delta_partitions)]
    committed = await clients.committed(config, tps)
    consumer = clients.reader(config, committed=True)
    try:
        await consumer.start()
        begins: Offsets = await consumer.beginning_offsets(tps)
        return {tp: begin for tp, begin in begins.items() if not committed[tp]}
    finally:
        await consumer.stop()


async def _facts(
    config: RuntimeConfig,
    consumer: AIOKafkaConsumer,
    core: CoreConfig,
    shape: Mapping[str, str],
    kind: Kind,
    number: int,
) -> None:
    sources = [TopicPartition(topic, number) for topic in kind.sources(core)]
    begins: Offsets = await consumer.beginning_offsets(sources)
    ends: Offsets = await consumer.end_offsets(sources)
    # What tickets said is said again, all of it.
    rekeyed = [TopicPartition(topic, number) for topic in kind.rekeyed(core)]
    said: Offsets = await consumer.end_offsets(rekeyed) if rekeyed else {}
    lost_ms = max([await _lost_before_ms(consumer, tp, begins[tp], ends[tp]) for tp in sources])
    meta = Meta(
        generation=core.generation,
        positions={tp.topic: offset for tp, offset in {**begins, **said}.items()},
        shape=dict(shape),
        forgotten_ms=lost_ms,
        rebuilt_at={tp.topic: ends[tp] for tp in sources},
    )
    if lost_ms != NONE_MS:
        log.warning("rebuild.sources_truncated", partition=number, oldest_ms=lost_ms)
    row = (META_KEY, encode_meta(meta))
    await _replace(config, consumer, kind.name, kind.changelog(core.topics), number, row, {**begins, **said})


async def _lost_before_ms(consumer: AIOKafkaConsumer, tp: TopicPartition, begin: int, end: int) -> int:
    """The log's time of the oldest event of a topic whose beginning has been deleted; NONE_MS if nothing has."""
    if begin == 0:
        return NONE_MS
    oldest = (await consumer.offsets_for_times({tp: 0})).get(tp) if begin < end else None
    if oldest is None:  # nothing at all is left
        return now_ms()
    timestamp: int = oldest.timestamp
    return timestamp


async def _windows(
    config: RuntimeConfig, consumer: AIOKafkaConsumer, core: CoreConfig, shape: Mapping[str, str], number: int
) -> None:
    deltas = TopicPartition(core.topics.deltas, number)
    ends: Offsets = await consumer.end_offsets([deltas])
    progress = Progress(core)
    progress.positions[deltas.topic] = ends[deltas]
    progress.shape = dict(shape)
    row = (WINDOWS_META_KEY, progress.encode())
    await _replace(config, consumer, "windows", core.topics.windows_changelog, number, row, ends)


async def _replace(
    config: RuntimeConfig,
    consumer: AIOKafkaConsumer,
    stage: str,
    changelog: str,
    number: int,
    meta: tuple[bytes, bytes],
    offsets: Offsets,
) -> None:
    producer = clients.producer(config, f"{config.app_id}-{stage}-{number}")
    try:
        await producer.start()
        keys = await _keys(consumer, TopicPartition(changelog, number))
        keys.discard(meta[0])
        await _write(producer, changelog, number, [(meta[0], None)])
        gone = sorted(key for key in keys if key[:1] != ALERT_KIND or stage != "windows")
        for start in range(0, len(gone), ROWS_AT_ONCE):
            rows = [(key, None) for key in gone[start : start + ROWS_AT_ONCE]]
            await _write(producer, changelog, number, rows)
        async with producer.transaction():
            await _send(producer, changelog, number, [meta])
            told = {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
            await producer.send_offsets_to_transaction(told, config.app_id)
        log.info("rebuild.emptied", part=f"{stage}-{number}", rows=len(gone))
    except CorruptRecordException as exc:
        raise StartError(f"{changelog}[{number}] {ROTTEN}") from exc
    except KafkaError as exc:
        raise StartError(f"{changelog}[{number}] could not be emptied ({exc}): run --rebuild again") from exc
    finally:
        await producer.stop()


async def _keys(consumer: AIOKafkaConsumer, tp: TopicPartition) -> set[bytes]:
    """All keys that still have a row, whatever is in it."""
    keys: set[bytes] = set()
    consumer.assign([tp])
    begin = (await consumer.beginning_offsets([tp]))[tp]
    end = (await consumer.end_offsets([tp]))[tp]
    consumer.seek(tp, begin)
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
            if record.key is not None:
                (keys.discard if record.value is None else keys.add)(record.key)
    return keys


async def _write(
    producer: AIOKafkaProducer, changelog: str, number: int, rows: Sequence[tuple[bytes, bytes | None]]
) -> None:
    async with producer.transaction():
        await _send(producer, changelog, number, rows)


async def _send(
    producer: AIOKafkaProducer, changelog: str, number: int, rows: Sequence[tuple[bytes, bytes | None]]
) -> None:
    await producer.partitions_for(changelog)
    for topic, partition, builder in row_batches(producer, changelog, number, Flush(list(rows), [])):
        await (await producer.send_batch(builder, topic, partition=partition))
