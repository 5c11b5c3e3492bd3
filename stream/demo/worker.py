"""The demo's worker: a process of its own, as in production, with settings of its own."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path

import click

from stream.demo.figures import GAUGE_WINDOWS, Figures, fetch

START_SECONDS = 60.0
STOP_SECONDS = 15.0
ANSWER_SECONDS = 10.0

PACKAGE_ROOT = Path(__file__).parents[2]

APP_ID = "demo"
PARTITIONS = 2
DELTA_PARTITIONS = 1

SETTINGS = {
    "STREAM_APP_ID": APP_ID,
    "STREAM_PARTITIONS": str(PARTITIONS),
    "STREAM_DELTA_PARTITIONS": str(DELTA_PARTITIONS),
    "STREAM_CLOCK": "event",
    "STREAM_GAUGE_WINDOWS": ",".join(GAUGE_WINDOWS),
    "STREAM_ROLLUP_WINDOWS": "1d",
    "STREAM_CORRECTION_HORIZON": "35d",
    "STREAM_GROUPINGS": "all;team",
    "STREAM_COMMIT_INTERVAL": "100ms",
    "STREAM_WINDOWS_INTERVAL": "100ms",
    "STREAM_LOG_LEVEL": "warning",
}


class DemoError(click.ClickException):
    """The demo cannot go on; one line that says why."""


def environment(**more: str) -> dict[str, str]:
    """The environment of this process without anybody's own settings of the program."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_")}
    return {**own, **SETTINGS, **more}


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Worker:
    """``stream worker`` as a child process. Its log goes to a file in ``folder``."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/metrics"
        self._log = folder / "worker.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stream", "worker", "--allow-volatile-broker"],
                env=environment(
                    STREAM_BROKERS=brokers, STREAM_HTTP_HOST="127.0.0.1", STREAM_HTTP_PORT=str(self.port)
                ),
                cwd=PACKAGE_ROOT,  # what runs there is what runs here, whatever the current folder holds
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which ends its children in order
            )

    async def ready(self) -> None:
        """Wait until it says so. Raises DemoError when it ends or takes too long."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                self.check()
                with contextlib.suppress(OSError, HTTPException):
                    status, _ = await asyncio.to_thread(fetch, self.port, "/readyz")
                    if status == 200:
                        return
                await asyncio.sleep(0.1)

    async def figures(self) -> Figures:
        """Scrape it. Raises DemoError when it has ended or does not answer."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            self.check()
            try:
                status, body = await asyncio.to_thread(fetch, self.port)
            except (OSError, HTTPException) as exc:
                if time.monotonic() > deadline:
                    raise DemoError(f"the worker's /metrics does not answer: {exc}") from exc
                await asyncio.sleep(0.2)  # if it is dying, it is dead by then
                continue
            if status != 200:
                raise DemoError(f"the worker's /metrics answers {status}")
            return Figures(body)

    def check(self) -> None:
        """Raise DemoError if the process has ended."""
        code = self._process.poll()
        if code is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            raise DemoError(f"the worker ended with exit code {code}: {lines[-1] if lines else 'no output'}")

    def stop(self) -> None:
        """Ask it to stop, and end it if it does not."""
        end(self._process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL after a while; the process is gone afterwards."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """For the log and whatever the broker keeps; removed at the end."""
    return tempfile.TemporaryDirectory(prefix="stream-demo-")
