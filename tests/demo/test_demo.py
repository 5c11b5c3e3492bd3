"""``stream demo`` as a newcomer runs it: the known figures, the alert, a clean end."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.events import SurveyAnswered
from stream.demo.simulation import DAY_MS, DAYS, START_MS, simulate

END_SECONDS = 150
"""On a busy machine; a third of it on an idle one."""


class Run:
    """A folder and a mark of its own, by which everything is found that a demo leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.env = {
            **os.environ,
            "TMPDIR": str(folder),
            "HOME": str(folder),
            "DEMO_TEST_MARK": self.mark,
            "PYTHONDONTWRITEBYTECODE": "1",
            "STREAM_BROKERS": "nowhere.invalid:9092",  # settings of one's own must not matter
            "STREAM_GAUGE_WINDOWS": "5m",
            "COLUMNS": "130",
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "stream", "demo", *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[str]:
        """Command lines of the processes that carry the mark."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
        return found

    def assert_nothing_left(self, metrics_url: str) -> None:
        assert self.processes() == []
        assert list(self.folder.iterdir()) == []
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(metrics_url, timeout=2)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    for entry in Path("/proc").iterdir():  # a failed test must not leave anything either
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and made.mark.encode() in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def finished(process: "subprocess.Popen[str]") -> tuple[str, str]:
    try:
        out, err = process.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return out, err


def alert_times() -> tuple[datetime, datetime]:
    """When the satisfaction of the last 24 hours fell under 80 % and came back, to the quarter of an hour, from the simulation."""
    times: list[int] = []
    satisfied = [0]
    for timed in simulate():
        if isinstance(timed.event, SurveyAnswered) and timed.event.data.kind == "csat":
            times.append(timed.time_ms)
            satisfied.append(satisfied[-1] + ((timed.event.data.score or 0) >= 4))
    firing: list[datetime] = []
    for end in range(START_MS, START_MS + DAYS * DAY_MS, 15 * 60_000):
        first, last = bisect_left(times, end - DAY_MS), bisect_left(times, end)
        low = last - first >= 100 and (satisfied[last] - satisfied[first]) / (last - first) < 0.80
        if low != bool(len(firing) % 2):
            firing.append(datetime.fromtimestamp(end / 1000, UTC))
    fired, resolved = firing
    return fired, resolved


def test_once_gives_the_known_figures_and_the_alert_and_leaves_nothing(
    run: Run, tmp_path_factory: Any
) -> None:
    picture = tmp_path_factory.mktemp("picture") / "table.svg"
    process = run.start("--once", "--json", "--picture", str(picture))
    out, err = finished(process)
    assert (process.returncode, err) == (0, "")
    result = json.loads(out)

    helpdesk = result["figures"]["helpdesk"]["all"]
    first = helpdesk["first_reply_time"]
    assert first["n"] == 354
    assert first["sum_seconds"] == 16_561_515
    assert first["mean_seconds"] / 3600 == pytest.approx(12.996, abs=0.0005)
    assert first["median_seconds"] == pytest.approx(119, rel=1 / 64)
    reply = helpdesk["reply_time"]
    assert reply["n"] == 1280
    assert reply["sum_seconds"] == 288_879_877
    assert reply["mean_seconds"] / 3600 == pytest.approx(62.69, abs=0.005)
    assert reply["median_seconds"] == pytest.approx(3285, rel=1 / 64)
    assert helpdesk["csat"]["n"] == 0
    assert result["figures"]["helpdesk"]["live"]["open"] == 360

    simulated = result["figures"]["simulated"]
    assert simulated["24h"]["csat"]["n"] >= 100
    assert simulated["24h"]["csat"]["ratio"] > 0.8
    assert simulated["all"]["nps"]["n"] > 5000
    assert simulated["all"]["queue_wait_time"]["n"] > 5000

    assert set(result["events"]) == {"applied"}
    alerts = result["alerts"]
    assert [alert["state"] for alert in alerts] == ["firing", "resolved"]
    assert {alert["tenant"] for alert in alerts} == {"simulated"}
    assert alerts[0]["value"] < 0.8 <= alerts[1]["value"]
    pane = timedelta(minutes=15)
    for alert, expected in zip(alerts, alert_times(), strict=True):
        assert abs(datetime.fromisoformat(alert["at"]) - expected) <= pane
    assert "FIRING" in picture.read_text()
    run.assert_nothing_left(result["metrics_url"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_ends_cleanly(run: Run, number: int) -> None:
    process = run.start("--seconds", "600")
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("figures: ").strip()
    assert url.startswith("http://127.0.0.1:"), url + process.communicate()[1]
    deadline = time.monotonic() + 60
    page = ""
    while "contact_centre_tickets_open" not in page and time.monotonic() < deadline:
        with urllib.request.urlopen(url, timeout=5) as answer:
            page = answer.read().decode()
        time.sleep(0.1)
    assert "contact_centre_tickets_open" in page
    assert "events" in process.stdout.readline()  # a line every few seconds
    assert len(run.processes()) == 3  # the demo, its broker and its worker
    process.send_signal(number)
    _, err = finished(process)
    assert (process.returncode, err) == (0, "stopped\n")
    run.assert_nothing_left(url)


def test_a_worker_that_dies_ends_the_demo_with_one_line(run: Run) -> None:
    process = run.start("--seconds", "600")
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("figures: ").strip()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if run.mark.encode() in (entry / "environ").read_bytes():
                command = (entry / "cmdline").read_bytes()
                if b"worker" in command:
                    os.kill(int(entry.name), signal.SIGKILL)
    _, err = finished(process)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert "the worker ended with exit code -9" in err
    run.assert_nothing_left(url)


@pytest.mark.parametrize("after", [0.0, 0.4, 0.9, 1.6])
def test_an_interruption_while_everything_starts_leaves_nothing(run: Run, after: float) -> None:
    process = run.start("--once")
    time.sleep(after)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, _ = finished(process)
    assert process.returncode != 0
    assert out == ""
    assert run.processes() == []
    assert list(run.folder.iterdir()) == []


def test_on_a_terminal_there_is_a_live_table(run: Run) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-m", "stream", "demo", "--seconds", "600"], run.env)
    shown = b""
    try:
        while not re.search(rb"simulated.*last 24 hours.*n=\d+ \[", shown, re.DOTALL):
            try:
                shown += os.read(terminal, 65_536)
            except OSError:  # it has ended, and its last words say why
                pytest.fail(shown[-500:].decode(errors="replace"))
        os.write(terminal, b"\x03")  # Ctrl-C
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(terminal, 65_536):
                shown += part
    finally:
        os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"help desk (real)" in shown
    assert b"/metrics" in shown
    assert shown.rstrip().endswith(b"stopped")
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l"), "the cursor must come back"
    assert run.processes() == []
    assert list(run.folder.iterdir()) == []


def test_json_goes_with_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream", "demo", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--once" in done.stderr
