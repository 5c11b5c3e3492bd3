"""A worker with traps and test-only patches: ``python -m tests.chaos.worker JSON [options of stream worker]``.

It is the product's own worker, with hooks put into the checkpoint object before it starts. ``JSON`` is :class:`Plan`.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import msgspec

from stream import app, cli
from stream.core.answers import decode_answers
from stream.core.customer import decode_customer
from stream.core.customers_shard import CustomersShard
from stream.core.record import Flush, Record
from stream.core.tickets_shard import TicketsShard
from stream.core.windows_shard import WindowsShard
from stream.runtime import checkpoint, upstream, worker
from stream.runtime.batches import Batch
from stream.runtime.shell import Shell
from stream.runtime.stage import Part
from tests.chaos import sabotage

STEPS = (
    "flushed",  # state taken from the shard, nothing sent
    "begun",  # transaction begun in the client
    "sent_some",  # a first batch is on its way
    "rows",  # rows acknowledged, outputs not sent
    "acknowledged",  # rows and outputs acknowledged
    "offsets",  # offsets added: everything but the commit
    "committing",  # commit asked for, answer not waited for
    "committed",
)
"""Points of a checkpoint at which a trap can stand, in their order."""

STAGES = ("tickets", "customers", "windows")


class Trap(msgspec.Struct, frozen=True):
    """Send this process ``signal`` when a commit of ``stage`` reaches ``step`` for the ``nth`` time after it began to flow.

    Of tickets and customers the first one from then on with answers on their way from the one to the other, see :func:`_carries`.
    """

    stage: str
    step: str
    nth: int
    signal: int


class Plan(msgspec.Struct, frozen=True):
    """What is to be different in this worker."""

    trap: Trap | None = None
    sabotage: str | None = None
    lose_every: int = 0
    """Lose every nth fetched batch on its way to the shards, as was seen in rebalances."""
    repeat_every: int = 0
    """Hand every nth fetched batch over twice."""
    stops_joining: bool = False
    """SIGSTOP when it has been assigned its first partitions and takes them over, before it fences anybody."""
    trace: str | None = None
    """File to which every batch is written that tickets or windows apply: monotonic seconds, stage, partition, records."""


def main(arguments: list[str]) -> int:
    plan = msgspec.json.decode(arguments[0], type=Plan)
    if plan.sabotage:
        sabotage.APPLY[plan.sabotage]()
    if plan.trap:
        carrying: set[str] = set()
        spring = _trap(plan.trap, carrying)
        app.serve = partial(worker.serve, fault=spring)  # type: ignore[attr-defined]  # the same, with a hook
        _more_steps(spring, carrying)
    if plan.lose_every or plan.repeat_every:
        _unreliable(plan.lose_every, plan.repeat_every)
    if plan.stops_joining:
        _stops_joining()
    if plan.trace:
        _traced(plan.trace)
    return cli.run(["worker", *arguments[1:]])


Spring = Callable[[str, str], None]


def _trap(trap: Trap, carrying: Collection[str]) -> Spring:
    """``carrying``: the parts whose commits may be struck at present."""
    left = trap.nth

    def spring(part: str, step: str) -> None:
        nonlocal left
        if step == trap.step and part.rsplit("-", 1)[0] == trap.stage:
            left -= 1
            if left <= 0 and part in carrying:
                left = sys.maxsize  # once
                os.write(2, f"trap: {part} {step}\n".encode())
                os.kill(os.getpid(), trap.signal)

    return spring


def _carries(stage: str, flush: Flush) -> bool:
    """Whether answers leave with a commit of tickets, or are in the rows of one of customers; all of windows count."""
    if stage == "tickets":
        said = (one for one in flush.outputs if one.topic.endswith("-answers"))
        return any(decode_answers(one.value, one.topic, sys.maxsize).answers for one in said)
    if stage == "customers":
        rows = ((key, row) for key, row in flush.rows if key[:1] == b"c" and row is not None)
        return any(decode_customer(row, key).answers for key, row in rows)
    return True


def _more_steps(spring: Spring, carrying: set[str]) -> None:
    """Steps between those that the product names: the order of what is done stays the same."""
    send = checkpoint._send
    write = checkpoint.Transactions.write

    async def send_rows_first(
        producer: Any, batches: Collection[Batch], sent_some: Callable[[], None]
    ) -> None:
        rows = [batch for batch in batches if batch[0].endswith("-changelog")]
        await send(producer, rows, sent_some)
        for topic, partition, _ in rows[:1]:
            spring(f"{topic.rsplit('-', 2)[1]}-{partition}", "rows")
        await send(producer, [batch for batch in batches if batch not in rows], lambda: None)

    async def write_with_steps(
        self: checkpoint.Transactions, part: Part, flush: Flush, positions: Mapping[str, int]
    ) -> None:
        (carrying.add if _carries(part.spec.name, flush) else carrying.discard)(part.name)
        spring(part.name, "flushed")
        producer = self._producers[part.name]
        commit = producer.commit_transaction

        async def commit_with_step() -> None:
            asked = asyncio.ensure_future(commit())
            await asyncio.sleep(0.002)  # the request leaves; its answer may be on its way already
            spring(part.name, "committing")
            await asked

        producer.commit_transaction = commit_with_step
        try:
            await write(self, part, flush, positions)
        finally:
            producer.commit_transaction = commit

    checkpoint._send = send_rows_first
    checkpoint.Transactions.write = write_with_steps  # type: ignore[method-assign]  # the same, with hooks


def _unreliable(lose_every: int, repeat_every: int) -> None:
    getmany = upstream.Consumer._getmany
    fetched = 0
    spared: dict[Any, int] = {}  # what is fetched again is not lost again
    kept: dict[Any, Any] = {}

    async def some(self: upstream.Consumer, *arguments: Any, **named: Any) -> Mapping[Any, Any]:
        nonlocal fetched
        if kept:
            again = dict(kept)
            kept.clear()
            return again
        batches = dict(await getmany(self, *arguments, **named))
        for tp in list(batches):
            if not sum(len(batch) for batch in batches[tp]):
                continue
            fetched += 1
            spared[tp] = spared.get(tp, 0) - 1
            if spared[tp] > 0:
                continue
            if lose_every and fetched % lose_every == 0:
                spared[tp] = 4
                os.write(2, f"lost: {tp.topic}[{tp.partition}]\n".encode())
                del batches[tp]
            elif repeat_every and fetched % repeat_every == 0:
                os.write(2, f"repeated: {tp.topic}[{tp.partition}]\n".encode())
                kept[tp] = batches[tp]
        return batches

    upstream.Consumer._getmany = some  # type: ignore[method-assign]  # the same, less reliable


def _stops_joining() -> None:
    take_over = Shell.take_over
    stopped = False

    async def stopped_first(self: Shell, assigned: Collection[Any], generation: int) -> None:
        nonlocal stopped
        if assigned and not stopped:
            stopped = True
            os.write(2, b"trap: joining\n")
            os.kill(os.getpid(), signal.SIGSTOP)
        await take_over(self, assigned, generation)

    Shell.take_over = stopped_first  # type: ignore[method-assign]  # the same, later


def _traced(path: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def trace(shard_class: Any, stage: str) -> None:
        apply = shard_class.apply

        def traced(self: Any, topic: str, records: Collection[Record], end: int, now_ms: int) -> None:
            apply(self, topic, records, end, now_ms)
            if records:
                line = f"{time.monotonic():.6f} {stage} {self.partition} {len(records)}\n"
                os.write(file, line.encode())

        shard_class.apply = traced

    trace(TicketsShard, "tickets")
    trace(CustomersShard, "customers")
    trace(WindowsShard, "windows")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
