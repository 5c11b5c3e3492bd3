"""What the runbook and the README tell people to type is something that exists."""

import re
import shlex
from pathlib import Path

import pytest

from stream.cli import cli
from tests.deploy.tools import DEPLOY, load

DOCUMENTS = ("runbook.md", "README.md")
SERVICES = load(DEPLOY / "compose.yaml")["services"]


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def commands() -> list[str]:
    """Commands of the program, as quoted in a sentence or on a line of their own."""
    found: dict[str, None] = {}
    for name in DOCUMENTS:
        found |= dict.fromkeys(re.findall(r"`(stream [a-z][^`]+)`", text(name)))
        found |= dict.fromkeys(
            re.findall(r"^\.venv/bin/(stream [^#\n]+?) *(?:#|$)", text(name), re.MULTILINE)
        )
    alerts = (DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    return list(found | dict.fromkeys(re.findall(r"`(stream [a-z][^`]+)`", alerts)))


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_program_is_one_that_it_understands(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("FILES", "events.ndjson"):
        Path(file).touch()
    _, name, *arguments = shlex.split(line)
    with cli.make_context("stream", [name]) as program:
        command = cli.get_command(program, name)
        assert command is not None
        command.make_context(name, arguments, parent=program)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_services_that_are_named_exist(name: str) -> None:
    named = re.findall(
        r"docker compose [^`\n]*?(?:exec|restart|run --rm(?: -v \S+)?|logs --tail 50) ([a-z]+)", text(name)
    )
    assert named
    assert set(named) <= set(SERVICES)


@pytest.mark.parametrize("name", [*DOCUMENTS, "your-own-metric.md"])
def test_files_that_are_named_exist(name: str) -> None:
    for file in re.findall(r"`((?:prometheus|alertmanager|grafana|deploy)/[\w./-]+)`", text(name)):
        assert (DEPLOY / file.removeprefix("deploy/")).exists(), file
    for target in re.findall(r"\]\((?!https://)([^)#]+)\)", text(name)):
        assert (DEPLOY / target).exists(), target
