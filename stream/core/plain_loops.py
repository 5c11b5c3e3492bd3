"""The innermost loops, which run once per slot and per byte, in Python: what :mod:`stream.core.compiled_loops` must be equal to."""

from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from struct import unpack_from
from typing import Final

import msgspec

_M: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_LONG: Final = 48
_OWN: Final = 24
"""Long keys are those of rollups: all windows of a figure share everything but the last 24 bytes,
which all figures of a window share: each part is prepared once."""

_encode = msgspec.msgpack.Encoder().encode


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


def add(into: dict[int, int], amounts: Mapping[int, int]) -> None:
    """Add sums; slots that come to 0 stay."""
    get = into.get
    for slot, amount in amounts.items():
        into[slot] = get(slot, 0) + amount


def slide(into: dict[int, int], amounts: Mapping[int, int], sign: int = 1) -> None:
    """Add sums (``sign`` 1) or take them out again (-1); a slot that comes to 0 goes at once, so ``into`` never has one.

    Looks at the slots of ``amounts`` alone: what they slide through may have a hundred times as many.
    """
    get = into.get
    for slot, amount in amounts.items():
        total = get(slot, 0) + sign * amount
        if total:
            into[slot] = total
        else:
            into.pop(slot, None)


def pour(into: dict[int, int], pairs: list[int]) -> None:
    """Add ``[slot, amount, slot, amount, ...]``. Raises ValueError for half a pair."""
    get = into.get
    numbers = iter(pairs)
    for slot, amount in zip(numbers, numbers, strict=True):
        into[slot] = get(slot, 0) + amount


def pairs_of(tally: dict[int, int]) -> list[int]:
    """``[slot, amount, slot, amount, ...]`` of what is not 0."""
    return [number for pair in tally.items() if pair[1] for number in pair]


def heads(tally: Mapping[int, int], shift: int) -> set[int]:
    """``slot >> shift`` of all slots."""
    return {slot >> shift for slot in tally}


def encode_row(head: int, states: dict[int, int], tally: dict[int, int]) -> bytes:
    """``[head, (id, state, 0) * n, slots in order, their sums]`` as MessagePack. Raises OverflowError beyond 64 bits."""
    flat = [head]
    for metric_id, state in states.items():
        flat += (metric_id, state, 0)
    slots = sorted(tally)
    flat += slots
    flat += map(tally.__getitem__, slots)
    return _encode(flat)


def shares(tally: Mapping[int, int], bits: int) -> dict[int, tuple[int, ...]]:
    """By ``slot >> bits``: that number, then the lower bits of its slots in order, then their sums."""
    mask = (1 << bits) - 1
    found: dict[int, list[int]] = {}
    for slot in sorted(tally):
        found.setdefault(slot >> bits, []).append(slot)
    return {
        head: (head, *[slot & mask for slot in slots], *[tally[slot] for slot in slots])
        for head, slots in found.items()
    }


def count_buckets(
    tally: Mapping[int, int], first: int, parts: dict[str, int | float], names: list[str]
) -> int:
    """Put the counts of the slots from ``first`` on into ``parts``, in order, by ``names[slot - first]``; returns their sum."""
    slots = sorted([slot for slot in tally if slot >= first])
    counts = [tally[slot] for slot in slots]
    parts.update(zip([names[slot - first] for slot in slots], counts, strict=True))
    return sum(counts)


def quantiles_of(
    tally: Mapping[int, int], first: int, percents: tuple[int, ...], middles: list[float]
) -> list[float | None]:
    """Quantiles of what is counted in slots from ``first`` on; slot ``first + i`` stands for ``middles[i]``. None where nothing is."""
    keys = sorted([slot for slot, count in tally.items() if slot >= first and count > 0])
    if len(keys) <= 1:
        return [middles[keys[0] - first] if keys else None] * len(percents)
    up_to = list(accumulate([tally[key] for key in keys]))  # values in the buckets up to and with each
    last = up_to[-1] - 1
    found: list[float | None] = []
    for percent in percents:
        rank, part = divmod(last * percent, 100)
        position = bisect_right(up_to, rank)
        value = middles[keys[position] - first]
        if part and rank + 1 >= up_to[position]:
            value += (middles[keys[position + 1] - first] - value) * part / 100
        found.append(value)
    return found
