"""``stream dlq replay``: dead letters that the present settings accept go back to where they came from."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

import click

from stream.commands import CommandError, Context, kafka
from stream.commands.dlq_log import (
    Extent,
    Letter,
    Memory,
    dead_letter_topics,
    extent,
    letters,
    reason_option,
    remember,
    topic_option,
)
from stream.core.config import CoreConfig
from stream.core.dead_letter import original_headers
from stream.core.decode import Accepted, Decoder, Refused
from stream.core.partitioner import PARTITIONERS
from stream.core.record import SourceRecord
from stream.core.refusal import REASONS
from stream.runtime import clients
from stream.settings import Settings

CHUNK = 1_000
"""Records between two waits for the brokers' acknowledgement."""

CUT = "cut: the whole value is not here any more"
FOREIGN = "not written by this program"


class Plan(NamedTuple):
    """What a replay would do."""

    there: Extent
    send: Counter[tuple[str, str]]
    """(source topic, reason) -> letters that would be sent back."""
    leave: Counter[tuple[str, str]]
    """(source topic, why) -> letters that would not."""
    before: int
    """Letters that were sent back by an earlier replay."""


@click.command()
@reason_option
@topic_option
@click.option("--dry-run", is_flag=True, help="Say what would be sent back, and send nothing.")
@click.option("--again", is_flag=True, help="Also what an earlier replay has sent back already.")
@click.option(
    "--repartition",
    is_flag=True,
    help="Send to the partition that STREAM_PARTITIONER gives the key, instead of the one it came from: for records of a "
    "sender that chose partitions in another way, and was mended.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def replay(
    context: Context,
    *,
    reasons: tuple[str, ...],
    topic: str | None,
    dry_run: bool,
    again: bool,
    repartition: bool,
    yes: bool,
) -> None:
    """Send dead letters back to their topics, after what was wrong is mended.

    For records that were refused because of a setting (STREAM_PARTITIONER, STREAM_MAX_SKEW), an older version of this program, or a
    clock. Each letter is judged first by the settings that this command runs with: what they still refuse is left out, and looked
    at again next time, with what stands behind it in its partition. The rest is sent with its original key, value and headers to
    the partition that it came from.

    It is safe to repeat and to interrupt: an event that comes twice changes nothing. What was sent back is remembered per reason as
    offsets of the group APP_ID-dlq-replay, for as long as the brokers keep offsets of a group without members (7 days unless set
    otherwise). The letters themselves stay until their topic's retention ends. Figures of windows that are past their correction
    horizon (STREAM_CORRECTION_HORIZON) do not change any more.
    """
    settings = context.settings
    core = kafka.run(settings, kafka.fitted_core(settings))
    judge = _Judge(core, repartition=repartition)
    plan = kafka.run(settings, _plan(settings, judge, reasons, topic, again=again))
    for line in _words(plan):
        print(line)
    number = plan.send.total()
    if dry_run or not number:
        return
    if not yes:
        try:
            click.confirm(f"Send {number:,} events back?", abort=True, err=True)
        except click.Abort as exc:
            raise CommandError("nothing was sent") from exc
    kafka.run(settings, _send(settings, judge, plan, reasons, again=again))
    print(f"{number:,} events sent back")


def _words(plan: Plan) -> Iterator[str]:
    for (topic, reason), number in sorted(plan.send.items()):
        yield f"{number:>9,}  {reason:<15}  back to {topic}"
    for (topic, why), number in sorted(plan.leave.items()):
        yield f"{number:>9,}  left out         {topic}: {why}"
    if plan.before:
        yield f"{plan.before:>9,}  were sent back before (--again takes them too)"
    if not plan.send:
        yield "nothing to send back"


class _Judge:
    """Decides what becomes of a letter."""

    def __init__(self, core: CoreConfig, *, repartition: bool) -> None:
        self._core = core
        self._partition_of = PARTITIONERS.get(core.partitioner) if repartition else None
        self._decode = Decoder(core).decode
        self._now_ms = int(time.time() * 1000)

    def back(self, letter: Letter) -> SourceRecord | str:
        """The record as it goes back, or why it does not."""
        record, said = letter.record, letter.origin
        if said.topic not in self._core.sources or self._core.topics.dlq(said.topic) != record.topic:
            return FOREIGN
        if said.truncated:
            return CUT
        partition = said.partition
        if record.key is not None and self._partition_of is not None:
            partition = self._partition_of(record.key, self._core.source_partitions)
        if not 0 <= partition < self._core.source_partitions:
            return FOREIGN
        headers = original_headers(record.headers)
        found = SourceRecord(
            said.topic, partition, said.offset, self._now_ms, record.key, record.value, headers
        )
        verdict = self._decode(found)
        if isinstance(verdict, Accepted):
            return found
        return f"still refused as {verdict.reason}" if isinstance(verdict, Refused) else "of an unknown type"


async def _plan(
    settings: Settings, judge: _Judge, reasons: Collection[str], topic: str | None, *, again: bool
) -> Plan:
    config = settings.runtime()
    there = await extent(config, dead_letter_topics(settings.core(), topic))
    plan = Plan(there, Counter(), Counter(), 0)
    before = 0
    async for letter in letters(config, there.begins, there.ends, reasons):
        if not again and _is_remembered(letter, there.memory):
            before += 1
            continue
        found = judge.back(letter)
        source = letter.record.topic.removesuffix(".dlq")
        if isinstance(found, str):
            plan.leave[source, found] += 1
        else:
            plan.send[source, letter.origin.reason] += 1
    return plan._replace(before=before)


def _is_remembered(letter: Letter, memory: Memory) -> bool:
    return bool(letter.record.offset < memory.get(letter.place, {}).get(letter.origin.reason, 0))


async def _send(
    settings: Settings, judge: _Judge, plan: Plan, reasons: Collection[str], *, again: bool
) -> None:
    """Send what the plan says, then remember it: up to the first letter of a reason that had to stay."""
    config = settings.runtime()
    there = plan.there
    held: Memory = {}
    producer = clients.producer(config, idempotent=not settings.allow_volatile)
    try:
        await producer.start()
        waiting = []
        async for letter in letters(config, there.begins, there.ends, reasons):
            if not again and _is_remembered(letter, there.memory):
                continue
            found = judge.back(letter)
            if isinstance(found, str):
                if found not in (CUT, FOREIGN):
                    held.setdefault(letter.place, {}).setdefault(letter.origin.reason, letter.record.offset)
                continue
            waiting.append(
                await producer.send(
                    found.topic,
                    found.value,
                    found.key,
                    partition=found.partition,
                    headers=list(found.headers),
                )
            )
            if len(waiting) >= CHUNK:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    await remember(
        config,
        there.ends,
        {
            place: {
                **there.memory.get(place, {}),
                **{reason: held.get(place, {}).get(reason, end) for reason in reasons or REASONS},
            }
            for place, end in there.ends.items()
        },
    )
