"""The limit on dead letters: what trips it, what does not, and that neither batches nor restarts change that."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.config import CoreConfig, DeadLetterLimit
from stream.core.dead_letters import DeadLetterLimitError
from stream.core.record import SourceRecord
from tests.support.core import new_tickets
from tests.support.examples import events, record

NOW_MS = 1_800_000_000_000
LIMIT = DeadLetterLimit(percent=50, offsets=20)
CONFIG = CoreConfig(source_partitions=1, delta_partitions=1, partitioner="any", dead_letter_limit=LIMIT)
GOOD = next(record(path.read_bytes()) for path in events() if path.name == "reply.added.json")._replace(
    partition=0
)
BAD = GOOD._replace(value=b"{")


def log(refused: list[bool]) -> list[SourceRecord]:
    return [(BAD if bad else GOOD)._replace(offset=offset) for offset, bad in enumerate(refused)]


def trips_at(records: list[SourceRecord], cuts: list[int], config: CoreConfig = CONFIG) -> int | None:
    """The offset at which it stops, when the log comes in batches of these sizes with a restart after each."""
    rows: dict[bytes, bytes] = {}
    at = 0
    while at < len(records):
        shard = new_tickets(config, 0)
        shard.rows = dict(rows)
        shard.ready()
        size = cuts.pop(0) if cuts else len(records)
        batch = records[at : at + size]
        at += len(batch)
        try:
            shard.apply(GOOD.topic, batch, at, NOW_MS)
        except DeadLetterLimitError as exc:
            return int(str(exc).split(" and ")[1].split()[0])
        rows.update({key: value for key, value in shard.flush(NOW_MS).rows if value is not None})
    return None


def expected(refused: list[bool]) -> int | None:
    for begin in range(0, len(refused), LIMIT.offsets):
        block = [
            offset for offset in range(begin, min(begin + LIMIT.offsets, len(refused))) if refused[offset]
        ]
        if len(block) >= 10:
            return block[9]
    return None


@settings(max_examples=200)
@given(st.lists(st.booleans(), max_size=100), st.lists(st.integers(1, 30), max_size=20))
def test_half_of_a_block_stops_it_at_the_same_record_however_the_log_is_cut(
    refused: list[bool], cuts: list[int]
) -> None:
    assert trips_at(log(refused), cuts) == expected(refused)


def test_a_restart_stops_at_the_same_record() -> None:
    everything = log([True] * 40)
    assert [trips_at(everything, [9]) for _ in range(3)] == [9, 9, 9]


def test_topics_are_judged_apart() -> None:
    shard = new_tickets(CONFIG, 0)
    shard.ready()
    for topic in CONFIG.topics.sources:
        shard.apply(topic, [one._replace(topic=topic) for one in log([True] * 9)], 9, NOW_MS)
    assert sum(total for counts in shard.counts.values() for total in counts.values()) == 27


def test_off_stops_nothing() -> None:
    config = msgspec.structs.replace(CONFIG, dead_letter_limit=None)
    assert trips_at(log([True] * 5_000), [], config) is None


def test_the_default_stops_what_is_all_poison_and_lets_some_pass() -> None:
    default = msgspec.structs.replace(CONFIG, dead_letter_limit=CoreConfig().dead_letter_limit)
    assert trips_at(log([True] * 1_000), [], default) == 499
    assert trips_at(log([False, True, False] * 1_000), [], default) is None


def test_the_message_says_where_why_and_what_to_do() -> None:
    shard = new_tickets(CONFIG, 0)
    shard.ready()
    with pytest.raises(DeadLetterLimitError) as caught:
        shard.apply(GOOD.topic, log([True] * 40), 40, NOW_MS)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "contact-centre.replies[0]",
        "offsets 0 and 9",
        "not_json",
        "STREAM_DLQ_LIMIT=50%/20",
        "off",
        "dlq replay",
    ):
        assert part in message


def test_a_large_record_is_cut_counted_and_counted_on() -> None:
    config = msgspec.structs.replace(CONFIG, dead_letter_bytes=10_000)
    shard = new_tickets(config, 0)
    shard.ready()
    shard.apply(GOOD.topic, [BAD._replace(value=b"x" * 2_000_000)], 1, NOW_MS)
    flush = shard.flush(NOW_MS)
    (letter,) = (output for output in flush.outputs if output.topic.endswith(".dlq"))
    assert 8_000 < len(letter.value or b"") < 10_000
    assert shard.flushed_truncated == {GOOD.topic: 1}
    again = new_tickets(config, 0)
    again.rows = {key: value for key, value in flush.rows if value is not None}
    again.ready()
    again.apply(GOOD.topic, [BAD._replace(value=b"x" * 2_000_000, offset=1)], 2, NOW_MS)
    again.flush(NOW_MS)
    assert again.flushed_truncated == {GOOD.topic: 2}
