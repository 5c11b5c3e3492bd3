"""Dead letters from the outside: looked at, counted, sent back after a fix; and the limit that stops the worker."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stream.core.dead_letter import TRUNCATED_LENGTH_HEADER, TRUNCATED_SHA256_HEADER, origin
from stream.core.partitioner import crc32_partition, murmur2_partition
from stream.core.record import SourceRecord
from stream.settings import load
from tests.broker.conftest import POISON, Product
from tests.support import topics
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

Day = Sequence[SourceRecord]
WRONG: dict[str, Any] = {"STREAM_PARTITIONER": "crc32", "STREAM_DLQ_LIMIT": "off"}
TERMINAL = b'{"x":"\x1b[2J\x1b]0;owned\x07"}\r\n\xff\xe2\x80\xae\xc2\x9b'
"""Clears a screen, renames a window, turns text around."""


def dlq(product: Product, *arguments: str, code: int = 0, **more: Any) -> str:
    """What a `stream dlq` command prints."""
    command = product.stream("dlq", *arguments, **more)
    assert command.wait() == code, command.output
    return command.output


def documents(product: Product, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dlq(product, "list", "--json", *arguments).splitlines()]


def count(product: Product) -> tuple[Counter[str], Counter[str]]:
    """Reason -> letters, and reason -> letters that were sent back."""
    letters: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for one in json.loads(dlq(product, "count", "--json")):
        letters[one["reason"]] += one["letters"]
        back[one["reason"]] += one["sent_back"]
    return letters, back


def poison(values: Sequence[bytes], key: bytes = b"t-%d") -> list[SourceRecord]:
    return [
        SourceRecord("x.tickets", 0, 0, 0, key % number if b"%" in key else key, value)
        for number, value in enumerate(values)
    ]


def test_what_a_wrong_setting_refused_counts_after_a_replay(product: Product, day: Day) -> None:
    """Most records are refused as wrong_partition; with the setting mended and the letters sent back, the figures are exact."""
    product.settings["STREAM_CORRECTION_HORIZON"] = "7d"
    product.core = load(product.settings).core()
    product.send([*day[:100], *poison(POISON), *day[100:]])
    worker = product.stream("worker", "--drain", **WRONG)
    assert worker.wait() == 0, worker.output
    keys = [record.key or b"" for record in day]
    misplaced = sum(crc32_partition(key, 4) != murmur2_partition(key, 4) for key in keys)
    assert misplaced > len(day) / 2
    assert count(product)[0]["wrong_partition"] == misplaced
    assert product.published() != product.oracle()

    assert "nothing to send back" in dlq(product, "replay", "--yes", **WRONG)  # not mended yet
    planned = dlq(product, "replay", "--dry-run")
    assert "wrong_partition  back to" in planned
    assert "still refused as not_json" in planned
    assert "nothing was sent" in dlq(product, "replay", code=1)  # nobody there to say yes
    assert f"{misplaced:,} events sent back" in dlq(product, "replay", "--yes")
    product.drain()
    product.check()

    letters, back = count(product)
    assert back == {"wrong_partition": misplaced} | dict.fromkeys(letters.keys() - {"wrong_partition"}, 0)
    once_more = dlq(product, "replay", "--reason", "wrong_partition", "--yes")
    assert f"{misplaced:,}  were sent back before" in once_more
    assert "nothing to send back" in once_more
    assert "events sent back" in dlq(product, "replay", "--again", "--topic", "replies", "--yes")
    product.drain()
    product.check()  # what comes twice changes nothing
    assert count(product)[0] == letters


def test_records_of_a_mended_sender_find_their_partition(product: Product, day: Day) -> None:
    """A sender that hashes keys in another way: with --repartition its records go where they belong."""
    product.settings["STREAM_CORRECTION_HORIZON"] = "7d"
    product.settings["STREAM_DLQ_LIMIT"] = "off"
    product.core = load(product.settings).core()
    product.send(day[:2_000])
    strange = [one._replace(partition=crc32_partition(one.key or b"", 4)) for one in day[2_000:4_000]]
    topics.place(
        product.bootstrap,
        [one._replace(topic=product.core.topics.prefix + one.topic.rsplit(".", 1)[1]) for one in strange],
    )
    product.sent += [
        one._replace(topic=product.core.topics.prefix + one.topic.rsplit(".", 1)[1]) for one in strange
    ]
    product.drain()
    assert "nothing to send back" in dlq(product, "replay", "--yes")
    assert "events sent back" in dlq(product, "replay", "--repartition", "--yes")
    product.drain()
    product.check()


def test_letters_are_listed_and_shown_with_nothing_that_a_terminal_obeys(product: Product) -> None:
    bad_key = poison([b'{"a":1}'], b"\x1b[31mred")
    product.send([*poison([TERMINAL, b"x" * 10_000, b""]), *bad_key])
    product.drain()
    found = documents(product)
    assert Counter(one["reason"] for one in found) == {"not_utf8": 1, "not_json": 2, "not_cloudevent": 1}
    assert len(documents(product, "--limit", "2")) == 2
    assert [one["reason"] for one in documents(product, "--reason", "not_utf8", "--topic", "tickets")] == [
        "not_utf8"
    ]
    assert documents(product, "--topic", "replies") == []
    shown = {one["reason"]: dlq(product, "show", one["position"]) for one in found}
    assert r"value      {\"x\":\"\x1b[2J".replace('\\"', '"') in shown["not_utf8"]
    assert r"\x07" in shown["not_utf8"]
    assert r"\xff" in shown["not_utf8"]
    assert r"\u202e" in shown["not_utf8"]
    assert r"\x9b" in shown["not_utf8"]
    assert r"key        \x1b[31mred" in shown["not_cloudevent"]
    for text in (
        *shown.values(),
        dlq(product, "list"),
        dlq(product, "count"),
        dlq(product, "replay", "--dry-run"),
    ):
        assert all(character.isprintable() or character == "\n" for character in text)
    tail = product.stream("tail", "dlq", "--once")
    assert tail.wait() == 0
    assert all(character.isprintable() or character == "\n" for character in tail.output)
    chosen = product.stream("tail", "dlq", "--once", "--reason", "not_utf8")
    assert chosen.wait() == 0
    assert 0 < len(chosen.output.splitlines()) < len(tail.output.splitlines())
    assert all("not_utf8" in line for line in chosen.output.splitlines())
    as_json = product.stream("tail", "dlq", "--once", "--json")
    assert as_json.wait() == 0
    assert all(character.isprintable() or character == "\n" for character in as_json.output)
    position = next(one["position"] for one in found if one["reason"] == "not_utf8")
    raw = product.stream("dlq", "show", "--raw", position)
    assert raw.wait() == 0
    assert raw.output_file.read_bytes() == TERMINAL


def test_a_position_without_a_letter_is_named(product: Product) -> None:
    name = product.core.topics.dlq(product.core.topics.tickets)
    assert "no dead letter stands at offset 7" in dlq(product, "show", f"{name}-0-7", code=1)
    assert "has no partition 99" in dlq(product, "show", f"{name}-99-7", code=1)
    assert "is no dead-letter topic" in dlq(product, "show", f"{product.core.topics.tickets}-0-7", code=2)
    assert "is no position" in dlq(product, "show", "seven", code=2)
    assert "nothing to send back" in dlq(product, "replay")


def good(key: bytes, **changes: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/poison",
        "type": "contact-centre.ticket.created.v1",
        "time": "2026-11-03T12:00:00Z",
        "data": {"tenant": "acme", "ticket_id": key.decode(), "channel": "email"},
    }
    return json.dumps(event | changes).encode()


KINDS: list[tuple[bytes | None, bytes | None, str]] = [
    (b"k0", None, "null_value"),
    (None, good(b"k1"), "null_key"),
    (b"k2", b"\xff\xfe\x00", "not_utf8"),
    (b"k3", good(b"k3").replace(b'"email"', b"NaN"), "not_json"),
    (b"k4", b"", "not_json"),
    (b"k5", b"[" * 100_000, "too_deep"),
    (b"k6", b"x" * 1_000_000, "not_json"),
    (b"k7", b"[]", "not_cloudevent"),
    (b"k8", good(b"k8", data={"ticket_id": 7, "channel": "email"}), "wrong_type"),
    (b"k9", good(b"k9", data={"ticket_id": "k9"}), "missing_field"),
    (b"other", good(b"k10"), "key_mismatch"),
    (b"k11", good(b"k11", time="2026-11-03T12:00:00"), "bad_time"),
    (b"k12", good(b"k12", time="2099-11-03T12:00:00Z"), "future_time"),
]
"""Key, value and reason. The last one's time is far ahead: taken for true it would close every window."""


def test_every_kind_of_poison_is_a_dead_letter_once_and_harms_no_neighbour(
    product: Product, day: Day
) -> None:
    """With a SIGKILL on the way."""
    half, now_ms = len(day) // 2, day[len(day) // 2].timestamp
    bad = [SourceRecord("x.tickets", 0, 0, now_ms, key, value) for key, value, _ in KINDS]
    worker = product.worker()
    worker.wait_for("worker.ready")
    product.send(day[: half - 500], per_second=4_000)
    product.send([*day[half - 500 : half], *bad, *day[half : half + 1_000]], per_second=2_000)
    worker.kill()
    product.send(day[half + 1_000 :])
    product.drain()
    product.check()
    letters = topics.read(product.bootstrap, [product.core.topics.dlq(product.core.topics.tickets)])
    assert Counter((one.key, one.value, origin(one.headers).reason) for one in letters) == Counter(KINDS)


def test_nothing_but_poison_stops_the_worker_and_its_offsets(product: Product, day: Day) -> None:
    product.settings["STREAM_DLQ_LIMIT"] = "50%/100"
    product.send(poison([b"{"] * 1_000, b"t-1"))
    partition = murmur2_partition(b"t-1", 4)
    app, tickets = product.settings["STREAM_APP_ID"], product.core.topics.tickets
    for _ in range(3):  # a supervisor starts it again and again
        worker = product.worker()
        assert worker.wait() == 70, worker.output
        assert worker.error.startswith(
            f"error: {tickets}[{partition}]: 50 records between the offsets 0 and 49 are refused"
        )
        assert "STREAM_DLQ_LIMIT=off" in worker.error
        assert topics.committed(product.bootstrap, app).get((tickets, partition), 0) < 50
    assert len(topics.read(product.bootstrap, [product.core.topics.dlq(tickets)])) < 50
    worker = product.stream("worker", "--drain", STREAM_DLQ_LIMIT="off")
    assert worker.wait() == 0, worker.output
    assert topics.committed(product.bootstrap, app)[tickets, partition] == 1_000
    assert count(product)[0] == {"not_json": 1_000}


def test_what_the_dead_letter_topic_does_not_take_is_cut(
    kafka: Kafka, day: Day, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    name = request.node.name
    topics.create(
        kafka.bootstrap, {f"{name}.tickets.dlq": 4}, {f"{name}.tickets.dlq": {"max.message.bytes": "300000"}}
    )
    product = Product(kafka.bootstrap, name, tmp_path)
    try:
        large = b"{" * 1_000_000
        product.send([*day[:500], *poison([large, b"{"]), *day[500:1_000]])
        product.drain()
        product.check()
        cut, whole = sorted(
            topics.read(kafka.bootstrap, [f"{name}.tickets.dlq"]), key=lambda one: -len(one.value or b"")
        )
        assert 290_000 < len(cut.value or b"") < 300_000
        headers = dict(cut.headers)
        assert headers[TRUNCATED_LENGTH_HEADER] == b"1000000"
        assert headers[TRUNCATED_SHA256_HEADER] == hashlib.sha256(large).hexdigest().encode()
        assert whole.value == b"{"
        assert [one["truncated"] for one in documents(product)].count(True) == 1
        assert "cut: the whole value is not here any more" in dlq(product, "replay")
    finally:
        product.close()


def test_a_megabyte_is_kept_whole(product: Product) -> None:
    large = [b"x" * 1_000_000, b"\xff" * 1_040_000]
    product.send(poison(large))
    product.drain()
    letters = topics.read(product.bootstrap, [product.core.topics.dlq(product.core.topics.tickets)])
    assert sorted(one.value or b"" for one in letters) == sorted(large)
