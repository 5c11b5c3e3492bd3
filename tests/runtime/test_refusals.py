"""What ends a worker, and that it says why in one line. Nothing is ever restarted from zero in silence."""

import pytest

from tests.runtime.conftest import PARTITIONS, Toy
from tests.support import topics
from tests.support.process import wait_until

pytestmark = pytest.mark.broker


def ended(toy: Toy) -> str:
    """Start a worker that must end with 70, and return what it said."""
    worker = toy.worker()
    assert worker.wait() == 70, worker.output
    return worker.error


def test_an_error_in_a_shard_ends_the_process_and_nothing_of_the_batch_is_kept(toy: Toy) -> None:
    toy.produce(500)
    toy.drain()
    topics.write(toy.bootstrap, [(f"{toy.app}.a", b"k1", b"1"), (f"{toy.app}.a", b"k1", b"boom")])
    said = ended(toy)
    assert f"{toy.app}-count-changelog[" in said
    assert "ValueError in __main__.CountShard.apply" in said
    assert toy.totalled() == 500


def test_a_changelog_that_was_deleted_is_missed(toy: Toy) -> None:
    toy.produce(500)
    toy.drain()
    topics.delete(toy.bootstrap, [f"{toy.app}-count-changelog"])
    topics.create(toy.bootstrap, {f"{toy.app}-count-changelog": PARTITIONS})
    assert "holds no state for it: it was deleted or truncated" in ended(toy)


def test_a_source_that_was_recreated_is_noticed(toy: Toy) -> None:
    toy.produce(500)
    toy.drain()
    topics.delete(toy.bootstrap, [f"{toy.app}.a"])
    topics.create(toy.bootstrap, {f"{toy.app}.a": PARTITIONS})
    said = ended(toy)
    assert f"{toy.app}.a[" in said
    assert "the topic was deleted or recreated" in said or "holds no state for it" in said


def test_records_deleted_before_they_were_read_are_noticed(toy: Toy) -> None:
    toy.produce(500)
    toy.drain()
    toy.produce(500)
    ends = {record.partition: record.offset for record in topics.read(toy.bootstrap, [f"{toy.app}.b"])}
    topics.delete_records(toy.bootstrap, f"{toy.app}.b", 2, ends[2])
    assert f"{toy.app}.b[2] begins at offset {ends[2]}, but the state ends at" in ended(toy)


def test_retention_before_the_first_start_is_no_loss(toy: Toy) -> None:
    toy.produce(500)
    ends = {record.partition: record.offset for record in topics.read(toy.bootstrap, [f"{toy.app}.b"])}
    topics.delete_records(toy.bootstrap, f"{toy.app}.b", 2, ends[2])
    worker = toy.worker()
    wait_until(lambda: toy.totalled() == 500 - ends[2], 90, lambda: worker.output)
    assert worker.stop() == 0
