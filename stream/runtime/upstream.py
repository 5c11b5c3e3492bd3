"""Everything that overrides or reads names of Faust and aiokafka that are not theirs to give away; the group's member is in ``member``.

Nothing outside these two modules touches such names; ``stands_against`` lists them with reasons, and a test fails when they change.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer import fetcher
from aiokafka.errors import IllegalStateError, NoError, UnknownMemberIdError, for_code
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.structs import OffsetAndMetadata
from faust.app.base import BootStrategy
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from stream.runtime import clients
from stream.runtime.guard import Fetched, Seek
from stream.runtime.member import ConsumerThread
from stream.runtime.positions import Offsets, check_count
from stream.runtime.shell import Shell

NEVER_SECONDS = 10 * 365 * 86_400.0

NOBODY = "nobody"
"""A member that no group has: brokers name members themselves, longer."""

WAIT_SECONDS = 0.02
"""Between two looks at whether partitions have been assigned."""

LOST_SECONDS = 5.0
"""A batch that was handed over and is not applied after this time is taken for lost; a batch waits a second or so at most."""


def _fetched_range(self: Any, max_records: int | None = None) -> list[Any]:
    """As ``FetchResult.getall``, and say which range of the log the records stand for."""
    if not self.check_assignment(self._topic_partition) or not self.has_more():
        return []
    records = self._partition_records
    fetched = Fetched(records.next_fetch_offset)
    for record in records:
        fetched.append(record)
        if max_records is not None and len(fetched) >= max_records:
            self._update_position()
            break
    else:
        self._update_position()
        self._partition_records = None
    fetched.end = records.next_fetch_offset
    return fetched


class App(faust.App):
    """A Faust app that belongs to a shell."""

    shell: Shell
    first_topics: frozenset[str]

    def _create_directories(self) -> None:
        """Nothing of ours is on disk."""

    @property
    def batches(self) -> "Consumer":
        """The consumer; it is created at the first use."""
        consumer: Any = self.consumer
        return cast("Consumer", consumer)

    def end_of(self, topic: str, partition: int) -> int | None:
        """The end of the log as the last fetch knew it; None before the first."""
        return self.batches.end_of(topic, partition)

    async def commit_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets through the group, for brokers without transactions."""
        await self.batches.commit_offsets(offsets)

    def heartbeat_at(self) -> float | None:
        """Monotonic time of the last heartbeat that the group answered."""
        return self.batches.heartbeat_at

    def gave_up(self) -> BaseException | None:
        """What made a service of Faust or the consumer group's member give up, None while none has."""
        return self.crash_reason or self.batches.error


class Boot(BootStrategy):
    """Without Faust's own producer (the checkpoint has its own) and web server."""

    enable_kafka_producer = False
    enable_web = False


class Consumer(driver.Consumer):
    """Hands over one message per fetched range, and leaves acknowledgements, commits and positions to the shell."""

    app: App
    _thread: ConsumerThread

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._handed: dict[TP, tuple[int, float]] = {}
        """Where the last batch of each partition ended, and when it was handed over."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - the signature is theirs
    ) -> Mapping[TP, list[Fetched]]:
        await self._fetch_lost_again()
        asked_at = time.monotonic()
        fetched: Mapping[TP, Any] = await super()._getmany(active_partitions, timeout)
        for tp, batch in fetched.items():
            batch.fetched_at = asked_at
            self._handed[tp] = batch.end, asked_at
        return {tp: [batch] for tp, batch in fetched.items()}

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - the signature is theirs
        """Without the second of sleep when nothing is assigned yet: it would be part of every hand-over."""
        while not self.should_stop and not (self.flow_active and self._get_active_partitions()):
            await self.sleep(WAIT_SECONDS)
        return await super()._wait_next_records(timeout)

    async def _fetch_lost_again(self) -> None:
        """The guard notices a lost batch by the next one. Where none follows, nothing would, and the partition would stand still."""
        if not self.app.shell.flowing:
            return
        now = time.monotonic()
        for tp, (end, handed_at) in list(self._handed.items()):
            if now - handed_at > LOST_SECONDS:
                del self._handed[tp]
                position = self._applied(tp)
                if position is not None and position < end:
                    with contextlib.suppress(IllegalStateError):  # it is leaving just now
                        await self.seek(tp, position)

    def _applied(self, tp: TP) -> int | None:
        for part in self.app.shell.parts.values():
            if part.number == tp.partition and tp.topic in part.positions:
                return part.positions[tp.topic]
        return None

    def _to_message(self, tp: TP, record: Fetched) -> Any:
        generation = self.app.consumer_generation_id
        message: Any = ConsumerMessage  # it would have bytes where a range is
        return message(
            tp.topic,
            tp.partition,
            record.end - 1,
            0.0,
            0,
            (),
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """The guard knows better."""

    def ack(self, message: Any) -> bool:
        """Nothing to keep: positions move when a batch is applied."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit everything through the shell: Faust calls this before partitions leave and when it stops."""
        await self.app.shell.commit()
        return True

    async def wait_empty(self) -> None:
        """A batch is applied synchronously, so nothing is ever half done at an await."""
        await self.app.shell.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop the clock of the shell; what was applied is committed by the inherited steps."""
        self.app.shell.leave()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Go to where the state says, not to where the group's offsets say."""
        assigned = [(tp.topic, tp.partition) for tp in self.assignment()]
        positions = await self.app.shell.resume(assigned, self._ask_offsets)
        for (topic, partition), position in positions.items():
            await self.seek(TP(topic, partition), position)

    async def _seek(self, partition: TP, offset: int) -> None:
        """On the consumer's own thread: there fetched records are handed out without a lock."""
        await self._thread.call_thread(_seek, self._thread._consumer, partition, offset)

    async def _ask_offsets(self, unknown: Collection[tuple[str, int]]) -> dict[tuple[str, int], Offsets]:
        tps = [TopicPartition(topic, partition) for topic, partition in unknown]
        committed, begins, ends = await asyncio.gather(
            self._thread.call_thread(_committed, self._thread._consumer, tps),
            self.earliest_offsets(*tps),
            self._ends(tps),
        )
        return {(tp.topic, tp.partition): Offsets(committed[tp], begins[tp], ends[tp]) for tp in tps}

    async def _ends(self, tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        config = self.app.shell.config
        if config.allow_volatile:
            return await clients.ends(config, tps, committed=False)
        found: Mapping[TopicPartition, int] = await self.highwaters(*tps)
        return found

    async def commit_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets through the group, for brokers without transactions."""
        named = {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
        if not named:  # time alone changed something: rows without positions
            return
        await self._thread.call_thread(self._thread._consumer.commit, named)

    def end_of(self, topic: str, partition: int) -> int | None:
        """The end of the log as the last fetch knew it; None before the first."""
        consumer = self._thread._consumer
        tp = TopicPartition(topic, partition)
        if consumer is None or tp not in consumer.assignment():
            return None
        committed_reads = self.app.shell.checkpoint.committed_reads
        end: int | None = consumer.last_stable_offset(tp) if committed_reads else consumer.highwater(tp)
        return end

    def check_counts(self) -> None:
        """Raises StateError where a source has other partitions than when this worker was started."""
        consumer = self._thread._consumer
        for spec in self.app.shell.specs:
            for topic in spec.sources:
                check_count(topic, len(consumer.partitions_for_topic(topic) or ()), spec.partitions)

    @property
    def heartbeat_at(self) -> float | None:
        """Monotonic time of the last heartbeat that the group answered."""
        return self._thread.heartbeat_at

    @property
    def error(self) -> Exception | None:
        """Why the group cannot be joined, None while it can."""
        return self._thread.error


async def _seek(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> None:
    consumer.seek(tp, offset)


async def _committed(
    consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition]
) -> dict[TopicPartition, int | None]:
    return {tp: await consumer.committed(tp) for tp in tps}


class Transport(driver.Transport):
    """Faust's Kafka transport with the consumer above."""

    Consumer = Consumer


class ShellRecovery(Recovery):
    """Faust decides when state is recovered; the shell does it."""

    app: App

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ASYNC109 - the signature is theirs
        """Without the time-out, which looks like "stopped" and ends recovery for good."""
        await super()._wait(coro)

    async def _build_highwaters(self, consumer: Any, tps: set[TP], destination: Any, title: str) -> None:
        destination.clear()
        if title == "active":
            try:
                self.app.batches.check_counts()
                assigned = [(tp.topic, tp.partition) for tp in tps]
                await self.app.shell.take_over(assigned, self.app.consumer_generation_id)
            except Exception as exc:  # Faust would only log it and go on without rows
                self.app.shell.fail(exc)
                await self.wait_until_stopped()

    async def _build_offsets(self, consumer: Any, tps: set[TP], destination: Any, title: str) -> None:
        """The loader has read everything."""

    async def _seek_offsets(self, consumer: Any, tps: set[TP], offsets: Any, title: str) -> None:
        """Changelogs are never read by the group's consumer."""

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Seek and let batches flow, unless the next rebalance has begun already."""
        shell: Shell = self.app.shell
        try:
            await super().on_recovery_completed(generation_id)
        except IllegalStateError:  # what was assigned has moved meanwhile: the next rebalance is on its way
            raise
        except Exception as exc:
            if self.signal_recovery_start.is_set() or self.should_stop:
                raise
            shell.fail(exc)
            await self.wait_until_stopped()
        if generation_id == self.app.consumer_generation_id and generation_id == shell.generation:
            shell.flow()


class ShellTables(TableManager):
    """Faust's tables with the recovery above."""

    async def on_start(self) -> None:
        """Without the second in which more tables could be named: all are, before the app starts."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        """The one recovery service."""
        if self._recovery is None:
            self._recovery = ShellRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class BatchSchema(faust.Schema[None, Any]):
    """Hands ranges of raw records through: decoding is the shard's work."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        """A range has no key."""

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Fetched:
        """The range itself."""
        fetched: Fetched = message.value
        return fetched


async def try_writing(producer: AIOKafkaProducer, tps: Collection[TopicPartition]) -> None:
    """Add partitions to a transaction and abort it: nothing is written. Raises what the brokers refuse."""
    await producer.begin_transaction()
    for tp in tps:
        producer._txn_manager.maybe_add_partition_to_txn(tp)
    await producer.abort_transaction()


async def try_joining(admin: AIOKafkaAdminClient, group: str) -> None:
    """Send a heartbeat for a member that there is not. Raises what the brokers refuse, but that they do not know the member."""
    coordinator = await admin.find_coordinator(group)
    answer: Any = await admin._send_request_to_node(coordinator, HeartbeatRequest(group, -1, NOBODY))
    error = for_code(answer.error_code)
    if error not in {NoError, UnknownMemberIdError}:
        raise error(group)


def build_app(shell: Shell, first_topics: Iterable[str] = ()) -> App:
    """The Faust app: one agent and one table per stage. ``first_topics`` are polled before the others."""
    fetcher.FetchResult.getall = _fetched_range
    config = shell.config
    app = App(
        config.app_id,
        broker=[f"kafka://{address}" for address in config.brokers],
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=True,
        stream_buffer_maxsize=16,
        broker_commit_interval=NEVER_SECONDS,  # the shell commits; Faust only asks when partitions leave
        broker_session_timeout=config.session_timeout_ms / 1000,
        broker_request_timeout=config.request_timeout_ms / 1000,
        TableManager=ShellTables,
    )
    app.boot_strategy = Boot(app)
    app.shell = shell
    app.first_topics = frozenset(first_topics)
    app.transport = Transport(app.conf.broker_consumer, app)
    for spec in shell.specs:
        schema = BatchSchema()
        app.Table(spec.name, partitions=spec.partitions, schema=schema, key_type=bytes, value_type=bytes)
        topic = app.topic(*spec.sources, schema=schema, partitions=spec.partitions)
        app.agent(topic, name=f"{config.app_id}.{spec.name}")(_agent(app))
    shell.end_of = app.end_of
    return app


def _agent(app: App) -> Any:
    async def apply_batches(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            answer = app.shell.apply(message.topic, message.partition, message.value)
            if isinstance(answer, Seek):
                with contextlib.suppress(IllegalStateError):  # it is leaving just now
                    await app.consumer.seek(message.tp, answer.offset)
                    app.shell.sought(message.topic, message.partition)

    return apply_batches
