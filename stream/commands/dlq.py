"""``stream dlq``: what was refused, why, and sending it back after a fix."""

import heapq
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click
from aiokafka import TopicPartition

from stream.commands import CommandError, Context, kafka
from stream.commands.dlq_log import (
    Letter,
    dead_letter_topics,
    extent,
    json_option,
    letters,
    reason_option,
    topic_option,
)
from stream.commands.dlq_replay import replay
from stream.commands.words import escaped, minute_text, printable
from stream.core.dead_letter import OUR_HEADERS, origin
from stream.core.record import SourceRecord
from stream.runtime import clients
from stream.runtime.config import RuntimeConfig
from stream.settings import Settings

SHOWN_BYTES = 4_096
_POSITION = re.compile(r"(.+)-(\d{1,9})-(\d{1,18})")


@click.group()
def command() -> None:
    """List, show and count dead letters, and send them back after a fix.

    A record that breaks the contract goes to TOPIC.dlq with its original bytes and the reason, and counts in no figure. Reasons
    are those of the event contract (schemas/README.md). Text of events is printed by `show` only, with control characters escaped.
    """


@command.command("list")
@reason_option
@topic_option
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many, oldest first."
)
@json_option
@click.pass_obj
def list_letters(
    context: Context, *, reasons: tuple[str, ...], topic: str | None, limit: int, as_json: bool
) -> None:
    """List dead letters: when, why, where they stand, where they came from.

    The position (TOPIC-PARTITION-OFFSET) is what `stream dlq show` takes.
    """
    found = kafka.run(context.settings, _newest(context.settings, reasons, topic, limit))
    for letter in found:
        print(json.dumps(_document(letter)) if as_json else _line(letter))
    if not found and not as_json:
        print("no dead letters" + (" like that" if reasons or topic else ""), file=sys.stderr)


async def _newest(settings: Settings, reasons: Sequence[str], topic: str | None, limit: int) -> list[Letter]:
    config = settings.runtime()
    there = await extent(config, dead_letter_topics(settings.core(), topic))
    newest: list[tuple[int, TopicPartition, int, Letter]] = []
    async for letter in letters(config, there.begins, there.ends, reasons):
        bare = letter._replace(record=_without_content(letter.record))
        heapq.heappush(newest, (letter.record.timestamp, letter.place, letter.record.offset, bare))
        if len(newest) > limit:
            heapq.heappop(newest)
    return [letter for _, _, _, letter in sorted(newest)]


def _without_content(record: Any) -> SourceRecord:
    return SourceRecord(record.topic, record.partition, record.offset, record.timestamp, record.key, None)


def _line(letter: Letter) -> str:
    said = letter.origin
    cut = "  (cut)" if said.truncated else ""
    return printable(
        f"{minute_text(letter.record.timestamp)}  {said.reason:<15}  {letter.position}  "
        f"from {said.topic}-{said.partition}-{said.offset}  {said.message}{cut}"
    )


def _document(letter: Letter) -> dict[str, Any]:
    return {
        "position": letter.position,
        "timestamp": letter.record.timestamp,
        "key": None if letter.record.key is None else letter.record.key.decode("utf-8", "backslashreplace"),
        **letter.origin._asdict(),
    }


@command.command()
@click.argument("position", metavar="TOPIC-PARTITION-OFFSET")
@click.option("--raw", is_flag=True, help="Write the value's bytes and nothing else: into a file or a pipe.")
@click.pass_obj
def show(context: Context, *, position: str, raw: bool) -> None:
    """Show one dead letter: reason, origin, headers, key and value.

    The position is the one that `stream dlq list` prints first. This prints the event itself, which may hold what a customer
    wrote. Control characters are escaped.
    """
    settings = context.settings
    found = kafka.run(settings, _one(settings.runtime(), *_parse(settings, position)))
    if raw:
        sys.stdout.buffer.write(found.record.value or b"")
        sys.stdout.buffer.flush()
        return
    print("\n".join(_lines(found)))


def _parse(settings: Settings, position: str) -> tuple[TopicPartition, int]:
    parts = _POSITION.fullmatch(position)
    if not parts:
        raise click.BadParameter(f"{position!r} is no position; `stream dlq list` shows them")
    core = settings.core()
    topics = core.topics
    name = next(
        (dlq for dlq in map(topics.dlq, core.sources) if parts[1] in (dlq, dlq.removeprefix(topics.prefix))),
        None,
    )
    if name is None:
        raise click.BadParameter(
            f"{parts[1]} is no dead-letter topic; `stream dlq list` shows where dead letters stand"
        )
    return TopicPartition(name, int(parts[2])), int(parts[3])


async def _one(config: RuntimeConfig, place: TopicPartition, offset: int) -> Letter:
    if place not in await kafka.partitions_of(config, [place.topic]):
        raise CommandError(f"{place.topic} has no partition {place.partition}")
    consumer = clients.reader(config, committed=True)
    try:
        await consumer.start()
        begin = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        if begin <= offset < end:
            async for record in kafka.read_between(consumer, {place: offset}, {place: offset + 1}):
                return Letter(record, origin(record.headers))
    finally:
        await consumer.stop()
    raise CommandError(
        f"no dead letter stands at offset {offset} of {place.topic} partition {place.partition} "
        f"(offsets {begin} to {end - 1}, not each of them holds one); `stream dlq list` shows them"
    )


def _lines(found: Letter) -> Iterator[str]:
    said, record = found.origin, found.record
    yield f"position   {found.position}"
    yield f"refused    {minute_text(record.timestamp)} as {printable(said.reason)}: {printable(said.message)}"
    came = minute_text(said.timestamp) if 0 <= said.timestamp < 2**47 else "unknown"
    yield f"came from  {printable(said.topic)} partition {said.partition} offset {said.offset}, log time {came}"
    if said.truncated:
        yield "cut        to what the brokers take; the whole one's length and SHA-256 are in the headers"
    for name, value in record.headers:
        if name not in OUR_HEADERS or said.truncated:
            yield f"header     {printable(name)} = {escaped(value)}"
    yield f"key        {escaped(record.key)}"
    value = record.value
    yield f"value      {escaped(None if value is None else value[:SHOWN_BYTES])}"
    if value is not None and len(value) > SHOWN_BYTES:
        yield f"           and {len(value) - SHOWN_BYTES:,} bytes more: --raw writes all of it"


class Tally(NamedTuple):
    """How many letters of one topic have one reason."""

    topic: str
    reason: str
    letters: int
    sent_back: int
    """How many of them ``stream dlq replay`` has sent back."""


@command.command()
@reason_option
@topic_option
@json_option
@click.pass_obj
def count(context: Context, *, reasons: tuple[str, ...], topic: str | None, as_json: bool) -> None:
    """Count dead letters by source topic and reason, and how many of them were sent back."""
    found = kafka.run(context.settings, _count(context.settings, reasons, topic))
    if as_json:
        print(json.dumps([tally._asdict() for tally in found]))
        return
    for tally in found:
        back = f"  ({tally.sent_back:,} sent back)" if tally.sent_back else ""
        print(printable(f"{tally.letters:>9,}  {tally.reason:<15}  {tally.topic}{back}"))
    print(f"{sum(tally.letters for tally in found):>9,}  in all")


async def _count(settings: Settings, reasons: Sequence[str], topic: str | None) -> list[Tally]:
    config = settings.runtime()
    there = await extent(config, dead_letter_topics(settings.core(), topic))
    number: Counter[tuple[str, str]] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    async for letter in letters(config, there.begins, there.ends, reasons):
        which = (letter.record.topic.removesuffix(".dlq"), letter.origin.reason)
        number[which] += 1
        back[which] += letter.record.offset < there.memory.get(letter.place, {}).get(letter.origin.reason, 0)
    return [Tally(*which, number[which], back[which]) for which in sorted(number)]


command.add_command(replay)
