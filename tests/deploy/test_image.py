"""The image's recipe: what its linter says, what may reach the builder, and the health check that runs inside."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch

from stream.web import server
from stream.web.health import Readiness
from tests.deploy.tools import DEPLOY, ROOT, run
from tests.support.ports import free_ports

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_hadolint_has_nothing_to_say() -> None:
    assert run("hadolint", DEPLOY / "Dockerfile") == ""


def test_every_file_that_the_recipe_copies_exists_and_passes_dockerignore() -> None:
    allowed = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"stream", "schemas", "requirements.lock"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), f"{source} is kept out by .dockerignore"
    assert set(allowed) == set(copied), "the builder gets what the recipe uses, and nothing else"


def test_everything_that_pip_installs_from_an_index_is_pinned_by_hash() -> None:
    commands = re.sub(r"\\\n\s*", "", DOCKERFILE)
    installs = re.findall(r"pip (?:--python \S+ )?install (.+?)(?: &&|$)", commands, re.MULTILINE)
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-deps /dist/" in install, install


def test_the_worker_does_not_run_as_root() -> None:
    final = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    user = re.search(r"^USER (\d+):(\d+)$", final, re.MULTILINE)
    assert user, "a numeric user, so that Kubernetes can check it"
    assert int(user[1]) > 0


@contextmanager
def answering(ready: Readiness) -> Iterator[int]:
    def no_metrics(accept: str, accept_encoding: str) -> server.Rendered:
        raise AssertionError(
            f"the probe asks for /readyz only, not for metrics ({accept}, {accept_encoding})"
        )

    running = server.start("127.0.0.1", 0, no_metrics, lambda: ready)
    try:
        yield running.port
    finally:
        running.stop()


def probe(port: int) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(DEPLOY / "healthcheck.py")],
        env={**os.environ, "STREAM_HTTP_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_ready_worker_is_healthy() -> None:
    with answering(Readiness(ready=True)) as port:
        code, said = probe(port)
    assert code == 0
    assert said.startswith("200 ")


def test_an_unready_worker_is_unhealthy_and_says_why() -> None:
    with answering(Readiness(ready=False, reasons=["recovering: 10 of 100 rows"])) as port:
        code, said = probe(port)
    assert code == 1
    assert said.startswith("503 ")
    assert "recovering: 10 of 100 rows" in said


def test_a_dead_worker_is_unhealthy_without_a_traceback() -> None:
    (port,) = free_ports(1)
    code, said = probe(port)
    assert code == 1
    assert f"no answer from 127.0.0.1:{port}" in said
