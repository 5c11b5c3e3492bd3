"""``stream audit`` on a real Kafka: clean after faults, finds what was planted, refuses what does not stand still."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from stream.core.customer import decode_customer, encode_customer
from stream.core.pane import ROLLUP_KIND
from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.core.tally import decode_window, encode_window
from tests.broker.conftest import Product
from tests.chaos.traffic import logged, mixed
from tests.chaos.trial import ALL_STAGES, SMALL
from tests.support import topics
from tests.support.kafka import Kafka

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


def test_a_planted_lost_answer_is_found_and_nothing_else(kafka: Kafka, tmp_path: Path) -> None:
    product = Product(kafka.bootstrap, "audit-answers", tmp_path, **{**SMALL, **ALL_STAGES})
    try:
        product.send(logged(mixed(900, 5, 40), 2))
        product.drain()
        audit = product.stream("audit")
        assert audit.wait() == 0, audit.output
        assert ", 0 differ" in audit.output
        assert not re.search(r"\b0 answers", audit.output)

        changelog = product.core.topics.customers_changelog
        rows = topics.latest(topics.read(product.bootstrap, [changelog]))
        customers = {key: decode_customer(row, key) for key, row in rows.items() if key and key[:1] == b"c"}
        # In no pair: of the sums those say it that count answers without a recent one before.
        key, customer = next((key, one) for key, one in customers.items() if len(one.answers) == 1)
        customer.answers = []
        partition = murmur2_partition(key[key.find(0) + 1 :], product.core.source_partitions)
        topics.place(
            product.bootstrap, [SourceRecord(changelog, partition, 0, 0, key, encode_customer(customer))]
        )
        audit = product.stream("audit")
        assert audit.wait() == 1
        lines = audit.output.splitlines()
        sums = [line for line in lines if ", recomputed n" in line]
        assert f", {1 + len(sums)} differ" in audit.output
        (answer,) = [line for line in lines if "  answer " in line]
        assert answer.endswith(
            f"customers partition {partition}: stands on a ticket, and not with its customer"
        )
        told = re.compile(
            r"csat_change: stored n (\d+) value \S+ \(slot 1 (\d+)\), recomputed n (\d+) .* (\d+)\)$"
        )
        for line in sums:
            found = told.search(line)
            assert found is not None, line
            n, counted, again, right = map(int, found.groups())
            assert (n, counted) == (again, right + 1), line
    finally:
        product.close()


def test_it_says_when_the_worker_is_behind_or_was_never_there(
    product: Product, day: Sequence[SourceRecord]
) -> None:
    audit = product.stream("audit")
    assert audit.wait() == 1
    assert "run `stream worker` first" in audit.output or "does not exist" in audit.output
