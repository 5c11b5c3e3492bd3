"""The loops in C do what those in Python do, to the byte."""

import shutil
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core import plain_loops as plain

COMPILED = "stream.core.compiled_loops"
BUILT = find_spec(COMPILED) is not None
loops: Any = import_module(COMPILED if BUILT else "stream.core.plain_loops")

slots = st.integers(0, 9 * 4096 - 1)
amounts = st.integers(-3, 3) | st.integers(-(2**63), 2**64 - 1)
tallies = st.dictionaries(slots, amounts, max_size=40)
states = st.dictionaries(st.integers(1, 255), st.integers(0, 2**40), max_size=20)
FIRST = 17
counts = st.dictionaries(st.integers(0, 1500), st.integers(-1, 4), max_size=30)
NAMES = [f"bucket_{index}" for index in range(1500)]
MIDDLES = [index * 1.5 for index in range(1500)]


def test_they_are_compiled_where_there_is_a_compiler() -> None:
    assert BUILT or not shutil.which("gcc"), "not built for this Python: run make setup"


@given(st.binary(max_size=200))
def test_murmur2(key: bytes) -> None:
    assert loops.murmur2(key) == plain.murmur2(key)


@given(tallies, tallies)
def test_add(into: dict[int, int], tally: dict[int, int]) -> None:
    other = into.copy()
    loops.add(into, tally)
    plain.add(other, tally)
    assert list(into.items()) == list(other.items())


@given(tallies, tallies, st.sampled_from((1, -1)))
def test_slide(into: dict[int, int], tally: dict[int, int], sign: int) -> None:
    tally |= {slot: -sign * amount for slot, amount in list(into.items())[::2]}  # these come to 0
    other = into.copy()
    loops.slide(into, tally, sign)
    plain.slide(other, tally, sign)
    assert list(into.items()) == list(other.items())


@given(tallies, st.lists(st.tuples(slots, amounts)))
def test_pour(into: dict[int, int], pairs: list[tuple[int, int]]) -> None:
    flat = [number for pair in pairs for number in pair]
    other = into.copy()
    loops.pour(into, flat)
    plain.pour(other, flat)
    assert list(into.items()) == list(other.items())


@pytest.mark.parametrize("own", [loops, plain])
def test_half_a_pair_is_refused(own: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        own.pour({}, [1, 2, 3])


@given(tallies)
def test_pairs_and_heads(tally: dict[int, int]) -> None:
    assert loops.pairs_of(tally) == plain.pairs_of(tally)
    assert loops.heads(tally, 12) == plain.heads(tally, 12)


@given(st.integers(0, 2**20), states, st.dictionaries(slots, amounts, max_size=40))
def test_rows(head: int, known: dict[int, int], tally: dict[int, int]) -> None:
    assert loops.encode_row(head, known, tally) == plain.encode_row(head, known, tally)


@pytest.mark.parametrize("size", [0, 7, 8, 40_000])
def test_long_rows(size: int) -> None:
    tally = {slot: edge for slot in range(size) for edge in (127, 128, -33)}
    assert loops.encode_row(0, {}, tally) == plain.encode_row(0, {}, tally)


@pytest.mark.parametrize("edge", [5, 7, 8, 15, 16, 31, 32, 63, 64])
def test_edges_of_integers(edge: int) -> None:
    for sign in (1, -1):
        for off in (-1, 0, 1):
            tally = {1: sign * (1 << edge) + off}
            try:
                row = plain.encode_row(0, {}, tally)
            except OverflowError:
                with pytest.raises(OverflowError):
                    loops.encode_row(0, {}, tally)
            else:
                assert loops.encode_row(0, {}, tally) == row


@given(tallies)
def test_shares(tally: dict[int, int]) -> None:
    assert list(loops.shares(tally, 12).items()) == list(plain.shares(tally, 12).items())


@given(counts)
def test_buckets(tally: dict[int, int]) -> None:
    parts: dict[str, int | float] = {"n": 0}
    other = parts.copy()
    assert loops.count_buckets(tally, FIRST, parts, NAMES) == plain.count_buckets(tally, FIRST, other, NAMES)
    assert list(parts.items()) == list(other.items())
    percents = (0, 50, 90, 95, 99, 100)
    assert loops.quantiles_of(tally, FIRST, percents, MIDDLES) == plain.quantiles_of(
        tally, FIRST, percents, MIDDLES
    )
