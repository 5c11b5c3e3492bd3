"""Bring the jars of Apache Kafka into ``.cache/kafka`` by Maven: ``python -m tests.support.kafka_jars``.

A second run returns at once. Nothing is compiled, and only the checkout and Maven's own cache are written to.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
POM = Path(__file__).with_name("kafka-pom.xml")
LIBS = ROOT / ".cache" / "kafka" / "libs"
STAMP = LIBS.with_name("libs.sha256")

NEEDS = {
    "java": "Java 17 is missing; install it: apt-get install openjdk-17-jre-headless (or brew install openjdk)",
    "mvn": "Maven is missing; install it: apt-get install maven (or brew install maven)",
}


class MissingToolError(Exception):
    """A program that the broker tests need is not there; the message says how to install it."""


def tool(name: str) -> str:
    """The path of ``java`` or ``mvn``."""
    path = shutil.which(name)
    if path is None:
        raise MissingToolError(NEEDS[name])
    return path


def ensure() -> Path:
    """Return the folder of the jars, downloading them when the pom has changed."""
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return LIBS
    command = [
        tool("mvn"),
        "-q",
        "-B",
        "-f",
        str(POM),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={LIBS}",
    ]
    shutil.rmtree(LIBS, ignore_errors=True)
    LIBS.mkdir(parents=True)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise MissingToolError(
            f"Maven could not bring the jars of Kafka ({' '.join(command)}):\n{done.stdout}"
        )
    STAMP.write_text(wanted)
    return LIBS


if __name__ == "__main__":
    try:
        tool("java")
        ensure()
    except MissingToolError as error:
        sys.exit(f"error: {error}")
