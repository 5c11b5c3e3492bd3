"""A damaged state is refused with what to do, and ``stream worker --rebuild`` does it."""

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
    assert worker.wait(30) == 70
    assert f"{product.core.topics.windows_changelog}[" in worker.output
    assert "damaged" in worker.output
    assert "stream worker --rebuild" in worker.output
    damage(product, product.core.topics.tickets_changelog, META_KEY)
    worker = product.stream("worker", "--drain")
    assert worker.wait(30) == 70
    assert "stream worker --rebuild" in worker.output

    rebuilt = product.stream("worker", "--rebuild", "--drain")
    assert rebuilt.wait(60) == 0, rebuilt.output
    product.check()
    audit = product.stream("audit")
    assert audit.wait() == 0, audit.output


def test_a_deleted_changelog_is_refused_and_rebuilt(product: Product, day: Day) -> None:
    product.send(day[: len(day) // 3])
    product.drain()
    topics.delete(product.bootstrap, [product.core.topics.tickets_changelog])
    worker = product.stream("worker", "--drain")
    assert worker.wait(30) == 1
    assert "state was deleted" in worker.output
    assert "stream worker --rebuild" in worker.output
    rebuilt = product.stream("worker", "--rebuild", "--drain")
    assert rebuilt.wait(60) == 0, rebuilt.output
    product.check()


def test_rebuild_refuses_while_others_are_at_work(product: Product, day: Day) -> None:
    product.send(day[:200])
    worker = product.worker()
    worker.wait_for("worker.ready")
    rebuild = product.stream("worker", "--rebuild")
    assert rebuild.wait(30) == 1
    assert "--rebuild empties the state, but 1 workers of" in rebuild.output
    assert worker.running
    assert worker.stop() == 0
