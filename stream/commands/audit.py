"""``stream audit``: whether the figures are what the facts come to."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

import click
import msgspec
from aiokafka import TopicPartition

from stream.commands import CommandError, Context, kafka
from stream.commands.words import minute_text, segment_text
from stream.core.audit import AuditError, Difference, Rows, audit
from stream.core.audit_answers import AnswerDifference
from stream.core.config import CoreConfig
from stream.core.customer_facts import Given
from stream.core.entity import kinds
from stream.core.impossible import raised_in
from stream.core.measure import Figure
from stream.core.segment import segment_labels
from stream.core.state_shape import GenerationError, ShapeChangedError
from stream.core.tally import DamagedRowError
from stream.core.ticket import RowVersionError
from stream.core.tickets_meta import UnknownRowError
from stream.metrics import selected
from stream.runtime import clients
from stream.settings import Settings
from stream.settings.forms import show_duration

SHOWN = 50


AT_WORK = "a worker is at work, so that facts and figures do not stand still: stop it first"
SETTLE_POLLS, SETTLE_SECONDS = 20, 0.5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all differences as JSON, one a line.")
@click.pass_obj
def command(context: Context, *, as_json: bool) -> None:
    """Fold the facts of all tickets and customers once more, and compare with the sums behind the figures.

    Where a metric follows customers' answers, those that customers have are compared with those on tickets, too. Reads the state of
    all stages and changes nothing. Run it with the worker's settings, while no worker runs; what is left in the topics has to be
    worked off before (`stream worker --drain`). Windows that are too old to be recomputed are left out and counted. Exit code 1 if
    anything differs.
    """
    settings = context.settings
    core = kafka.run(settings, kafka.fitted_core(settings))
    facts, windows, ends, answer_ends = kafka.run(settings, _state(settings, core))
    try:
        found = audit(core, selected(core), facts, windows, ends, answer_ends)
    except AuditError as exc:
        raise CommandError(str(exc)) from exc
    except ShapeChangedError as exc:
        raise CommandError(f"{exc}; run the audit with the worker's settings") from exc
    except (DamagedRowError, UnknownRowError, RowVersionError, GenerationError, msgspec.DecodeError) as exc:
        raise CommandError(f"the state cannot be read: {exc}") from exc
    except Exception as exc:  # whatever computing with a damaged row comes to
        raise CommandError(f"a row of the state says what cannot be ({raised_in(exc)})") from exc
    line, answer_line = (_json, _answer_json) if as_json else (_line, _answer_line)
    lines = [*map(answer_line, found.wrong_answers), *map(line, found.differences)]
    hidden = 0 if as_json else len(lines) - SHOWN
    for shown in lines if as_json else lines[:SHOWN]:
        print(shown)
    if hidden > 0:
        print(f"... and {hidden:,} more: see all with --json")
    answers = f"{found.answers:,} answers and " if core.answers else ""
    summary = (
        f"{found.rows:,} {' and '.join(kind.name for kind in kinds(core))} folded, {answers}{found.windows:,} sums compared, "
        f"{found.skipped:,} too old to be recomputed, {len(lines):,} differ"
    )
    print(summary, file=sys.stderr if as_json else sys.stdout)
    if lines:
        raise CommandError(
            "the figures are not what the facts come to: please report it, with these lines; a new generation "
            "(for example another STREAM_MAX_LABEL_VALUES) builds all figures anew from the facts"
        )


async def _ends_at_rest(
    settings: Settings, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """The ends once the last commit of a worker can be read."""
    for _ in range(SETTLE_POLLS):
        found = await clients.ends_at_rest(settings.runtime(), partitions)
        if found is not None:
            return found
        await asyncio.sleep(SETTLE_SECONDS)
    raise CommandError(AT_WORK)


async def _state(
    settings: Settings, core: CoreConfig
) -> tuple[dict[str, list[Rows]], list[Rows], list[int], list[int]]:
    """Rows of all changelogs, those of facts by stage, and the ends of deltas and answers. Raises CommandError when they move meanwhile."""
    facts = {kind.name: kind.changelog(core.topics) for kind in kinds(core)}
    said = (core.topics.deltas, *((core.topics.answers,) if core.answers else ()))
    names = (*facts.values(), core.topics.windows_changelog, *said)
    partitions = await kafka.partitions_of(settings.runtime(), names)
    consumer = clients.reader(settings.runtime(), committed=True)
    rows: dict[TopicPartition, dict[bytes, bytes]] = {tp: {} for tp in partitions}
    try:
        await consumer.start()
        ends = await _ends_at_rest(settings, partitions)
        logs = {tp: end for tp, end in ends.items() if tp.topic not in said}
        begins = await consumer.beginning_offsets(list(logs))
        async for record in kafka.read_between(consumer, begins, logs):
            kept = rows[TopicPartition(record.topic, record.partition)]
            if record.value is None:
                kept.pop(record.key, None)
            else:
                kept[record.key] = record.value
        if await clients.ends(settings.runtime(), partitions, committed=True) != ends:
            raise CommandError(AT_WORK)
        # The last record may be a transaction's marker: what can be consumed ends before it.
        between = {tp: end for tp, end in ends.items() if tp.topic in said}
    finally:
        await consumer.stop()

    def ends_of(topic: str) -> list[int]:
        return [between[tp] for tp in sorted(between, key=lambda tp: tp.partition) if tp.topic == topic]

    def of(topic: str) -> list[Rows]:
        return [rows[tp] for tp in sorted(rows, key=lambda tp: tp.partition) if tp.topic == topic]

    return (
        {stage: of(changelog) for stage, changelog in facts.items()},
        of(core.topics.windows_changelog),
        ends_of(core.topics.deltas),
        ends_of(core.topics.answers),
    )


def _line(found: Difference) -> str:
    window = f"{minute_text(found.start_ms)}/{show_duration(found.window_ms)}" if found.start_ms else "by now"
    name = f"{found.name} began" if found.live else found.name
    return (
        f"{segment_text(segment_labels(found.segment))}   {window}   {name}: "
        f"stored {_figures(found, found.stored)}, recomputed {_figures(found, found.recomputed)}"
    )


def _figures(found: Difference, tally: Mapping[int, int]) -> str:
    """The figures as n and value, and the sums that differ, which say more to a maintainer."""
    other = found.recomputed if tally is found.stored else found.stored
    differing = sorted(
        slot for slot in tally.keys() | other.keys() if tally.get(slot, 0) != other.get(slot, 0)
    )
    sums = ", ".join(f"slot {slot} {tally.get(slot, 0)}" for slot in differing[:4])
    figures: Sequence[Figure] = ()
    if not found.live and found.metric is not None:
        with suppress(Exception):  # a damaged sum has no figure
            figures = found.metric.figures(dict(tally))
    text = ", ".join(f"n {figure.n} value {figure.value}" for figure in figures)
    return f"{text} ({sums})" if text else sums


def _answer_line(found: AnswerDifference) -> str:
    at_ms = (*found.missing, *found.extra)[0].at
    if not found.extra:
        what = "stands on a ticket, and not with its customer"
    elif not found.missing:
        what = "is with a customer, and stands on no ticket, or is there more than once"
    else:
        what = "is with its customer another one than on its ticket"
    return f"tenant={found.tenant}   {minute_text(at_ms)}   answer {found.key.hex()} of customers partition {found.partition}: {what}"


def _answer_json(found: AnswerDifference) -> str:
    def of(answers: Sequence[Given]) -> Sequence[dict[str, object]]:
        return [
            {"at_ms": one.at, "scale": one.scale, "score": one.score, "labels": one.labels} for one in answers
        ]

    return msgspec.json.encode(
        {
            "answer": found.key.hex(),
            "tenant": found.tenant,
            "partition": found.partition,
            "missing": of(found.missing),
            "extra": of(found.extra),
        }
    ).decode()


def _json(found: Difference) -> str:
    def sums(tally: Mapping[int, int]) -> Sequence[tuple[int, int]]:
        return sorted(tally.items())

    return msgspec.json.encode(
        {
            "segment": segment_labels(found.segment),
            "start_ms": found.start_ms,
            "window_ms": found.window_ms,
            "metric": found.name,
            "live": found.live,
            "stored": sums(found.stored),
            "recomputed": sums(found.recomputed),
        }
    ).decode()
