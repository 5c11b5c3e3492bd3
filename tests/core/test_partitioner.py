"""Keys go where the usual clients put them."""

import zlib

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from stream.core.loops import murmur2
from stream.core.partitioner import crc32_partition, murmur2_partition


@given(st.binary(max_size=200), st.binary(max_size=30))
def test_murmur2_is_aiokafkas(key: bytes, other: bytes) -> None:
    for one in (key, key[: -len(other)] + other if other else key):  # what long keys have in common is kept
        assert murmur2(one) == aiokafka_murmur2(one) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "digest"),
    # Test vectors of the Java client's UtilsTest.
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_the_java_clients(key: bytes, digest: int) -> None:
    assert murmur2(key) == digest & 0xFFFFFFFF


@given(st.binary(min_size=1, max_size=50), st.integers(1, 1000))
def test_partitions(key: bytes, partitions: int) -> None:
    assert murmur2_partition(key, partitions) == (aiokafka_murmur2(key) & 0x7FFFFFFF) % partitions
    assert crc32_partition(key, partitions) == zlib.crc32(key) % partitions
