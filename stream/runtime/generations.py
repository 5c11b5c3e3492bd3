"""Which generation a worker is of: agreed on in one topic, before the worker joins the group.

A record per generation, ``{"generation": 3, "shape": {setting: value}, "topics": [name]}``, the number as its key. Numbers only grow, so
going back to earlier settings is a new generation, too. Two workers that start at once agree because a record is written in a
transaction whose id fences the other one: who is fenced reads again.

``topics`` are the internal topics that the generation keeps its state in. The same transaction puts a mark (a tombstone of a key that
nobody has) into each of their changelogs that is still empty. So a changelog that a generation names is never empty again, whether
anybody has committed or not: where one is missing or empty, it was deleted (:func:`promised`, :mod:`stream.runtime.topics`).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from stream.core.config import CoreConfig
from stream.core.state_shape import ShapeChangedError, check_counts, differences
from stream.runtime import clients
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StartError
from stream.runtime.topic_specs import specs

log = structlog.get_logger(__name__)

ATTEMPTS = 20
POLL_SECONDS = 0.5

MARK_KEY = b"\0mark"
NO_OFFSETS: Mapping[TopicPartition, int] = {}


class Generation(NamedTuple):
    """A number and the settings that it stands for."""

    number: int
    shape: Mapping[str, str]
    topics: tuple[str, ...] = ()
    """Internal topics, of which the changelogs hold something; none where an earlier version, or a volatile broker, wrote it."""


class _Record(msgspec.Struct):
    generation: int
    shape: dict[str, str]
    topics: tuple[str, ...] = ()


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(_Record).decode


async def agree(config: RuntimeConfig, core: CoreConfig, shape: Mapping[str, str], *, volatile: bool) -> int:
    """The generation of these settings: the newest one if it has them, else a new one, which is written.

    Raises StartError where the settings cannot be taken over: another number of partitions, or those of an earlier generation while
    workers of a later one are at work.
    """
    waited_until: float | None = None
    why: str | None = None
    for _ in range(ATTEMPTS):
        known = await _read(config, core, volatile=volatile)
        newest = max(known, default=None, key=lambda one: one.number)
        if newest is not None:
            if newest.shape == shape:
                return newest.number
            _check_counts(newest, shape)
            if any(one.shape == shape for one in known) and not volatile:
                if waited_until is None:  # what was killed a moment ago is still a member
                    waited_until = time.monotonic() + _patience(config)
                await _wait_alone(config, newest, shape, waited_until)
        number = 1 if newest is None else newest.number + 1
        new = Generation(number, shape, () if volatile else _internal(core))
        why = await _write(config, core, new, known, volatile=volatile)
        if why is None:
            if newest is not None:
                changes = differences(newest.shape, shape)
                log.warning("generation.new", generation=number, changes=changes)
            return number
    raise StartError(
        f"no generation could be agreed on in topic {core.topics.generations} ({why}): start again"
    )


async def begin(
    config: RuntimeConfig, core: CoreConfig, shape: Mapping[str, str], offsets: Mapping[TopicPartition, int]
) -> int:
    """Write a new generation, even of the settings that the newest one has, and commit the workers' offsets. Raises StartError."""
    why: str | None = None
    for _ in range(ATTEMPTS):
        known = await _read(config, core, volatile=False)
        number = max((one.number for one in known), default=0) + 1
        new = Generation(number, shape, _internal(core))
        why = await _write(config, core, new, known, offsets, volatile=False)
        if why is None:
            return number
    raise StartError(f"no generation could be begun in topic {core.topics.generations} ({why}): start again")


async def promised(config: RuntimeConfig, core: CoreConfig, *, volatile: bool) -> dict[str, int]:
    """Internal topic -> the last generation that keeps its state there; the generations topic has to exist."""
    try:
        known = await _read(config, core, volatile=volatile)
    except clients.NOT_ALLOWED:  # which has a line of its own, once topics are there
        return {}
    return {name: one.number for one in sorted(known, key=lambda one: one.number) for name in one.topics}


def _internal(core: CoreConfig) -> tuple[str, ...]:
    return tuple(
        spec.name for spec in specs(core) if spec.kind == "internal" and spec.name != core.topics.generations
    )


async def alone(config: RuntimeConfig, why: str) -> None:
    """Raise StartError while workers are in the group; one that was killed a moment ago is waited for."""
    until = time.monotonic() + _patience(config)
    while members := await _members(config):
        if time.monotonic() >= until:
            raise StartError(f"{why}, but {members} workers of {config.app_id} are at work: stop them first")
        await asyncio.sleep(POLL_SECONDS)


def _patience(config: RuntimeConfig) -> float:
    """Seconds after which a worker that was killed is surely no member any more."""
    return 1.5 * config.session_timeout_ms / 1000 + 2


def _check_counts(newest: Generation, shape: Mapping[str, str]) -> None:
    try:
        check_counts(newest.shape, shape, "the state")
    except ShapeChangedError as exc:
        raise StartError(str(exc)) from exc


async def _wait_alone(
    config: RuntimeConfig, newest: Generation, shape: Mapping[str, str], until: float
) -> None:
    """Settings of the past are an old worker's in a rolling upgrade, unless nobody else is there: then it is meant."""
    while members := await _members(config):
        if time.monotonic() >= until:
            raise StartError(
                f"{members} workers of {config.app_id} are at work with generation {newest.number}, and this worker has the settings "
                f"of an earlier one ({differences(newest.shape, shape)}): upgrade this worker, or stop all others to go back"
            )
        await asyncio.sleep(POLL_SECONDS)


async def _members(config: RuntimeConfig) -> int:
    admin = clients.admin(config)
    try:
        await admin.start()
        responses = await admin.describe_consumer_groups([config.app_id])
    finally:
        await admin.close()
    return sum(len(group[5]) for response in responses for group in response.groups)


async def _read(config: RuntimeConfig, core: CoreConfig, *, volatile: bool) -> list[Generation]:
    topic = core.topics.generations
    tp = TopicPartition(topic, 0)
    found: list[Generation] = []
    consumer = clients.reader(config, committed=not volatile, fetch_max_wait_ms=10)
    try:
        await consumer.start()
        consumer.assign([tp])
        begin = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.seek(tp, begin)
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    try:
                        kept = _decode(record.value or b"")
                    except ValueError as exc:
                        raise StartError(
                            f"topic {topic} offset {record.offset} is not readable ({exc}): something else writes there; "
                            "start over with a new STREAM_APP_ID"
                        ) from exc
                    found.append(Generation(kept.generation, kept.shape, kept.topics))
    finally:
        await consumer.stop()
    return found


async def _write(
    config: RuntimeConfig,
    core: CoreConfig,
    new: Generation,
    known: list[Generation],
    offsets: Mapping[TopicPartition, int] = NO_OFFSETS,
    *,
    volatile: bool,
) -> str | None:
    """Write a generation unless another was written since ``known``. None: it is written; else why to read again."""
    topic = core.topics.generations
    key = b"%d" % new.number
    value = _encode(_Record(new.number, dict(new.shape), new.topics))
    if volatile:
        plain = clients.producer(config, idempotent=False)
        try:
            await plain.start()
            await plain.send_and_wait(topic, value, key, partition=0)
        finally:
            await plain.stop()
        return None
    unmarked = await _unmarked(config, core, known)
    producer = clients.producer(config, f"{config.app_id}-generations")
    try:
        await producer.start()  # from here on nobody who began before can write
        if await _read(config, core, volatile=False) != known:
            return "others keep writing there"
        async with producer.transaction():
            for changelog in unmarked:
                await producer.send_and_wait(changelog, None, MARK_KEY, partition=0)
            await producer.send_and_wait(topic, value, key, partition=0)
            if offsets:
                told = {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
                await producer.send_offsets_to_transaction(told, config.app_id)
    except clients.NOT_ALLOWED as exc:
        raise StartError(f"topic {topic} cannot be written ({exc}); allow it to this user") from exc
    except KafkaError as exc:
        # Being fenced has several faces, depending on how far the transaction was; whether it was written shows the next reading.
        if not isinstance(exc, ProducerFenced):
            log.info("generation.again", error=repr(exc))
            await asyncio.sleep(POLL_SECONDS)
        return str(exc)
    finally:
        await producer.stop()
    return None


async def _unmarked(config: RuntimeConfig, core: CoreConfig, known: Sequence[Generation]) -> set[str]:
    """Changelogs that nobody has a part of yet: they are empty, and no generation names them."""
    named = {name for one in known for name in one.topics}
    new = {
        spec.name: spec.partitions
        for spec in specs(core)
        if spec.name.endswith("-changelog") and spec.name not in named
    }
    return new.keys() - await clients.with_records(config, new)
