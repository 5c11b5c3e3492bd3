"""Rows of version 1: authors stood in them as texts with a channel, orders of random UUIDs took two bytes."""

from typing import Any, Final

import msgspec

from stream.core.fact import KEY_BYTES, author_key

_ID_BYTES: Final = KEY_BYTES + 2


def of_version_1(row: bytes) -> list[Any]:
    """The fields of a row as version 2 has them, but for the orders of facts. Raises msgspec.DecodeError."""
    try:
        (
            _,
            tenant,
            base_ms,
            gone,
            creation,
            reply_at,
            ids,
            texts,
            speakers,
            voices,
            statuses,
            surveys,
            rare,
        ) = msgspec.msgpack.decode(row)
        ids = b"".join(
            ids[at : at + KEY_BYTES] + _short(ids[at + KEY_BYTES], ids[at + KEY_BYTES + 1])
            for at in range(0, len(ids), _ID_BYTES)
        )
        authors = [voice.partition("\0")[0] for voice in voices]
        keys = [author_key(author) if author else b"" for author in authors]
        known = sorted({key for key in keys if key})
        numbers = [0, *(known.index(key) + 1 if key else 0 for key in keys)]
        speakers = [numbers[number] for number in speakers]
    except (TypeError, IndexError, AttributeError, KeyError, ValueError) as exc:
        raise msgspec.ValidationError(f"not a row of version 1: {exc}") from exc
    return [
        2,
        base_ms,
        creation,
        reply_at,
        ids,
        speakers,
        b"".join(known),
        statuses,
        surveys,
        rare,
        texts,
        gone,
        tenant,
    ]


def _short(high: int, low: int) -> bytes:
    return bytes((high or 1,)) if high or low else b"\0"
