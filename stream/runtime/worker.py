"""One worker process: start, serve until told to stop, end within bounds.

Exit codes: 0 after SIGTERM, SIGINT or a finished drain; 70 when the state in memory must not be used any more.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from aiokafka import TopicPartition as KafkaTopicPartition
from aiokafka.errors import CorruptRecordException

from stream.runtime import clients, log_ends, upstream
from stream.runtime.checkpoint import FaultPoint, Plain, Transactions, no_fault
from stream.runtime.config import RuntimeConfig
from stream.runtime.drain import drain
from stream.runtime.errors import ShellError, StartError
from stream.runtime.positions import ROTTEN_INPUT, TopicPartition
from stream.runtime.shell import Shell
from stream.runtime.stage import StageSpec

log = structlog.get_logger(__name__)

EXIT_OK = 0
EXIT_FAILED = 70

WATCH_SECONDS = 0.2
MARKER_POLLS = 50

LEAVE_SECONDS = 10.0
"""How long leaving may take when everything is committed, or when nothing may be committed any more."""

GC_THRESHOLDS = (100_000, 20, 100)
"""A batch makes thousands of objects and hardly a cycle; with the usual thresholds a fifth of the CPU goes to looking for some."""


Prepare = Callable[[bool], Awaitable[None]]

Verdict = Callable[[BaseException], tuple[str, int]]
"""What to say of the failure that ends a worker, and its exit code."""


def _plainly(failure: BaseException) -> tuple[str, int]:
    return f"{failure}; start the worker again", EXIT_FAILED


async def _nothing_to_prepare(_volatile: bool) -> None:
    return


class Pipeline(NamedTuple):
    """What a worker runs: stages in the order of the data; the sources of those that feed the others are the input."""

    stages: Sequence[StageSpec]
    first_topics: Collection[str] = ()
    """Source topics that are polled before the others."""
    prepare: Prepare = _nothing_to_prepare
    """Called with whether the broker is volatile before anything joins; raises StartError to refuse."""


async def serve(
    config: RuntimeConfig,
    pipeline: Pipeline,
    *,
    draining: bool = False,
    fault: FaultPoint = no_fault,
    on_shell: Callable[[Shell], None] = lambda _shell: None,
    verdict: Verdict = _plainly,
) -> None:
    """Run a worker until it is told to stop or is drained.

    ``on_shell`` gets the shell before anything joins (its ``status`` is for health and exporter). Raises StartError when the worker
    may not start, and whatever made the state unusable; ``verdict`` speaks of the same where the process has to be ended by force.
    """
    stop = asyncio.Event()
    _install_signals(stop)
    gc.set_threshold(*GC_THRESHOLDS)
    transactions = await clients.has_transactions(config)
    if not transactions:
        config = _volatile(config)
    shell = Shell(config, pipeline.stages)
    app = upstream.build_app(shell, pipeline.first_topics)
    shell.brokers.heartbeat_at = app.heartbeat_at
    if transactions:
        shell.checkpoint = Transactions(config, fault)
    else:
        shell.checkpoint = Plain(config, app.commit_offsets, app.heartbeat_at, fault)
        log.warning("worker.volatile", note=shell.checkpoint.notes[0])
    on_shell(shell)
    await pipeline.prepare(not shell.checkpoint.committed_reads)
    inputs = [stage for stage in pipeline.stages if stage.feeds]
    ends = await _ends(config, inputs, shell.checkpoint.committed_reads) if draining else {}
    shell.pause("joining")
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(app.start(), name="app"),
        asyncio.create_task(stop.wait(), name="stop"),
        asyncio.create_task(_crashed(app), name="crash"),
        asyncio.create_task(shell.run(), name="shell"),
        asyncio.create_task(shell.report(), name="report"),
        asyncio.create_task(
            log_ends.watch(
                config,
                shell.reading,
                shell.waiting,
                shell.fail,
                committed=shell.checkpoint.committed_reads,
            ),
            name="ends",
        ),
    ]
    waits: list[asyncio.Future[Any]] = [tasks[1], tasks[2], tasks[3], shell.failure]
    if draining:

        async def ask(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
            # Not what is committed by now: a commit is answered before its markers stand in the log, and its deltas must be waited for.
            return await _end_offsets(config, tps, committed=False)

        async def ask_committed(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
            named = {KafkaTopicPartition(*tp): tp for tp in tps}
            found = await clients.committed(config, named)
            return {tp: found[kafka_tp] for kafka_tp, tp in named.items()}

        async def work() -> None:
            await drain(shell, {stage.name for stage in inputs}, ends, ask, ask_committed)
            if shell.checkpoint.committed_reads:
                await _see_the_last_commit(config, shell)

        tasks.append(asyncio.create_task(work(), name="drain"))
        waits.append(tasks[-1])
    try:
        waiting = {*waits, tasks[0]}
        while True:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task is not shell.failure and (error := task.exception()) is not None:
                    shell.fail(error)
            if done - {tasks[0]} or shell.failure.done():
                break
            waiting.discard(tasks[0])
    finally:
        committed = threading.Event()
        _end_by_force(config, shell, committed, verdict)
        await _stop(shell, app, tasks, committed)
    if shell.failure.done():
        raise shell.failure.exception() or ShellError("failed")


def _volatile(config: RuntimeConfig) -> RuntimeConfig:
    """Refuse a broker without transactions, or come to terms with it: the embedded one keeps new members waiting for old ones."""
    if not config.allow_volatile:
        raise StartError(
            f"the broker at {', '.join(config.brokers)} has no transactions: figures could not be exact. Use Apache Kafka, or "
            "allow a volatile broker with weaker guarantees (as `stream demo` does)"
        )
    return msgspec.structs.replace(
        config,
        session_timeout_ms=min(config.session_timeout_ms, 6000),
        rebalance_timeout_ms=min(config.rebalance_timeout_ms, 1000),
    )


def _install_signals(stop: asyncio.Event) -> None:
    def ordered() -> None:
        if stop.is_set():
            os._exit(130)  # asked twice: at once
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ordered)


async def _crashed(app: upstream.App) -> None:
    """Raise what made a service of Faust give up."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        reason = app.gave_up()
        if isinstance(reason, (ShellError, *clients.NOT_ALLOWED)):
            raise reason
        if isinstance(reason, CorruptRecordException):
            raise ShellError(f"{reason}: {ROTTEN_INPUT}") from reason
        if reason is not None:
            raise ShellError(f"the consumer gave up: {type(reason).__name__}: {reason}") from reason


def _end_by_force(config: RuntimeConfig, shell: Shell, committed: threading.Event, verdict: Verdict) -> None:
    """Bound the end: consumers and producers wait for brokers that may be away, and their threads keep the process alive."""

    def watch() -> None:
        grace = config.grace_ms / 1000
        first = min(LEAVE_SECONDS, grace)
        time.sleep(first)
        if (failure := shell.failure.exception() if shell.failure.done() else None) is not None:
            said, code = verdict(failure)
            why = f"error: {said}"
        elif committed.is_set():
            code, why = EXIT_OK, "everything is committed; the consumer group was not told of the end"
        else:
            time.sleep(grace - first)
            code, why = (
                EXIT_FAILED,
                f"error: the worker could not commit within {grace:.0f} s; start it again",
            )
        sys.stdout.flush()
        sys.stderr.write(f"{why}\n")
        sys.stderr.flush()
        os._exit(code)

    threading.Thread(target=watch, name="end-by-force", daemon=True).start()


async def _stop(
    shell: Shell, app: upstream.App, tasks: Sequence[asyncio.Task[Any]], committed: threading.Event
) -> None:
    shell.stop()
    await asyncio.wait([task for task in tasks if task.get_name() == "shell"])
    await shell.commit()
    committed.set()
    for task in tasks:
        if task.get_name() != "app":
            task.cancel()
    with contextlib.suppress(Exception):
        await app.stop()
    await asyncio.gather(*_cancelled(tasks), return_exceptions=True)
    shell.let_go()
    await shell.checkpoint.close()


def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> Sequence[asyncio.Task[Any]]:
    for task in tasks:
        task.cancel()
    return tasks


async def _ends(
    config: RuntimeConfig, stages: Sequence[StageSpec], committed: bool
) -> Mapping[TopicPartition, int]:
    tps = [
        (topic, number) for stage in stages for topic in stage.sources for number in range(stage.partitions)
    ]
    return await _end_offsets(config, tps, committed=committed)


async def _see_the_last_commit(config: RuntimeConfig, shell: Shell) -> None:
    """Wait until its markers stand in the changelogs: who reads right behind a drain expects it."""
    tps = [KafkaTopicPartition(part.spec.changelog, part.number) for part in shell.parts.values()]
    for _ in range(MARKER_POLLS):
        if await clients.ends_at_rest(config, tps) is not None:
            return
        await asyncio.sleep(WATCH_SECONDS)


async def _end_offsets(
    config: RuntimeConfig, tps: Collection[TopicPartition], *, committed: bool
) -> Mapping[TopicPartition, int]:
    ends = await clients.ends(config, [KafkaTopicPartition(*tp) for tp in tps], committed=committed)
    return {(tp.topic, tp.partition): end for tp, end in ends.items()}
