"""Compaction may leave a control batch without its marker: who reads on must not stumble over it."""

import struct

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

import stream.runtime.clients  # noqa: F401 - where readers are made they are taught this

PRODUCER = 4711
TRANSACTIONAL, CONTROL = 0x10, 0x20
HEAD = struct.Struct(">qiibIhiqqqhii")
"""A record batch before its records: base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and last
timestamp, producer, epoch, sequence, number of records."""
CHECKED_FROM = 21
NOT_CHECKED = 12


def data(offset: int, value: bytes) -> bytes:
    """One record of a transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, True, PRODUCER, 0, offset, 1 << 16)
    builder.append(0, 1, b"k", value, [])
    return struct.pack(">q", offset) + bytes(builder.build())[8:]


def emptied(offset: int) -> bytes:
    """A control batch as the cleaner leaves it."""
    head = [offset, HEAD.size - NOT_CHECKED, 0, 2, 0, TRANSACTIONAL | CONTROL, 0, 1, 1, PRODUCER, 0, -1, 0]
    head[4] = calc_crc32c(HEAD.pack(*head)[CHECKED_FROM:])
    return HEAD.pack(*head)


def read(raw: bytes, aborted: list[tuple[int, int]]) -> tuple[list[bytes], int]:
    """Values that a reader of committed records finds, and where it would read on."""
    records = PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(raw), aborted, 0, None, None, True, READ_COMMITTED
    )
    return [record.value for record in records], records.next_fetch_offset


def test_it_is_read_over() -> None:
    assert read(data(0, b"one") + emptied(1) + data(2, b"two"), []) == ([b"one", b"two"], 3)


def test_it_ends_no_aborted_transaction() -> None:
    """The real one, which comes later, does."""
    assert read(data(0, b"one") + emptied(1) + data(2, b"two"), [(PRODUCER, 2)]) == ([b"one"], 3)
