"""``--drain``: process up to the ends found at start, publish what is final, and be done.

The parts of the input stages close when their sources are read to those ends. The parts of the later stages are done when
they have applied what was in their sources after that. Ownership may move meanwhile: what counts is what is owned now, and a
worker that takes over finishes what another one left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from stream.runtime.positions import TopicPartition
from stream.runtime.shell import Shell
from stream.runtime.stage import Part

POLL_SECONDS = 0.05

AskEnds = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]


async def drain(
    shell: Shell,
    input_stages: Collection[str],
    ends_at_start: Mapping[TopicPartition, int],
    ask_ends: AskEnds,
) -> None:
    """Return when everything owned is drained and committed; then the worker stops."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        if not shell.flowing:
            continue
        generation = shell.generation
        inputs = [part for part in shell.parts.values() if part.spec.name in input_stages]
        if not all(_reached(part, ends_at_start) for part in inputs):
            continue
        for part in inputs:
            part.shard.close_input()
        await shell.commit(inputs)
        later = [part for part in shell.parts.values() if part.spec.name not in input_stages]
        ends = await ask_ends([(topic, part.number) for part in later for topic in part.spec.sources])
        while (  # noqa: ASYNC110 - positions have no event to wait for
            shell.flowing
            and shell.generation == generation
            and not all(_reached(part, ends) for part in later)
        ):
            await asyncio.sleep(POLL_SECONDS)
        await shell.commit(later)  # not the inputs: what they write now would be left behind
        if (
            shell.flowing
            and shell.generation == generation
            and not any(part.dirty for part in shell.parts.values())
        ):
            return


def _reached(part: Part, ends: Mapping[TopicPartition, int]) -> bool:
    return all(
        part.positions.get(topic, -1) >= ends.get((topic, part.number), 0) for topic in part.spec.sources
    )
