"""Processes under test: started from a module, output kept, always ended by their own id."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]


class Process(AbstractContextManager["Process"]):
    """One child process; leaving the block kills it if it still runs."""

    def __init__(self, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """``arguments`` follow the Python interpreter of the tests."""
        number = len(list(folder.glob("process-*.txt")))
        self.output_file = folder / f"process-{number}.txt"
        with self.output_file.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.output_file.read_text(errors="replace")

    @property
    def error(self) -> str:
        """Its last line that names an error; other threads may still say something after it."""
        return next((line for line in reversed(self.output.splitlines()) if line.startswith("error: ")), "")

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    @property
    def stopped(self) -> bool:
        """Whether a SIGSTOP holds it."""
        state = subprocess.run(
            ["ps", "-o", "state=", "-p", str(self.pid)], check=False, capture_output=True, text=True
        )
        return state.stdout.strip().startswith("T")

    def wait(self, seconds: float = 120) -> int:
        """Wait for the end and return the exit code."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.output[-4000:]}") from None

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """SIGKILL."""
        self.send(signal.SIGKILL)
        self._process.wait()

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until it has printed ``text``."""
        wait_until(lambda: text in self.output or not self.running, seconds, lambda: self.output[-4000:])
        assert text in self.output, (
            f"ended with {self._process.returncode} before {text!r}:\n{self.output[-4000:]}"
        )


def wait_until(
    true: Callable[[], object], seconds: float, tell: Callable[[], str] = lambda: "", *, pause: float = 0.05
) -> None:
    """Poll until ``true`` holds; fail with ``tell`` after ``seconds``. ``pause``: longer where asking costs what is waited for."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s. {tell()}"
        time.sleep(pause)
