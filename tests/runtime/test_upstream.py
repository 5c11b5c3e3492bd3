"""What we stand against in Faust and aiokafka is as it was when we looked at it."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from stream.runtime.stands_against import STANDS_AGAINST, Upstream

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("upstream", STANDS_AGAINST, ids=[upstream.name for upstream in STANDS_AGAINST])
def test_upstream_has_not_changed(upstream: Upstream) -> None:
    assert upstream.current_sha256() == upstream.source_sha256, (
        f"{upstream.name} has changed; we override it or rely on it because: {upstream.reason}. "
        "Read the new source, adapt stream/runtime/upstream.py, run tests/runtime and tests/broker, then note the new hash"
    )


def test_the_versions_that_we_looked_at_are_pinned() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    for package in ("faust-streaming", "aiokafka"):
        pinned = re.search(rf'"{package}==([^"]+)"', project)
        assert pinned is not None
        assert pinned[1] == version(package)


def test_private_names_of_upstream_stay_in_their_room() -> None:
    """Other modules may import aiokafka's public clients; nothing else of Faust, and no attribute with an underscore of theirs."""
    for path in (ROOT / "stream").rglob("*.py"):
        if path.name in {"upstream.py", "member.py"}:
            continue
        text = path.read_text()
        assert not re.search(r"^(from|import) (faust|mode)\b", text, re.MULTILINE), path
        assert not re.search(r"\b(consumer|producer|admin|client|probe)\._[a-z]", text), path
