"""Assignments that follow each other faster than commits: what is under way is finished, what has left writes nothing more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import pytest

from stream.core.record import Flush, SourceRecord
from stream.runtime.checkpoint import Transactions
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import ShellError
from stream.runtime.guard import Fetched
from stream.runtime.positions import Offsets
from stream.runtime.shell import Shell
from stream.runtime.stage import Part
from tests.runtime.conftest import DELTA_PARTITIONS, PARTITIONS, Toy
from tests.runtime.toy import toy_pipeline
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

SECONDS = 20


class Held(Transactions):
    """Commits wait in their middle until they are let go."""

    def __init__(self, config: RuntimeConfig) -> None:
        super().__init__(config)
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    async def write(self, part: Part, flush: Flush, positions: Mapping[str, int]) -> None:
        self.reached.set()
        await self.go.wait()
        await super().write(part, flush, positions)


class Owner:
    """A shell with one part, of which one record is applied."""

    def __init__(self, toy: Toy) -> None:
        config = RuntimeConfig(brokers=(toy.bootstrap,), app_id=toy.app)
        self.topic = f"{toy.app}.a"
        self.changelog = f"{toy.app}-count-changelog"
        self.shell = Shell(config, toy_pipeline(toy.app, PARTITIONS, DELTA_PARTITIONS).stages)
        self.checkpoint = self.shell.checkpoint = Held(config)

    async def take(self, numbers: tuple[int, ...], generation: int) -> None:
        await asyncio.wait_for(
            self.shell.take_over([(self.changelog, number) for number in numbers], generation), SECONDS
        )

    async def apply(self) -> None:
        async def nothing_known(tps: object) -> dict[tuple[str, int], Offsets]:
            return {(self.topic, 0): Offsets(None, 0, 1)}

        await self.shell.resume([(self.topic, 0)], nothing_known)
        fetched = Fetched(0)
        fetched.append(SourceRecord(self.topic, 0, 0, 0, b"k", b"1"))
        fetched.end = 1
        assert self.shell.apply(self.topic, 0, fetched) is None

    async def close(self) -> None:
        await self.checkpoint.close()


def run(toy: Toy, what: Callable[[Owner], Awaitable[None]]) -> None:
    async def main() -> None:
        owner = Owner(toy)
        try:
            await owner.take((0,), 1)
            await owner.apply()
            await what(owner)
        finally:
            await owner.close()

    asyncio.run(main())


def committed(toy: Toy) -> None:
    """The row is there; a reader sees it when the transaction's marker is, which may be a moment after its commit."""
    wait_until(lambda: toy.figures(f"{toy.app}-count-changelog") == {b"k": 1}, SECONDS)


def test_a_commit_under_way_is_finished_before_its_part_is_let_go(toy: Toy) -> None:
    async def moves(owner: Owner) -> None:
        commit = asyncio.create_task(owner.shell.commit())
        await owner.checkpoint.reached.wait()
        move = asyncio.create_task(owner.take((), 2))
        await asyncio.sleep(0.2)
        owner.checkpoint.go.set()
        await asyncio.wait_for(asyncio.gather(commit, move), SECONDS)
        assert not owner.shell.failure.done()

    run(toy, moves)
    committed(toy)


def test_a_part_that_left_while_another_commit_was_waited_for_writes_nothing(toy: Toy) -> None:
    async def moves(owner: Owner) -> None:
        former = list(owner.shell.parts.values())
        async with owner.shell._committing:
            move = asyncio.create_task(owner.take((), 2))
            await asyncio.sleep(0.1)
            late = asyncio.create_task(owner.shell.commit(former))
            await asyncio.sleep(0.1)
        owner.checkpoint.go.set()
        await asyncio.wait_for(asyncio.gather(move, late), SECONDS)
        assert not owner.shell.failure.done()

    run(toy, moves)
    assert toy.figures(f"{toy.app}-count-changelog") == {}


def test_a_part_that_was_away_in_between_is_fenced_and_loaded_anew(toy: Toy) -> None:
    """Another worker had it in the generation that this one missed: its producer is of no use any more."""

    async def moves(owner: Owner) -> None:
        owner.checkpoint.go.set()
        other = Owner(toy)
        try:
            await other.take((0,), 2)
            await owner.take((0,), 3)
            await owner.apply()
            await asyncio.wait_for(owner.shell.commit(), SECONDS)
            assert not owner.shell.failure.done()
        finally:
            await other.close()

    run(toy, moves)
    committed(toy)


def test_nothing_flows_while_partitions_are_leaving(toy: Toy) -> None:
    async def moves(owner: Owner) -> None:
        owner.shell.leave()
        owner.shell.flow()  # the recovery before was not done when the next rebalance began
        assert not owner.shell.flowing
        await owner.take((0,), 2)
        owner.shell.flow()
        assert owner.shell.flowing

    run(toy, moves)


def test_a_commit_without_an_end_ends_the_worker(toy: Toy) -> None:
    async def moves(owner: Owner) -> None:
        owner.shell.config = msgspec.structs.replace(owner.shell.config, delivery_timeout_ms=500)
        await asyncio.wait_for(owner.shell.commit(), SECONDS)
        with pytest.raises(ShellError, match="STREAM_DELIVERY_TIMEOUT"):
            await owner.shell.failure

    run(toy, moves)


def test_a_commit_that_is_asked_for_after_the_end_finds_nothing_to_write(toy: Toy) -> None:
    """Faust asks for commits until it has stopped; the producers are gone by then."""

    async def ends(owner: Owner) -> None:
        owner.checkpoint.go.set()
        owner.shell.let_go()
        await owner.checkpoint.close()
        await asyncio.wait_for(owner.shell.commit(), SECONDS)
        assert not owner.shell.failure.done()

    run(toy, ends)


def test_a_take_over_that_the_next_has_overtaken_owns_nothing(toy: Toy) -> None:
    """It may go on for a while: who waits for it is told to stop, and what it waits for may take that for its own end."""

    async def moves(owner: Owner) -> None:
        earlier = asyncio.create_task(owner.take((0, 1), 3))
        await asyncio.sleep(0)  # it has begun
        await owner.take((1,), 4)
        await earlier
        assert {number for _, number in owner.shell.parts} == {1}
        assert owner.shell.generation == 4

    run(toy, moves)
