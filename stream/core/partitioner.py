"""Which partition a key belongs to, as the usual clients compute it."""

import zlib
from collections.abc import Callable
from typing import Final

from stream.core.loops import murmur2


def murmur2_partition(key: bytes, partitions: int) -> int:
    """The default of the Java client and of aiokafka; ``murmur2_random`` in librdkafka."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def crc32_partition(key: bytes, partitions: int) -> int:
    """The default of librdkafka (``consistent_random``)."""
    return zlib.crc32(key) % partitions


PARTITIONERS: Final[dict[str, Callable[[bytes, int], int]]] = {
    "murmur2": murmur2_partition,
    "crc32": crc32_partition,
}
"""Names of ``STREAM_PARTITIONER`` (``any`` checks nothing and is not here)."""
