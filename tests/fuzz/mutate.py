"""Rows that can be read and say something else: one value of a MessagePack row is changed. Bytes at random are hardly ever a row."""

import random
from typing import Any

import msgspec

NASTY = (
    *(-1, 0, 1, 2, 14, 15, 16, 63, 64, 255, 256, 4095, 4096),
    *(2**31, 2**32, 2**53, 2**63 - 1, 2**64 - 1, -(2**31), -(2**63)),
    *(10**13, -(10**13), 10**17),  # a time that is far away, and one that no calendar has
)


def mutated(row: bytes, rng: random.Random) -> bytes:
    """The row with a value changed; as it is where it is no MessagePack, or where what comes out would not be."""
    try:
        whole = msgspec.msgpack.decode(row, strict=False)
        places = list(_places(whole))
        if not places:
            return row
        holder, at = rng.choice(places)
        holder[at] = _other(holder[at], rng)
        return msgspec.msgpack.encode(whole)
    except (ValueError, OverflowError, RecursionError, TypeError):
        return row


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every value with what holds it: a list and an index, or a map and a key."""
    if isinstance(node, dict):
        inside = list(node.items())
    elif isinstance(node, list):
        inside = list(enumerate(node))
    else:
        return []
    return [(node, at) for at, _ in inside] + [place for _, value in inside for place in _places(value)]


def _other(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((*NASTY, value + 1, value - 1, -value, rng.getrandbits(63)))
    if isinstance(value, list) and value:
        return rng.choice((value[1:], value[:-1], [*value, value[-1]], value[::-1]))
    if isinstance(value, str | bytes) and value:
        return rng.choice((value[1:], value[:1], value * 2))
    return rng.choice(NASTY) if value is None else None
