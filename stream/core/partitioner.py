"""Which partition a key belongs to, as the usual clients compute it."""

import zlib
from collections.abc import Callable
from functools import lru_cache
from struct import unpack_from
from typing import Final

_M: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_LONG: Final = 48
_OWN: Final = 24
"""Long keys are those of rollups: all windows of a figure share everything but the last 24 bytes,
which all figures of a window share: each part is prepared once."""


def murmur2(key: bytes) -> int:
    """The 32-bit MurmurHash2 (seed 0x9747b28c) of the Java client, as an unsigned number."""
    length = len(key)
    tail = length & 3
    rest = 0
    if length > _LONG:
        cut = (length - _OWN) & ~3
        first, second, third, fourth, fifth, sixth, rest = _end(key[cut:])
        digest = (_head(length, key[:cut]) * _M ^ first) & _WORD
        digest = (digest * _M ^ second) & _WORD
        digest = (digest * _M ^ third) & _WORD
        digest = (digest * _M ^ fourth) & _WORD
        digest = (digest * _M ^ fifth) & _WORD
        digest = (digest * _M ^ sixth) & _WORD
    else:
        digest = _mix(_SEED ^ length, key)
        if tail:
            rest = int.from_bytes(key[-tail:], "little")
    if tail:
        digest = (digest ^ rest) * _M & _WORD
    digest = (digest ^ digest >> 13) * _M & _WORD
    return digest ^ digest >> 15


def _mix(digest: int, words: bytes) -> int:
    for word in unpack_from(f"<{len(words) >> 2}I", words):
        mixed = word * _M & _WORD
        digest = (digest * _M ^ (mixed ^ mixed >> 24) * _M) & _WORD
    return digest


@lru_cache(maxsize=32_768)
def _head(length: int, words: bytes) -> int:
    """The digest behind the first words of a key of this length."""
    return _mix(_SEED ^ length, words)


@lru_cache(maxsize=8_192)
def _end(words: bytes) -> list[int]:
    """What each of the last six words adds to the digest, whatever that is, and the bytes behind them as a number.

    All figures of a window have them in common.
    """
    mixed = [word * _M & _WORD for word in unpack_from(f"<{_OWN >> 2}I", words)]
    return [*((word ^ word >> 24) * _M & _WORD for word in mixed), int.from_bytes(words[_OWN:], "little")]


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
