"""A damaged state is refused with what to do, and ``stream worker --rebuild`` does it."""

import signal
from collections.abc import Sequence

import pytest

from stream.core.record import SourceRecord
from stream.core.tickets_meta import META_KEY
from tests.broker.conftest import Product
from tests.support import topics

pytestmark = pytest.mark.broker

Day = Sequence[SourceRecord]


def damage(product: Product, changelog: str, key: bytes | None = None) -> None:
    """Write what cannot be read over a row."""
    rows = topics.read(product.bootstrap, [changelog])
    row = next(row for row in rows if row.value is not None and key in (None, row.key))
    topics.place(product.bootstrap, [row._replace(value=b"\xc1")])


def test_damaged_rows_of_both_stages_are_refused_and_rebuilt(product: Product, day: Day) -> None:
    half = len(day) // 2
    product.send(day[:half])
    product.drain()
    product.send(day[half:])
    damage(product, product.core.topics.windows_changelog, b"\0meta")
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 70
    assert f"{product.core.topics.windows_changelog}[" in worker.output
    assert "damaged" in worker.output
    assert "stream worker --rebuild" in worker.output
    damage(product, product.core.topics.tickets_changelog, META_KEY)
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 70
    assert "stream worker --rebuild" in worker.output

    rebuilt = product.stream("worker", "--rebuild", "--drain")
    assert rebuilt.wait() == 0, rebuilt.output
    product.check()
    audit = product.stream("audit")
    assert audit.wait() == 0, audit.output


def test_a_deleted_changelog_is_refused_and_rebuilt(product: Product, day: Day) -> None:
    """Also when the group's offsets have expired, which alone do no harm, and when others make the topic anew."""
    changelog, group = product.core.topics.tickets_changelog, product.core.topics.app_id
    product.send(day[: len(day) // 4])
    product.drain()
    topics.delete_group(product.bootstrap, group)
    product.send(day[len(day) // 4 : len(day) // 3])
    product.drain()
    product.check()
    topics.delete(product.bootstrap, [changelog])
    topics.delete_group(product.bootstrap, group)
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 1
    assert f"topic {changelog} does not exist, but generation 1 of the state is in it" in worker.error
    assert "stream worker --rebuild" in worker.error
    assert changelog not in topics.names(product.bootstrap)
    asked = product.stream("topics", "create")
    assert asked.wait() == 0, asked.output
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 1
    assert f"topic {changelog} is empty, but generation 1 of the state is in it" in worker.error
    rebuilt = product.stream("worker", "--rebuild", "--drain")
    assert rebuilt.wait() == 0, rebuilt.output
    product.check()

    changelog = product.core.topics.windows_changelog
    topics.set_policy(product.bootstrap, changelog, "delete")  # as somebody might who is short of disk
    topics.delete_records(product.bootstrap, changelog, 0, topics.ends(product.bootstrap, changelog, 1)[0])
    topics.set_policy(product.bootstrap, changelog, "compact")
    topics.delete_group(product.bootstrap, group)
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 70
    assert f"{changelog}[0] begins at offset" in worker.error
    assert "stream worker --rebuild" in worker.error


DIES_AT = """
import os, signal, sys
from stream.runtime import rebuild
left = [int(sys.argv[1])]
written = rebuild._write
async def dying(*arguments):
    await written(*arguments)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
rebuild._write = dying
from stream.cli import run
sys.exit(run(["worker", "--rebuild", "--drain"]))
"""


@pytest.mark.parametrize("writes", [1, 5, 9])
def test_a_killed_rebuild_is_refused_until_it_is_begun_again(product: Product, day: Day, writes: int) -> None:
    """Per part one transaction takes the meta row away, further ones the other rows, the last one writes a new meta row."""
    half = len(day) // 2
    product.send(day[:half])
    product.drain()
    product.send(day[half:])
    topics.delete_group(product.bootstrap, product.core.topics.app_id)  # offsets expire
    dead = product.python("-c", DIES_AT, str(writes))
    assert dead.wait(90) == -signal.SIGKILL, dead.output
    worker = product.stream("worker", "--drain")
    assert worker.wait(90) == 70, worker.output
    assert "stream worker --rebuild" in worker.output
    rebuilt = product.stream("worker", "--rebuild", "--drain")
    assert rebuilt.wait(120) == 0, rebuilt.output
    product.check()


def test_rebuild_refuses_while_others_are_at_work(product: Product, day: Day) -> None:
    product.send(day[:200])
    worker = product.worker()
    worker.wait_for("worker.ready")
    rebuild = product.stream("worker", "--rebuild")
    assert rebuild.wait() == 1
    assert "--rebuild empties the state, but 1 workers of" in rebuild.output
    assert worker.running
    assert worker.stop() == 0
