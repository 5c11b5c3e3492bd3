"""The progress bar of commands that read files: how far, and only where somebody looks."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from stream import demo
from stream.demo.feed import HELPDESK_FILE
from stream.gateway.files import read

HELPDESK = Path(demo.__file__).parent / HELPDESK_FILE

SHOW = """
import sys, pathlib
from stream.commands.progress import ReadProgress
files = [pathlib.Path(name) for name in sys.argv[1:]]
with ReadProgress(files) as progress:
    progress.position(1)(100)
    progress.events(1234)
"""


def test_half_of_the_bytes_of_all_files_is_half(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        file.write_bytes(b"x" * 200)
    master, slave = pty.openpty()
    result = subprocess.run(
        [sys.executable, "-c", SHOW, *map(str, files)], stderr=slave, stdout=subprocess.PIPE, check=True
    )
    os.close(slave)
    shown = os.read(master, 65_536).decode()
    os.close(master)
    assert "75 %  1,234 events" in shown
    assert result.stdout == b""


def test_without_a_terminal_nothing_is_shown(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x")
    command = [sys.executable, "-c", SHOW, str(tmp_path / "one"), str(tmp_path / "one")]
    result = subprocess.run(command, capture_output=True, check=True)
    assert (result.stdout, result.stderr) == (b"", b"")


def test_reading_tells_how_far_it_has_come(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"nonsense\n" * 300_000)
    told: list[int] = []
    for _ in read(file, at=told.append):
        pass
    assert told == sorted(told)
    assert told[-1] == file.stat().st_size
    assert len(set(told)) > 2


def test_of_a_small_compressed_file_it_is_not_at_the_end_before_its_lines_are() -> None:
    told: list[tuple[int, int]] = []
    count = 0

    def at(position: int) -> None:
        told.append((count, position))

    for _ in read(HELPDESK, at=at):
        count += 1
    size = HELPDESK.stat().st_size
    assert told[-1] == (count, size)
    for lines, position in told:
        assert abs(lines / count - position / size) < 0.2, (lines, position)
