"""``--drain``: process up to the ends found at start, publish what is final, and be done.

The parts of the input stages close when their sources are read to those ends; those that read what others of them write, when that
is read, too. The parts of the later stages are done when
they have applied what was in their sources after that. Ownership may move meanwhile: what counts is what is owned now, and a
worker that takes over finishes what another one left. Nobody leaves before all that it has written is taken in, by whoever
owns the later part: one that has just left takes in nothing, and then this worker gets its part.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from stream.runtime.positions import TopicPartition
from stream.runtime.shell import Shell
from stream.runtime.stage import Part

POLL_SECONDS = 0.05

ASK_SECONDS = 0.2

AskOffsets = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]


async def drain(
    shell: Shell,
    input_stages: Collection[str],
    ends_at_start: Mapping[TopicPartition, int],
    ask_ends: AskOffsets,
    ask_committed: AskOffsets,
) -> None:
    """Return when everything owned is drained and committed; then the worker stops.

    ``ask_committed`` tells the group's offsets, 0 where there are none.
    """
    between = [
        (topic, number)
        for spec in shell.specs
        for topic in (spec.rekeyed if spec.name in input_stages else spec.sources)
        for number in range(spec.partitions)
    ]
    rekeyed = [tp for tp in between if any(tp[0] in spec.rekeyed for spec in shell.specs)]
    while True:
        await asyncio.sleep(POLL_SECONDS)
        if not shell.flowing:
            continue
        generation = shell.generation
        inputs = [part for part in shell.parts.values() if part.spec.name in input_stages]
        if not all(_reached(part, ends_at_start) for part in inputs):
            continue
        middle = [part for part in inputs if part.spec.rekeyed]
        first = [part for part in inputs if not part.spec.rekeyed]

        def stays(generation: int = generation) -> bool:
            return shell.flowing and shell.generation == generation

        shell.tick()  # the last records may be newer than the last tick: the watermark goes as far as they do
        for part in first:
            part.shard.close_input()
        await shell.commit(first)
        if rekeyed:
            said = await ask_ends(rekeyed)
            while stays() and not all(_reached(part, said) for part in middle):  # noqa: ASYNC110 - positions have no event to wait for
                await asyncio.sleep(POLL_SECONDS)
            shell.tick()
            for part in middle:
                part.shard.close_input()
            await shell.commit(middle)
        written = [part.committed_at for part in middle]
        later = [part for part in shell.parts.values() if part.spec.name not in input_stages]
        ends = await ask_ends(between)
        while stays() and not all(_reached(part, ends) for part in (*middle, *later)):  # noqa: ASYNC110 - positions have no event to wait for
            await asyncio.sleep(POLL_SECONDS)
        await shell.commit(later)  # not the inputs: what they write now would be left behind
        others = [tp for tp in between if not any(_reads(part, tp) for part in (*middle, *later))]
        while stays() and not await _taken_in(others, ends, ask_committed):  # noqa: ASYNC110 - nor have the brokers
            await asyncio.sleep(ASK_SECONDS)
        if [part.committed_at for part in middle] != written:
            continue  # others' answers came in: what followed from them is to be taken in, too
        if stays() and not any(part.dirty for part in shell.parts.values()):
            return


async def _taken_in(
    tps: Collection[TopicPartition], ends: Mapping[TopicPartition, int], ask_committed: AskOffsets
) -> bool:
    if not tps:
        return True
    committed = await ask_committed(tps)
    return all(committed[tp] >= ends.get(tp, 0) for tp in tps)


def _reads(part: Part, tp: TopicPartition) -> bool:
    return tp[1] == part.number and tp[0] in part.spec.sources


def _reached(part: Part, ends: Mapping[TopicPartition, int]) -> bool:
    return all(
        part.positions.get(topic, -1) >= ends.get((topic, part.number), 0) for topic in part.spec.sources
    )
