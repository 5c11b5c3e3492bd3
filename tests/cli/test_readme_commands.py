"""The commands that the README names in its sentences and tables are typed into a shell as they stand."""

import re
import subprocess
from itertools import product
from pathlib import Path

import pytest

from stream.cli import cli
from tests.support.process import ROOT


def commands() -> list[str]:
    """Each `stream ...`; optional parts are given, and of alternatives each one."""
    found: dict[str, None] = {}
    for quoted in re.findall(r"`(stream [a-z][^`]*)`", (ROOT / "README.md").read_text()):
        words = re.sub(r"[\[\]]", "", quoted).replace("\\|", "|").split(" ")
        found |= dict.fromkeys(" ".join(one) for one in product(*(word.split("|") for word in words)))
    return list(found)


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_readme_is_one_that_a_shell_and_the_program_understand(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILES").touch()
    typed = subprocess.run(
        ["bash", "-c", f"stream() {{ printf '%s\\0' \"$@\"; }}; {line}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (typed.returncode, typed.stderr) == (0, "")
    name, *arguments = typed.stdout.split("\0")[:-1]
    figure = ["csat", "--window", "2026-11-05T12:00/1h"]
    wanting = {"dlq show": ["tickets.dlq-0-1"], "explain": figure, "compare": figure}
    if line.removeprefix("stream ") in wanting:
        arguments = [*arguments, *wanting[line.removeprefix("stream ")]]
    with cli.make_context("stream", [name]) as program:
        command = cli.get_command(program, name)
        assert command is not None
        command.make_context(name, arguments, parent=program)
