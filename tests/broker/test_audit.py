"""``stream audit`` on a real Kafka: clean after faults, finds what was planted, refuses what does not stand still."""

from collections.abc import Sequence

import pytest

from stream.core.pane import ROLLUP_KIND
from stream.core.record import SourceRecord
from stream.core.tally import decode_window, encode_window
from tests.broker.conftest import Product
from tests.support import topics

pytestmark = pytest.mark.broker


def test_a_planted_wrong_figure_is_found_and_nothing_else(
    product: Product, day: Sequence[SourceRecord]
) -> None:
    product.send(day[: len(day) // 2])
    worker = product.worker()
    worker.wait_for("worker.ready")
    worker.kill()
    product.drain()
    audit = product.stream("audit")
    assert audit.wait() == 0, audit.output
    assert ", 0 differ" in audit.output

    changelog = product.core.topics.windows_changelog
    rows = topics.read(product.bootstrap, [changelog])
    latest = topics.latest(rows)
    key = max(
        key
        for key, value in latest.items()
        if key is not None and key[:1] == ROLLUP_KIND and decode_window(value).tally
    )
    window = decode_window(latest[key])
    window.tally[max(window.tally)] += 5
    [partition] = {row.partition for row in rows if row.key == key}
    topics.place(product.bootstrap, [SourceRecord(changelog, partition, 0, 0, key, encode_window(window))])
    audit = product.stream("audit")
    assert audit.wait() == 1
    assert ", 1 differ" in audit.output
    assert audit.output.count(" recomputed ") == 1
    assert "error: the figures are not what the facts come to" in audit.output


def test_it_says_when_the_worker_is_behind_or_was_never_there(
    product: Product, day: Sequence[SourceRecord]
) -> None:
    audit = product.stream("audit")
    assert audit.wait() == 1
    assert "run `stream worker` first" in audit.output or "does not exist" in audit.output
