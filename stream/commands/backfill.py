"""``stream backfill``: the same core as the worker's, over an archive, without Kafka."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from stream.commands import CommandError, Context
from stream.commands.words import not_empty
from stream.core.config import CoreConfig
from stream.core.dead_letter import origin
from stream.core.event_time import parse_time_ms
from stream.core.fold import FoldResult, fold
from stream.core.pane import FOREVER
from stream.core.record import Output, SourceRecord
from stream.gateway.files import FileError, Unroutable, read
from stream.metrics import selected
from stream.settings.forms import parse_duration, show_duration
from stream.web.suspects import suspect_notes

UNKNOWN_KEY = b"?"
"""For lines without a key of their own: the decoder finds what is wrong with the line before it looks at the key."""


class Archive:
    """The lines of all files as source records; an offset is a line's number, counted on through all files."""

    def __init__(
        self, files: Sequence[Path], config: CoreConfig, tenant: str | None, *, count_bots: bool
    ) -> None:
        self._files = files
        self._topics = {topic.removeprefix(config.topics.prefix): topic for topic in config.sources}
        self._tenant = tenant
        self._count_bots = count_bots
        self._begins: list[tuple[int, Path]] = []
        self.lines = 0
        self.unread_topics: Counter[str] = Counter()
        """Topics that no chosen metric reads -> lines."""

    def records(self) -> Iterator[SourceRecord]:
        """Read everything once. Raises FileError."""
        offset = 0
        for path in self._files:
            begin = offset
            self._begins.append((begin, path))
            for line in read(path, tenant=self._tenant, count_bots=self._count_bots):
                self.lines += 1
                offset = begin + line.number
                if isinstance(line, Unroutable):
                    yield SourceRecord(self._topics["tickets"], 0, offset, 0, UNKNOWN_KEY, line.value)
                elif line.topic in self._topics:
                    yield SourceRecord(self._topics[line.topic], 0, offset, 0, line.key, line.value)
                else:
                    self.unread_topics[line.topic] += 1

    def place(self, offset: int) -> tuple[Path, int]:
        """File and line of an offset."""
        begin, path = next(one for one in reversed(self._begins) if one[0] < offset)
        return path, offset - begin


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILES...",
)
@click.option(
    "--rollups",
    "rollups_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.ndjson",
    help="Where to write the rollups, one event per line. It is replaced when all is computed, not before.",
)
@click.option(
    "--dead-letters",
    "dead_letters_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write what was refused: file, line, reason and the line itself.",
)
@click.option("--now", metavar="TIME", help="What counts as the future, RFC 3339; the clock if not given.")
@click.option(
    "--horizon",
    metavar="DURATION",
    help="How late an event may come after its window's end (35d). Not given: however late; 'settings': as a worker would.",
)
@click.option(
    "--tenant", callback=not_empty, help="Tenant of the help-desk CSV's events.  [default: helpdesk]"
)
@click.option(
    "--count-bots", is_flag=True, help="Take the CSV's auto-responder for an agent, to see what that does."
)
@click.pass_obj
def command(
    context: Context,
    *,
    files: tuple[Path, ...],
    rollups_file: Path,
    dead_letters_file: Path | None,
    now: str | None,
    horizon: str | None,
    tenant: str | None,
    count_bots: bool,
) -> None:
    """Compute rollups from files of events, without Kafka.

    FILES are NDJSON of CloudEvents, plain or gzipped, in any order, or the help-desk CSV. They go through the same code as a
    worker's events, and every window is closed at the end: the rollups are those of a worker that has read the same
    events. What was read is accounted for at the end: in = applied + duplicate + skipped + dead-lettered. Where not one
    line is accepted, it fails and leaves OUT.ndjson as it was.
    """
    config = _with_horizon(context.settings.core(), horizon)
    now_ms = time.time_ns() // 1_000_000
    reference_ms = now_ms
    if now is not None:
        parsed = parse_time_ms(now)
        if parsed is None:
            raise click.BadParameter("write it as 2026-11-05T12:00:00Z", param_hint="--now")
        reference_ms = parsed
    archive = Archive(files, config, tenant, count_bots=count_bots)
    written = [path for path in (rollups_file, dead_letters_file) if path is not None]
    _must_differ(files, written)
    for path in written:
        _must_be_writable(path)
    try:
        result = fold(config, selected(config), archive.records(), now_ms=now_ms, reference_ms=reference_ms)
    except FileError as exc:
        raise CommandError(str(exc)) from exc
    if dead_letters_file is not None:
        _write(dead_letters_file, [_dead_letter_line(output, archive) for output in result.dead_letters])
    if archive.lines and len(result.dead_letters) == archive.lines:
        first = origin(result.dead_letters[0].headers)
        path, line = archive.place(first.offset)
        raise CommandError(
            f"none of {archive.lines:,} lines was accepted; the first is {path} line {line}: {first.reason}. "
            "--dead-letters FILE writes them all"
        )
    _write(rollups_file, [output.value for output in result.rollups if output.value is not None])
    for text in accounting(archive, result):
        print(text)
    for note in suspect_notes(result.windows.authors.suspects_of_all()):
        print(f"note: {note}")


def accounting(archive: Archive, result: FoldResult) -> Iterator[str]:
    """What became of every line, for people."""
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for counts in result.counts.values():
        for name, number in counts.items():
            outcomes[name.partition(":")[0]] += number
            if ":" in name:
                reasons[name] += number
    for topic, number in archive.unread_topics.items():
        outcomes["skipped"] += number
        reasons[f"skipped:{topic} events, which no metric of STREAM_METRICS reads"] += number
    yield (
        f"in {archive.lines:,} = applied {outcomes['applied']:,} + duplicate {outcomes['duplicate']:,} "
        f"+ skipped {outcomes['skipped']:,} + dead-lettered {outcomes['dead_lettered']:,}"
    )
    for name, number in sorted(reasons.items()):
        outcome, _, reason = name.partition(":")
        yield f"  {outcome.replace('_', '-')}: {reason} {number:,}"
    for metric, number in sorted(result.too_late.items()):
        yield f"  too late for every window: {metric} {number:,}"
    for metric, windows in sorted(result.windows.progress.too_late.items()):
        for window_ms, number in sorted(windows.items()):
            yield f"  too late for windows of {show_duration(window_ms)}: {metric} {number:,}, over all segments"
    yield f"rollups {len(result.rollups):,}"


def _with_horizon(config: CoreConfig, horizon: str | None) -> CoreConfig:
    if horizon == "settings":
        return config
    try:
        horizon_ms = FOREVER if horizon is None else parse_duration(horizon)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--horizon") from exc
    return msgspec.structs.replace(config, horizons_ms=dict.fromkeys(config.rollup_windows_ms, horizon_ms))


def _dead_letter_line(output: Output, archive: Archive) -> bytes:
    said = origin(output.headers)
    path, line = archive.place(said.offset)
    return msgspec.json.encode(
        {
            "file": str(path),
            "line": line,
            "reason": said.reason,
            "message": said.message,
            "value": (output.value or b"").decode("utf-8", "backslashreplace"),
        }
    )


def _must_differ(read_files: Sequence[Path], written: Sequence[Path]) -> None:
    """Nothing that is read, and nothing that was written, is overwritten."""
    taken = {path.resolve() for path in read_files}
    for path in written:
        if path.resolve() in taken:
            raise click.UsageError(
                f"{path} is named twice: what is read and what is written need files of their own"
            )
        taken.add(path.resolve())


def _must_be_writable(path: Path) -> None:
    """Tell before the work, not after it."""
    if _is_a_device(path):
        return
    draft = _draft(path)
    try:
        draft.touch()
        draft.unlink()
    except OSError as exc:
        raise CommandError(f"{path} cannot be written: {exc.strerror}", code=2) from exc


def _is_a_device(path: Path) -> bool:
    """A pipe, a terminal and their like are written to, and never replaced."""
    return path.exists() and not path.is_file()


def _draft(path: Path) -> Path:
    """Beside the file that a link leads to: the link stays."""
    target = path.resolve()
    return target.with_name(f".{target.name}.draft")


def _write(path: Path, lines: Sequence[bytes]) -> None:
    """All lines or nothing: a reader never sees half a file."""
    device = _is_a_device(path)
    draft = path if device else _draft(path)
    try:
        with draft.open("wb") as file:
            file.writelines(line + b"\n" for line in lines)
        if not device:
            draft.replace(path.resolve())
    except OSError as exc:
        if not device:
            draft.unlink(missing_ok=True)
        raise CommandError(f"{path} cannot be written: {exc.strerror}") from exc
