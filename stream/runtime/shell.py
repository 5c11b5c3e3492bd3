"""The shell around the shards, the same for every stage; the Faust side (``upstream``) calls it, and nothing here knows Faust.

Batches are applied synchronously, and a commit takes rows, outputs and positions of one instant in one synchronous block, so
neither ever sees half of the other.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Collection, Iterable

import structlog

from stream.core.record import Flush
from stream.runtime.checkpoint import Checkpoint
from stream.runtime.config import RuntimeConfig
from stream.runtime.damage import naming
from stream.runtime.errors import ShellError, StateError
from stream.runtime.guard import Fetched, PositionGuard, Seek
from stream.runtime.loader import load
from stream.runtime.patience import finished
from stream.runtime.positions import REBUILD, AskOffsets, TopicPartition, first_position
from stream.runtime.silence import Silence
from stream.runtime.stage import Part, StageSpec
from stream.runtime.status import CommitStatus, PartStatus, RecoveryStatus, RuntimeStatus, State

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.05
"""How finely commits and ticks are timed."""

MEASURE_EVERY_TICKS = 20

MEMBER_POLL_SECONDS = 0.1
REPORT_SECONDS = 1.0


def now_ms() -> int:
    """The one wall clock of the shell."""
    return int(time.time() * 1000)


class Shell:
    """Owns the parts of this worker. Everything runs on one event loop; other threads read ``status`` only."""

    def __init__(self, config: RuntimeConfig, specs: Iterable[StageSpec]) -> None:
        self.config = config
        self.specs = tuple(specs)
        self.parts: dict[tuple[str, int], Part] = {}
        self.status = RuntimeStatus()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.checkpoint: Checkpoint
        """Set before the first assignment."""
        self.end_of: Callable[[str, int], int | None] = lambda _topic, _partition: None
        """(topic, partition) -> the end of the log as the last fetch knew it."""
        self.waiting: dict[TopicPartition, int] = {}
        """Records that waited when the brokers were last asked, beside the fetches: what a slow fetch is still to tell."""
        self.brokers = Silence(config.session_timeout_ms)
        """Its ``heartbeat_at`` is set before the first assignment."""
        self._spec_of = {topic: spec for spec in self.specs for topic in (*spec.sources, spec.changelog)}
        self._guard = PositionGuard()
        self._state: State = "starting"
        self._flowing = False
        self._moving = False
        """Partitions are leaving, and what is assigned next is not known yet."""
        self._stopped = False
        self._turn = 0
        """Counts the take-overs: one that the next has overtaken must own nothing, though it may go on for a while."""
        self._generation = -1
        self._ready_generation: int | None = None
        self._commits: dict[str, CommitStatus] = {}
        self._committing = asyncio.Lock()
        self._recovery = RecoveryStatus()
        self._recovery_started = time.monotonic()
        self._progress_due = 0.0
        self._consumed: dict[str, int] = {}
        self._ticks = 0

    # -- batches

    def apply(self, topic: str, partition: int, fetched: Fetched) -> Seek | None:
        """Apply one fetched range, or say where it has to be fetched again. Failures end the process, they are not raised."""
        if self.failure.done() or self._stopped:
            return None
        try:
            part = self.parts.get((self._spec_of[topic].name, partition))
            if part is None or topic not in part.positions:
                return None  # Faust lets batches flow before it seeks; after the seek this one comes again
            admitted = self._guard.admit(topic, partition, part.positions[topic], fetched)
            if admitted is None or isinstance(admitted, Seek):
                return admitted
            with naming(part.spec.changelog, part.number):
                part.shard.apply(topic, admitted, fetched.end, now_ms())
            part.positions[topic] = fetched.end
            part.advanced = True
            self._consumed[topic] = self._consumed.get(topic, 0) + len(admitted)
        except Exception as exc:  # whatever it is, the state may be half changed
            self.fail(exc)
        return None

    def sought(self, topic: str, partition: int) -> None:
        """What ``apply`` wanted fetched again will be what is fetched next."""
        self._guard.sought(topic, partition)

    def at_end(self, part: Part) -> dict[str, bool]:
        """Source topic -> whether everything that the broker has is applied."""
        return {topic: self._behind(part, topic) == 0 for topic in part.spec.sources}

    def _behind(self, part: Part, topic: str) -> int | None:
        position = part.positions.get(topic)
        end = self.end_of(topic, part.number)
        return None if position is None or end is None else max(0, end - position)

    def reading(self) -> dict[TopicPartition, int]:
        """What batches come from -> the position up to which they are applied."""
        parts = self.parts.values()
        return {(topic, part.number): at for part in parts for topic, at in part.positions.items()}

    # -- time

    async def run(self) -> None:
        """Commit and tick while partitions are owned; runs until ``stop``."""
        next_tick = time.monotonic()
        while not self._stopped:
            await asyncio.sleep(POLL_SECONDS)
            now = time.monotonic()
            if self._flowing:
                if now >= next_tick:
                    next_tick = now + self.config.tick_interval_ms / 1000
                    self.tick()
                await self.commit(
                    part
                    for part in self.parts.values()
                    if now - part.committed_at >= part.spec.commit_interval_ms / 1000
                    or (part.ready and part.spec.building(part.shard))
                )

    async def report(self) -> None:
        """Keep ``status`` fresh while a commit waits for the broker, which holds up the ticks; runs until ``stop``."""
        while not self._stopped:
            await asyncio.sleep(REPORT_SECONDS)
            if self.brokers.commit_since is not None and not self.failure.done():
                self.publish()

    def tick(self) -> None:
        """Let the time of all parts pass."""
        self._ticks += 1
        try:
            for part in self.parts.values():
                if part.ready:
                    with naming(part.spec.changelog, part.number):
                        part.shard.tick(now_ms(), self.at_end(part))
                    if self._ticks % MEASURE_EVERY_TICKS == 1:
                        part.measure()
            self.publish()
        except Exception as exc:  # as in apply
            self.fail(exc)

    # -- commits

    async def commit(self, parts: Iterable[Part] | None = None) -> None:
        """Commit the given parts, all if None, where there is something to write. A failure ends the process."""
        async with self._committing:
            if self.failure.done():
                return
            chosen = list(self.parts.values()) if parts is None else parts
            # What was chosen may have left while another commit was waited for.
            due = [part for part in chosen if self._owns(part) and part.ready and part.dirty]
            if not due:
                return
            started = self.brokers.commit_since = time.monotonic()
            commits = asyncio.gather(*(self._commit(part) for part in due))
            try:
                await finished(
                    commits,
                    self.config,
                    self.brokers.heartbeat_at,
                    in_transaction=self.checkpoint.committed_reads,
                )
            except TimeoutError as exc:
                commits.add_done_callback(_see)
                commits.cancel()
                self.fail(ShellError(f"a commit came to no end {exc}"))
                return
            except asyncio.CancelledError:
                commits.cancel()
                self.fail(ShellError("stopped in the middle of a commit"))
                raise
            except Exception as exc:  # no rollback exists: what was flushed is lost in memory
                self.fail(exc)
                return
            self.brokers.commit_since = None
            for name in {part.spec.name for part in due}:
                count = self._commits.get(name, CommitStatus()).count
                self._commits[name] = CommitStatus(count + 1, time.monotonic() - started, now_ms())

    def _owns(self, part: Part) -> bool:
        return self.parts.get((part.spec.name, part.number)) is part

    async def _commit(self, part: Part) -> None:
        part.committed_at = time.monotonic()
        with naming(part.spec.changelog, part.number):
            flush: Flush = part.shard.flush(now_ms())
        positions = dict(part.shard.positions)
        part.advanced = False
        await self.checkpoint.write(part, flush, positions)

    def stop(self) -> None:
        """Let ``run`` end after the commit that it is in, and apply nothing more; one last ``commit`` makes it complete."""
        self._stopped = True
        self.pause("stopping")

    def let_go(self) -> None:
        """Own nothing any more: Faust asks for commits until it has stopped, and there is nothing left to write with."""
        self.parts.clear()

    def fail(self, exc: BaseException) -> None:
        """Latch the first failure: nothing is applied or written from here on."""
        if not self.failure.done():
            log.debug("runtime.failed", exc_info=exc)
            self._state = "failed"
            self.failure.set_exception(exc)
            self.failure.exception()  # marks it as seen: the worker reads it when it stops
            self.publish()

    # -- assignments

    def pause(self, state: State = "joining") -> None:
        """Partitions may be moving: no ticks, no timed commits."""
        self._flowing = False
        if not self.failure.done():
            self._state = "stopping" if self._stopped else state
        self.publish()

    def leave(self) -> None:
        """Partitions are about to move: nothing flows until the next ``take_over``, though an earlier one may still be at work."""
        self._moving = True
        self.pause()

    async def take_over(self, assigned: Collection[TopicPartition], generation: int) -> None:
        """Own the parts of these changelog partitions: fence the earlier owners, then load what is not held already.

        Rows are kept only if this generation directly follows the one they were ready in: then nobody else can have had them.
        """
        self._moving = False
        self._turn += 1
        turn = self._turn
        self.pause("recovering")
        self._recovery_started = time.monotonic()
        self._recovery = RecoveryStatus()
        self._progress_due = self._recovery_started + REPORT_SECONDS
        wanted = {(self._spec_of[topic].name, number): self._spec_of[topic] for topic, number in assigned}
        follows = self._ready_generation is not None and generation == self._ready_generation + 1
        async with self._committing:  # whoever commits now still needs what own() takes away
            for key in list(self.parts):
                if key not in wanted or not (follows and self.parts[key].ready):
                    del self.parts[key]
        new = [Part(spec, key[1]) for key, spec in wanted.items() if key not in self.parts]
        if follows:
            self._ready_generation = generation
        await self._a_member(turn)
        if turn != self._turn:
            return
        await self.checkpoint.own(list(self.parts.values()), new)
        gc.disable()
        try:
            await load(self.config, new, committed=self.checkpoint.committed_reads, progress=self._loaded)
            for part in new:
                self._start(part)
            gc.freeze()
        finally:
            gc.enable()
        if turn != self._turn:
            return
        self._generation = generation
        self._ready_generation = generation
        for part in new:
            self.parts[part.spec.name, part.number] = part

    async def _a_member(self, turn: int) -> None:
        """Wait until a heartbeat has been answered lately, or the next take-over has begun.

        A worker that stood still since it was given partitions may have lost them without knowing: fencing would shut out their owner.
        """
        fresh_seconds = self.config.session_timeout_ms / 1000 - self.config.heartbeat_ms / 1000
        while turn == self._turn and (beat := self.brokers.heartbeat_at()) is not None:
            if time.monotonic() - beat < fresh_seconds:
                return
            await asyncio.sleep(MEMBER_POLL_SECONDS)

    def _loaded(self, rows: int, expected: int) -> None:
        """Show how far the loading has come, and log it once a second."""
        self._recovery = RecoveryStatus(rows, expected)
        now = time.monotonic()
        if now >= self._progress_due:
            self._progress_due = now + REPORT_SECONDS
            log.info("worker.recovering", rows=rows, at_most=expected)
        self.publish()

    def _start(self, part: Part) -> None:
        with naming(part.spec.changelog, part.number):
            part.shard.ready()
        missing = part.shard.rows_missing
        if (
            missing and self.checkpoint.committed_reads
        ):  # without transactions a crash may leave rows of half a commit
            raise StateError(
                f"{part.spec.changelog}[{part.number}]: {abs(missing)} rows {'are missing' if missing > 0 else 'are too many'}: "
                f"records were deleted from the changelog, or others wrote into it. Restore it, or {REBUILD}"
            )
        part.ready = True
        part.measure()

    async def resume(
        self, assigned: Collection[TopicPartition], ask: AskOffsets
    ) -> dict[TopicPartition, int]:
        """Where to read on, for every source partition of a ready part; ``ask`` asks the broker where that is not yet known."""
        unknown = [
            tp
            for tp in assigned
            if (part := self._ready_part(tp)) is not None and tp[0] not in part.positions
        ]
        found = await ask(unknown) if unknown else {}
        for tp, known in found.items():
            part = self._ready_part(tp)
            if part is not None and tp[0] not in part.positions:
                part.positions[tp[0]] = first_position(tp, part, known)
        return {
            tp: part.positions[tp[0]]
            for tp in assigned
            if (part := self._ready_part(tp)) is not None and tp[0] in part.positions
        }

    def _ready_part(self, tp: TopicPartition) -> Part | None:
        spec = self._spec_of.get(tp[0])
        part = self.parts.get((spec.name, tp[1])) if spec is not None and tp[0] != spec.changelog else None
        return part if part is not None and part.ready else None

    def flow(self) -> None:
        """Everything is in place: from here on batches come. Nothing happens while partitions are leaving again."""
        if self._moving:
            return
        self._flowing = not self._stopped
        if not self.failure.done():
            self._state = "running"
        seconds = time.monotonic() - self._recovery_started
        self._recovery = self._recovery._replace(seconds=seconds)
        names = sorted(part.name for part in self.parts.values())
        self.publish()  # who reads the line finds the figures
        log.info("worker.ready", parts=names, rows=self._recovery.rows, seconds=round(seconds, 3))

    @property
    def flowing(self) -> bool:
        """Whether batches come and commits are due."""
        return self._flowing and not self.failure.done()

    @property
    def generation(self) -> int:
        """The consumer group's generation of the parts held."""
        return self._generation

    # -- status

    def publish(self) -> None:
        """Replace ``status``."""
        parts = {
            key: PartStatus(
                part.spec.name, part.number, len(part.shard.rows), part.row_bytes, part.spec.view(part.shard)
            )
            for key, part in self.parts.items()
            if part.ready
        }
        lag = {
            tp: max(self.waiting.get(tp, 0), 0 if end is None else end - position)
            for tp, position in self.reading().items()
            if (end := self.end_of(*tp)) is not None or tp in self.waiting
        }
        self.status = RuntimeStatus(
            state=self._state,
            reasons=self._reasons(),
            notes=self.checkpoint.notes if hasattr(self, "checkpoint") else (),
            generation=self._generation,
            parts=parts,
            lag=lag,
            commits=dict(self._commits),
            recovery=self._recovery,
            consumed=dict(self._consumed),
            gaps=self._guard.gaps,
            overlaps=self._guard.overlaps,
        )

    def _reasons(self) -> tuple[str, ...]:
        if self._state == "failed":
            return (f"failed: {self.failure.exception()}",)
        if self._state == "recovering":
            return (f"recovering: {self._recovery.rows} rows read of at most {self._recovery.expected}",)
        if self._state == "joining":
            return ("joining the consumer group: partitions are being assigned",)
        if self._state != "running":
            return (self._state,)
        silent = self.brokers.reason()
        self.brokers.tell(silent)
        if silent:
            return (silent,)
        return tuple(
            f"{part.name} is building {progress}"
            for part in sorted(self.parts.values(), key=lambda part: part.name)
            if part.ready and (progress := part.spec.building(part.shard))
        )


def _see(ended: asyncio.Future[list[None]]) -> None:
    """What became of a commit that is not waited for any longer is no news."""
    if not ended.cancelled():
        ended.exception()
