"""``stream publish``: files of events to the source topics."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.events import CONTENT_TYPE
from stream.commands import CommandError, Context, kafka
from stream.commands.progress import ReadProgress
from stream.commands.words import not_empty, replay_speed
from stream.core.event_time import parse_time_ms
from stream.core.pane import too_late_before_ms
from stream.core.partitioner import PARTITIONERS
from stream.core.record import Flush, Output
from stream.gateway.files import FileError, Line, Unroutable, read
from stream.runtime import clients
from stream.runtime.batches import output_batches
from stream.runtime.config import RuntimeConfig
from stream.runtime.topics import describe
from stream.settings import Settings

HEADERS = [("content-type", CONTENT_TYPE.encode())]
CHUNK = 5_000
"""Events between two waits for the brokers' acknowledgement."""
SHOWN = 20
"""Lines that are complained about one by one."""


class Sent(NamedTuple):
    """What became of the lines."""

    events: int
    unroutable: int
    newest_ms: int
    """Event time of the newest; -1 for none."""


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILES...",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    callback=replay_speed,
    metavar="N",
    help="Replay in event time, N times as fast as it happened. Not given: as fast as the brokers take it.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at the first line that cannot be sent, instead of going on without it.",
)
@click.option(
    "--tenant", callback=not_empty, help="Tenant of the help-desk CSV's events.  [default: helpdesk]"
)
@click.option(
    "--count-bots", is_flag=True, help="Take the CSV's auto-responder for an agent, to see what that does."
)
@click.option(
    "--no-idempotence",
    is_flag=True,
    help="For brokers without idempotent producers (the demo's); a retry may repeat events.",
)
@click.pass_obj
def command(
    context: Context,
    *,
    files: tuple[Path, ...],
    speed: float | None,
    strict: bool,
    tenant: str | None,
    count_bots: bool,
    no_idempotence: bool,
) -> None:
    """Send files of events to the source topics, keyed.

    FILES are NDJSON of CloudEvents, plain or gzipped, or the help-desk CSV. Each event goes to the topic of its type, with its
    ticket's (or customer's) id as the key. Lines are sent as they are, in their order; the worker judges them. Sending a
    file twice changes no figure, as the events keep their ids.

    Lines without a known type or id are named on stderr and left out; the exit code is 1 then.

    Old events: a worker with STREAM_CLOCK=wall, the default, finds what is older than its correction horizon too late for every
    window. Replay an archive to a worker with STREAM_CLOCK=event.
    """
    settings = context.settings
    with ReadProgress(files) as progress:
        lines = (
            item
            for number, path in enumerate(files)
            for item in _lines(path, tenant, count_bots=count_bots, at=progress.position(number))
        )
        work = _publish(settings, lines, speed, progress.events, strict=strict, idempotent=not no_idempotence)
        sent = kafka.run(settings, work)
    print(f"{sent.events:,} events sent")
    _warn_of_age(settings, sent.newest_ms)
    if sent.unroutable:
        raise CommandError(f"{sent.unroutable:,} lines were left out; mend them and publish the file again")


def _warn_of_age(settings: Settings, newest_ms: int) -> None:
    """Say that a worker on the wall clock will make nothing of these events: it would be silence otherwise."""
    core = settings.core()
    oldest_ms = too_late_before_ms(core, time.time_ns() // 1_000_000 - core.lateness_ms)
    if settings.clock == "wall" and 0 <= newest_ms < oldest_ms:
        newest = datetime.fromtimestamp(newest_ms // 1000, UTC).date()
        print(
            f"note: these events are dated up to {newest}; a worker with STREAM_CLOCK=wall finds them too late for its windows: "
            "replay with STREAM_CLOCK=event (and a new STREAM_APP_ID, if a worker has read them already)",
            file=sys.stderr,
        )


def _lines(
    path: Path, tenant: str | None, *, count_bots: bool, at: Callable[[int], None]
) -> Iterator[tuple[Path, Line | Unroutable]]:
    try:
        for line in read(path, tenant=tenant, count_bots=count_bots, at=at):
            yield path, line
    except FileError as exc:
        raise CommandError(str(exc)) from exc


async def _publish(
    settings: Settings,
    lines: Iterator[tuple[Path, Line | Unroutable]],
    speed: float | None,
    show: Callable[[int], None],
    *,
    strict: bool,
    idempotent: bool,
) -> Sent:
    config = settings.runtime()
    counts = await partition_counts(config, settings)
    producer = clients.producer(config, idempotent=idempotent)
    try:
        await _start(producer, idempotent=idempotent)
        return await _Sender(producer, settings, counts, speed, strict=strict, show=show).send(lines)
    finally:
        await producer.stop()


async def _start(producer: AIOKafkaProducer, *, idempotent: bool) -> None:
    try:
        await producer.start()
    except KafkaConnectionError:
        raise
    except KafkaError as exc:
        if idempotent:
            raise CommandError(
                f"the broker takes no idempotent producer ({exc}): allow it, or use --no-idempotence"
            ) from exc
        raise


async def partition_counts(config: RuntimeConfig, settings: Settings) -> dict[str, int]:
    """Partitions of the source topics that exist; asked for without creating any."""
    topics = settings.core().topics
    admin = clients.admin(config)
    try:
        await admin.start()
        states = await describe(admin, [*topics.sources, topics.customers])
    finally:
        await admin.close()
    return {name: state.partitions for name, state in states.items() if state.partitions is not None}


class _Sender:
    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: Settings,
        counts: dict[str, int],
        speed: float | None,
        *,
        strict: bool,
        show: Callable[[int], None],
    ) -> None:
        self._producer = producer
        self._topics = settings.core().topics
        self._counts = counts
        self._partition = PARTITIONERS.get(settings.partitioner, PARTITIONERS["murmur2"])
        self._speed = speed
        self._strict = strict
        self._show = show
        self._chunk: list[Output] = []
        self._began: tuple[float, int] | None = (
            None  # monotonic seconds and event time in ms of the replay's first event
        )
        self._events = 0
        self._unroutable = 0
        self._newest_ms = -1

    async def send(self, lines: Iterator[tuple[Path, Line | Unroutable]]) -> Sent:
        for path, line in lines:
            if isinstance(line, Unroutable):
                self._complain(path, line)
                continue
            time_ms = parse_time_ms(line.time)
            if time_ms is not None:
                self._newest_ms = max(self._newest_ms, time_ms)
                if self._speed is not None:
                    await self._wait_for(time_ms, self._speed)
            topic = str(getattr(self._topics, line.topic))
            count = self._counts.get(topic)
            if count is None:
                raise CommandError(
                    f"topic {topic} does not exist: run `stream topics create`, or check STREAM_TOPIC_PREFIX"
                )
            # The record's timestamp stays empty: the log's time is now, and event time is inside.
            self._chunk.append(Output(topic, self._partition(line.key, count), line.key, line.value, HEADERS))
            if len(self._chunk) >= CHUNK:
                await self._flush()
        await self._flush()
        return Sent(self._events, self._unroutable, self._newest_ms)

    def _complain(self, path: Path, line: Unroutable) -> None:
        message = f"{path}:{line.number} cannot be sent: {line.reason}"
        if self._strict:
            raise CommandError(message)
        self._unroutable += 1
        if self._unroutable <= SHOWN:
            print(message, file=sys.stderr)
        if self._unroutable == SHOWN:
            print("(further lines are only counted)", file=sys.stderr)

    async def _wait_for(self, time_ms: int, speed: float) -> None:
        """Sleep until an event is due; what has no readable time goes with its neighbours, unasked."""
        if self._began is None:
            self._began = (time.monotonic(), time_ms)
        due = self._began[0] + (time_ms - self._began[1]) / 1000 / speed
        if due > time.monotonic():
            await self._flush()
            await asyncio.sleep(due - time.monotonic())

    async def _flush(self) -> None:
        if not self._chunk:
            return
        acknowledged = [
            await self._producer.send_batch(builder, topic, partition=partition)
            for topic, partition, builder in output_batches(
                self._producer, self._counts, 0, Flush([], self._chunk)
            )
        ]
        await asyncio.gather(*acknowledged)
        self._events += len(self._chunk)
        self._chunk = []
        self._show(self._events)
