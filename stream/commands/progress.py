"""A progress bar over files that are read, on a terminal only."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class ReadProgress:
    """Share of the files' bytes that has been read, with a count of events. Anywhere but on a terminal it shows nothing."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._sizes = [path.stat().st_size for path in files]
        self._read = 0
        self._show: Callable[[int, int], None] = lambda _read, _events: None
        self._stop: Callable[[], None] = lambda: None

    def position(self, file: int) -> Callable[[int], None]:
        """To be told how many bytes of the file with this number have been read."""
        before = sum(self._sizes[:file])

        def at(position: int) -> None:
            self._read = before + position

        return at

    def events(self, number: int) -> None:
        """So many events are done with."""
        self._show(self._read, number)

    def __enter__(self) -> Self:
        if not sys.stderr.isatty():
            return self
        from rich.console import Console  # noqa: PLC0415 - a terminal only
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        bar = Progress(
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[events]:,} events"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task("", total=sum(self._sizes), events=0)
        bar.start()
        self._stop = bar.stop
        self._show = lambda read, events: bar.update(task, completed=read, events=events)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
