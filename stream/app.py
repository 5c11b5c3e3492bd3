"""The composition root: settings in, a running worker out."""

import asyncio
import faulthandler
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
import structlog
import uvloop
from aiokafka.errors import KafkaError, ProducerFenced

from stream.core.config import CoreConfig
from stream.core.customers_shard import CustomersShard
from stream.core.dead_letters import DeadLetterLimitError
from stream.core.record import Shard
from stream.core.snapshot import Snapshot
from stream.core.state_shape import GenerationError, shape
from stream.core.tickets_shard import TicketsShard
from stream.core.windows_shard import WindowsShard
from stream.metrics import selected
from stream.runtime import clients, generations, logs, permissions, topics
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import ShellError, StartError, StateError
from stream.runtime.rebuild import rebuild
from stream.runtime.shell import Shell
from stream.runtime.stage import StageSpec
from stream.runtime.status import RuntimeStatus
from stream.runtime.worker import EXIT_FAILED, EXIT_OK, Pipeline, serve
from stream.settings import Settings
from stream.web import server
from stream.web.exporter import Exporter
from stream.web.health import readiness_of
from stream.web.refusals import Refusals
from stream.web.server import PortError
from stream.web.status import SourceShard, SourceView, source_view
from stream.web.suspects import SuspectLog
from stream.web.too_late import TooLate

log = structlog.get_logger(__name__)

EXIT_REFUSED = 1

STDERR = 2
FENCED = (
    "ProducerFenced: another worker has taken over a part of this one, or the brokers ended a commit that had been open for too long "
    "(they were away or slow, or this worker stood still)"
)
AGAIN = (
    "If it ends so once more, what it reads may be damaged: stop all workers and start one with "
    "`stream worker --rebuild`"
)
EXPLAINED = (ShellError, KafkaError, OSError, TimeoutError)
"""What says by itself what to do, and what brokers and the network do to a worker; anything else it met in its own state or input."""


def stages(
    core: CoreConfig,
    runtime: RuntimeConfig,
    present: Callable[[], CoreConfig] | None = None,
    too_late: TooLate | None = None,
    suspects: SuspectLog | None = None,
) -> tuple[StageSpec, ...]:
    """The stages in the order of the data: tickets, customers where a metric asks for them, windows.

    ``present`` is asked when a shard is made: it knows the brokers. ``too_late`` is shown each view of a source partition,
    ``suspects`` those of the windows partitions, on the event loop.
    """
    if present is None:

        def present() -> CoreConfig:
            return core

    def seen(shard: Shard) -> SourceView:
        view = source_view(cast("SourceShard", shard))
        if too_late is not None:
            too_late.see(cast("TicketsShard", shard).feed, view.too_late)
        return view

    def facts(shard_class: type[TicketsShard]) -> StageSpec:
        kind = shard_class.kind
        return StageSpec(
            name=kind.name,
            sources=(*kind.sources(core), *kind.rekeyed(core)),
            rekeyed=kind.rekeyed(core),
            changelog=kind.changelog(core.topics),
            partitions=core.source_partitions,
            new_shard=lambda number: shard_class(present(), number, selected(core)),
            commit_interval_ms=runtime.commit_interval_ms,
            view=seen,
            feeds=True,
            building=lambda shard: cast("TicketsShard", shard).building,
        )

    def snapshot(shard: Shard) -> Snapshot:
        found = cast("WindowsShard", shard).snapshot
        if suspects is not None:
            suspects.see(found.suspects)
        return found

    windows = StageSpec(
        name="windows",
        sources=(core.topics.deltas,),
        changelog=core.topics.windows_changelog,
        partitions=core.delta_partitions,
        new_shard=lambda number: WindowsShard(present(), number, selected(core)),
        commit_interval_ms=runtime.windows_interval_ms,
        view=snapshot,
        building=lambda shard: cast("WindowsShard", shard).building,
    )
    inputs = (TicketsShard, CustomersShard) if core.customers else (TicketsShard,)
    return (*map(facts, inputs), windows)


def pipeline(
    core: CoreConfig,
    runtime: RuntimeConfig,
    too_late: TooLate | None = None,
    suspects: SuspectLog | None = None,
) -> Pipeline:
    """Everything that a worker runs."""
    fitting = core

    async def prepare(volatile: bool) -> None:
        nonlocal fitting
        for warning in await topics.prepare(runtime, core, volatile=volatile):
            log.warning("topic.unsuitable", topic=warning.topic, problem=warning.text)
        if not volatile:
            await permissions.check(runtime, core)
        limit_bytes = await topics.dead_letter_bytes(runtime, core)
        generation = await generations.agree(runtime, core, shape(core, selected(core)), volatile=volatile)
        fitting = msgspec.structs.replace(core, dead_letter_bytes=limit_bytes, generation=generation)

    return Pipeline(
        stages(core, runtime, lambda: fitting, too_late, suspects),
        first_topics=(core.topics.deltas, *((core.topics.answers,) if core.answers else ())),
        prepare=prepare,
    )


def run_worker(
    settings: Settings,
    *,
    drain: bool = False,
    rebuilding: bool = False,
    debug: bool = False,
    notes: Sequence[str] = (),
) -> int:
    """Run a worker in this process until SIGTERM or SIGINT, or until the input is drained.

    Returns the exit code: 0; 1 when it may not start; 70 when its memory must not be trusted any more. Errors are one line on stderr,
    with ``debug`` behind the traceback. ``notes`` are logged first.
    """
    faulthandler.enable(STDERR)  # a crash in machine code says where each thread was
    logs.set_up(settings.log_level)
    for note in notes:
        log.warning("settings.note", note=note)
    # Not for TLS, whose connections take it 30 s each to close; nor for the consumer's own thread, at whose end it crashes now and then.
    plain = settings.security_protocol.endswith("SSL")
    try:
        with asyncio.Runner(loop_factory=None if plain else uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, drain=drain, rebuilding=rebuilding))
    except Exception as exc:
        if debug:
            traceback.print_exc()
        message, code = _verdict(exc)
        sys.stderr.write(f"error: {message}\n")
        return code
    return EXIT_OK


def _verdict(exc: BaseException) -> tuple[str, int]:
    """What to say of the end of a worker, and its exit code."""
    match exc:
        case StartError() | PortError() | GenerationError():
            return str(exc), EXIT_REFUSED
        case DeadLetterLimitError() | StateError():  # the message says what to do
            return str(exc), EXIT_FAILED
    if isinstance(exc, clients.NOT_ALLOWED):
        return clients.not_allowed("go on", exc), EXIT_REFUSED
    log.debug("worker.failed", exc_info=exc)
    if isinstance(exc, ProducerFenced):
        return f"{FENCED}; start the worker again", EXIT_FAILED
    said = f"{_named(exc)}; start the worker again"
    return said if isinstance(exc, EXPLAINED) else f"{said}. {AGAIN}", EXIT_FAILED


def _named(exc: BaseException) -> str:
    """An error by its type and the first line of its text; one that Kafka's client wraps into its own with what it wraps."""
    text = str(exc).splitlines()
    said = f"{type(exc).__name__}: {text[0] if text else ''}"
    wrapped = exc.__cause__ if isinstance(exc, KafkaError) else None
    return said if wrapped is None else f"{said} ({_named(wrapped)})"


async def _serve(settings: Settings, *, drain: bool, rebuilding: bool) -> None:
    core = settings.core()
    runtime = settings.runtime()
    status: Callable[[], RuntimeStatus] = RuntimeStatus
    shells: list[Shell] = []

    def current() -> RuntimeStatus:
        return shells[0].status if shells else status()

    def joined(shell: Shell) -> None:
        shells.append(shell)
        if settings.log_level != "debug":
            logging.getLogger("aiokafka").setLevel(logging.ERROR)

    refusals = Refusals()
    exporter = Exporter(
        selected(core),
        current,
        refusals=refusals,
        min_n=core.compare_min_n,
        changelog=core.topics.windows_changelog,
        csat_bands=settings.csat_bands,
        agent_gauges=settings.agent_gauges,
    )
    too_late = TooLate(core.clock)
    http = server.start(
        settings.http_host,
        settings.http_port,
        exporter.render,
        lambda: readiness_of(current(), too_late.notes, exporter.reasons),
        refusals=refusals,
    )
    try:
        fitting = await topics.fitted(
            runtime, core, sources=settings.partitions is None, deltas=settings.delta_partitions is None
        )
        if rebuilding:
            await rebuild(runtime, fitting, shape(fitting, selected(fitting)))
        await serve(
            runtime,
            pipeline(fitting, runtime, too_late, SuspectLog()),
            draining=drain,
            on_shell=joined,
            verdict=_verdict,
        )
    finally:
        http.stop()
