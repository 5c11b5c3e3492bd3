"""A changelog that lost rows, holds one that cannot be read, or rotted on disk is refused with what to do, touched or not."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from stream.core.fact import KINDS, NO_SCALE
from stream.core.pane import PANE_KIND, ROLLUP_KIND
from stream.core.record import SourceRecord
from stream.core.tally import decode_window, encode_window
from stream.core.ticket import decode_ticket, encode_ticket
from stream.core.tickets_meta import META_KEY
from stream.metrics import BY_NAME
from tests.broker.conftest import Product, scrape
from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import Process, wait_until

pytestmark = pytest.mark.broker

Day = Sequence[SourceRecord]


@pytest.fixture
def own_kafka() -> Iterator[Kafka]:
    """A broker whose files may be damaged."""
    with Kafka() as kafka:
        yield kafka


def refused(product: Product, changelog: str) -> Process:
    worker = product.stream("worker", "--drain")
    assert worker.wait(90) == 70, worker.output
    (said,) = [line for line in worker.output.splitlines() if line.startswith("error: ")]
    assert f"{changelog}[" in said or changelog in said, said
    assert "stream worker --rebuild" in said, said
    return worker


def rebuilt(product: Product) -> None:
    worker = product.stream("worker", "--rebuild", "--drain")
    assert worker.wait(120) == 0, worker.output
    product.check()


@pytest.mark.parametrize("stage", ["tickets", "windows"])
def test_a_changelog_that_lost_its_beginning_is_refused(product: Product, day: Day, stage: str) -> None:
    half = len(day) // 2
    product.send(day[:half])
    product.drain()
    changelog = {
        "tickets": product.core.topics.tickets_changelog,
        "windows": product.core.topics.windows_changelog,
    }[stage]
    rows = topics.read(product.bootstrap, [changelog])
    metas = {row.partition: row.offset for row in rows if row.key == META_KEY}
    topics.set_policy(product.bootstrap, changelog, "delete")  # as somebody might who is short of disk
    for partition, offset in metas.items():
        topics.delete_records(product.bootstrap, changelog, partition, offset)
    topics.set_policy(product.bootstrap, changelog, "compact")
    product.send(day[half:])
    assert "rows are missing" in refused(product, changelog).output
    rebuilt(product)


def test_a_row_that_cannot_be_read_is_refused_though_no_event_touches_it(product: Product, day: Day) -> None:
    product.send(day)
    product.drain()
    changelog = product.core.topics.tickets_changelog
    rows = topics.read(product.bootstrap, [changelog])
    row = next(row for row in rows if row.key is not None and row.key[:1] == b"t")
    topics.place(product.bootstrap, [row._replace(value=b"\xc1")])
    # One more event, of another ticket in the same partition: a flush looks at rows that were never looked at since the start.
    others = [
        one for one in day if one.partition == row.partition and (one.key or b"") not in (row.key or b"")
    ]
    product.send(others[-1:])
    assert "cannot be read" in refused(product, changelog).output
    rebuilt(product)


def test_a_row_that_says_what_cannot_be_is_named(product: Product, day: Day) -> None:
    product.send(day)
    product.drain()
    changelog = product.core.topics.tickets_changelog
    row, bad = next(
        (row, bad)
        for row in topics.read(product.bootstrap, [changelog])
        if row.key is not None and row.key[:1] == b"t" and (bad := _unknown_scale(row)) is not None
    )
    topics.place(product.bootstrap, [row._replace(value=bad)])
    ticket_id = (row.key or b"").partition(b"\0")[2]
    again = [one for one in day if one.topic.endswith("tickets") and one.key == ticket_id]
    product.send(again[:1])  # its creation, once more: every metric reads it
    said = refused(product, changelog).error
    assert f"{changelog}[{row.partition}]: a row of it, or what came in last, says what cannot be" in said
    assert "(IndexError in stream.metrics.csat.slot_of)" in said
    rebuilt(product)


def test_sums_that_say_what_cannot_be_are_left_out_and_named(product: Product, day: Day) -> None:
    """No event touches them: the worker goes on, serves all other figures, and is not ready and says why; so do commands."""
    product.send(day[: len(day) // 4])
    product.drain()
    changelog = product.core.topics.windows_changelog
    rows = {row.key: row for row in topics.read(product.bootstrap, [changelog])}
    sums = [row for key, row in rows.items() if key is not None and key[:1] in (PANE_KIND, ROLLUP_KIND)]
    kept = [row for row in sums if row.value is not None]
    topics.place(product.bootstrap, [row._replace(value=_impossible_sum(row)) for row in kept])
    (port,) = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    of_tenant = '{tenant="acme",window="24h"}'
    wait_until(lambda: scrape(port).get(f"contact_centre_csat_answers{of_tenant}"), 30, lambda: worker.output)
    found = scrape(port)
    assert f"contact_centre_csat_mean_answers{of_tenant}" not in found
    assert found["contact_centre_stream_ready"] == 0
    with pytest.raises(HTTPError) as unready:
        urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10)
    reasons = json.load(unready.value)["reasons"]
    says = re.compile(
        rf"{changelog}\[\d\]: a row of it says what cannot be \(IndexError in stream.metrics.scores.parts_by_scale\)"
    )
    assert reasons
    assert all(says.match(reason) for reason in reasons), reasons
    assert worker.stop() == 0, worker.output
    assert worker.output.count("figures.left_out") == len(reasons)
    of_mean = ("csat_mean", "--segment", "tenant=acme", "--window", "2026-11-03T03:00/1h")
    earlier = ("--with-window", "2026-11-03T02:00/1h")
    told = [product.stream("explain", *of_mean), product.stream("compare", *of_mean, *earlier)]
    for command in told:
        assert command.wait() == 1, command.output
        assert says.match(command.error.removeprefix("error: ")), command.output
        assert len(command.output.splitlines()) == 1


def _impossible_sum(row: SourceRecord) -> bytes:
    """The row with an answer on a scale that nobody knows."""
    window = decode_window(row.value or b"")
    window.tally[BY_NAME["csat_mean"].slot(255)] = 1
    return encode_window(window)


def _unknown_scale(row: SourceRecord) -> bytes | None:
    """A ticket's row whose answer is on a scale that nobody knows, if it has one of satisfaction."""
    ticket = decode_ticket(row.value or b"", row.key or b"")
    for survey in ticket.surveys:
        answer = survey.answer
        if answer is not None and answer.kind == KINDS["csat"] and answer.score is not None:
            answer.what = KINDS["csat"] << 4 | NO_SCALE - 1
            return encode_ticket(ticket)
    return None


def test_a_bit_that_flipped_on_the_brokers_disk_is_noticed(
    own_kafka: Kafka, tmp_path: Path, day: Day
) -> None:
    product = Product(own_kafka.bootstrap, "rot", tmp_path)
    try:
        product.send(day)
        product.drain()
        changelog = product.core.topics.tickets_changelog
        written = topics.read(product.bootstrap, [changelog])
        key, row, row_partition = next(
            (one.key, one.value, one.partition)
            for one in reversed(written)
            if one.key is not None and one.value is not None and one.key[:1] == b"t"
        )
        bad = _flipped(key, row)
        files = own_kafka.nodes[0].folder.glob(f"log-*/{changelog}-*/*.log")
        found = [file for file in files if row in file.read_bytes()]
        assert found
        for file in found:
            file.write_bytes(file.read_bytes().replace(row, bad))
        product.send(day[-1:])
        assert "damaged on the broker's disk" in refused(product, changelog).output
        early = product.stream("worker", "--rebuild", "--drain")
        assert early.wait(90) == 1, early.output
        assert f"{changelog}[{row_partition}] is damaged on the broker's disk" in early.output
        topics.delete(product.bootstrap, [changelog])
        rebuilt(product)
    finally:
        product.close()


def test_a_source_that_rotted_is_named_with_what_can_be_done(
    own_kafka: Kafka, tmp_path: Path, day: Day
) -> None:
    product = Product(own_kafka.bootstrap, "rot", tmp_path)
    try:
        product.send(day)
        topic = product.core.topics.replies
        value = next(one.value for one in day if one.topic.endswith("replies") and one.value is not None)
        files = own_kafka.nodes[0].folder.glob(f"log-*/{topic}-*/*.log")
        found = [file for file in files if value in file.read_bytes()]
        assert found
        for file in found:
            file.write_bytes(file.read_bytes().replace(value, value.replace(b"acme", b"acne")))
        worker = product.stream("worker", "--drain")
        assert worker.wait(90) == 70, worker.output
        assert f"topic='{topic}'" in worker.error
        assert "Move the partition's leader to another replica" in worker.error
    finally:
        product.close()


def _flipped(key: bytes, row: bytes) -> bytes:
    """The row with one bit flipped so that it can still be read, and says something else."""
    for at in range(len(row)):
        bad = bytearray(row)
        bad[at] ^= 1
        try:
            if decode_ticket(bytes(bad), key) != decode_ticket(row, key):
                return bytes(bad)
        except ValueError:
            continue
    raise AssertionError("no such bit")
