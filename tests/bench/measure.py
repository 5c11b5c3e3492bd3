"""One child process to its end: what it cost, as the operating system counted it."""

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from tests.support.process import ROOT


class Cost(NamedTuple):
    """User and system seconds, elapsed seconds and the most memory that was resident; of the process and all that it waited for."""

    cpu_seconds: float
    wall_seconds: float
    peak_rss_bytes: int
    output: str


def run(
    arguments: list[str], folder: Path, env: Mapping[str, str] | None = None, scrape_port: int | None = None
) -> Cost:
    """Run Python with these arguments; ``scrape_port`` is asked for its metrics once a second. Raises RuntimeError if it fails."""
    output = folder / f"bench-{uuid4().hex}.txt"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_")}
    began = time.monotonic()
    with output.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**clean, "PYTHONPATH": str(ROOT), **(env or {})},
        )
    ended = threading.Event()
    if scrape_port is not None:
        threading.Thread(target=_scrape, args=(scrape_port, ended), daemon=True).start()
    peak = Peak(child.pid, ended)
    peak.start()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    wall_seconds = time.monotonic() - began
    ended.set()
    said = output.read_text(errors="replace")
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}:\n{said[-4000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_seconds, peak.rss_bytes, said)


class Peak(threading.Thread):
    """Reads the most memory that was resident from /proc: what wait4 says begins with that of this process, from before the exec."""

    def __init__(self, pid: int, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._ended = ended
        self.rss_bytes = 0

    def run(self) -> None:
        """Look ten times a second."""
        while not self._ended.wait(0.1):
            try:
                text = self._status.read_text()
            except OSError:
                return
            if "VmHWM:" in text and "python" in text.split("\n", 1)[0]:
                self.rss_bytes = int(text.split("VmHWM:")[1].split()[0]) * 1024


def _scrape(port: int | None, ended: threading.Event) -> None:
    while not ended.wait(1.0):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                answer.read()
        except (urllib.error.URLError, OSError):  # not there yet, or not any more
            continue
