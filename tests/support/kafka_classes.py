"""Let Java keep the classes of Kafka as it has loaded and checked them: ``python -m tests.support.kafka_classes``.

A broker then starts in a third of the CPU time. Java looks whether the file still fits its own version and the jars, and goes
without it where it does not.
"""

import tempfile
from pathlib import Path

from tests.support import topics
from tests.support.kafka import CLASSES, Kafka


def keep() -> None:
    """Run a broker once, with what nearly every test does, and keep its classes."""
    with tempfile.TemporaryDirectory(dir=CLASSES.parent) as folder:
        made = Path(folder) / CLASSES.name
        kafka = Kafka()
        [node] = kafka.nodes
        node.format()
        node.classes = f"-XX:ArchiveClassesAtExit={made}"
        try:
            node.start()
            kafka.wait()
            topics.create(kafka.bootstrap, {"classes": 2})
            topics.write(kafka.bootstrap, [("classes", b"key", b"value")])
            topics.read(kafka.bootstrap, ["classes"])
            node.end()  # in order: at its end Java writes them
        finally:
            kafka.stop()
        made.replace(CLASSES)


if __name__ == "__main__":
    keep()
