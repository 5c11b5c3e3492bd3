"""The programs that check `deploy/`, from Debian or from the virtual environment; a missing one fails the test that needs it."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

_INSTALLED_BY = {
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "amtool": "apt-get install prometheus-alertmanager",
    "prometheus-alertmanager": "apt-get install prometheus-alertmanager",
    "check-jsonschema": "make setup",
    "hadolint": "make setup",
}


def tool(name: str) -> str:
    """Path of a program; fails with the command that installs it."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing. Install it: {_INSTALLED_BY[name]}", pytrace=False)
    return found


def run(name: str, *arguments: str | Path, cwd: Path = ROOT) -> str:
    """Run a checker and return its standard output; fails with all that it said when it is not content."""
    command = [tool(name), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)} -> {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def load(path: Path) -> dict[str, Any]:
    """A YAML file of `deploy/`."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
