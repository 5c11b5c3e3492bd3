"""Each partition's meta row says how many rows it has: what a truncated changelog has lost is known when it is loaded."""

import pytest

from stream.core.config import CoreConfig
from stream.core.tickets_meta import LABELS_KEY, META_KEY
from tests.bench.job import generate
from tests.support.core import new_tickets, new_windows
from tests.support.pipeline import Pipeline

CONFIG = CoreConfig(clock="event", source_partitions=1, delta_partitions=1)


@pytest.fixture
def changelogs() -> list[dict[bytes, bytes]]:
    pipeline = Pipeline(CONFIG)
    pipeline.feed(generate(20, partitions=1).records)
    pipeline.commit_tickets()
    pipeline.commit_windows()
    return pipeline.changelogs


def missing(stage: int, rows: dict[bytes, bytes]) -> int:
    shard = new_windows(CONFIG, 0) if stage else new_tickets(CONFIG, 0)
    shard.rows.update(rows)
    shard.ready()
    return shard.rows_missing


@pytest.mark.parametrize("stage", [0, 1])
def test_each_row_that_is_lost_is_missed(changelogs: list[dict[bytes, bytes]], stage: int) -> None:
    rows = changelogs[stage]
    assert missing(stage, rows) == 0
    for lost in rows.keys() - {META_KEY}:
        assert missing(stage, {key: row for key, row in rows.items() if key != lost}) == 1
    assert missing(stage, {META_KEY: rows[META_KEY]}) == len(rows) - 1


def test_the_row_of_admitted_labels_counts(changelogs: list[dict[bytes, bytes]]) -> None:
    assert LABELS_KEY in changelogs[0]
