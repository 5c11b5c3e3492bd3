"""A refused record as a dead letter: the original bytes, where they came from, and why they are here."""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from stream.core.record import Output, Record
from stream.core.refusal import Refused
from stream.core.topics import Topics

# Names and text values as Kafka Streams writes them (KIP-1034); timestamp, reason and the truncation are ours.
TOPIC_HEADER: Final = "__streams.errors.topic"
PARTITION_HEADER: Final = "__streams.errors.partition"
OFFSET_HEADER: Final = "__streams.errors.offset"
TIMESTAMP_HEADER: Final = "__streams.errors.timestamp"
EXCEPTION_HEADER: Final = "__streams.errors.exception"
MESSAGE_HEADER: Final = "__streams.errors.message"
REASON_HEADER: Final = "__streams.errors.reason"
TRUNCATED_LENGTH_HEADER: Final = "__streams.errors.value.length"
TRUNCATED_SHA256_HEADER: Final = "__streams.errors.value.sha256"
KEY_LENGTH_HEADER: Final = "__streams.errors.key.length"
KEY_SHA256_HEADER: Final = "__streams.errors.key.sha256"

OUR_HEADERS: Final = frozenset(
    (
        *(TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER, TIMESTAMP_HEADER),
        *(EXCEPTION_HEADER, MESSAGE_HEADER, REASON_HEADER),
        *(TRUNCATED_LENGTH_HEADER, TRUNCATED_SHA256_HEADER, KEY_LENGTH_HEADER, KEY_SHA256_HEADER),
    )
)
_OURS: Final = 7
"""How many of them every dead letter has."""

_RECORD_OVERHEAD: Final = 128
"""A batch's head and a record's lengths and numbers, at most (Kafka's record format, version 2)."""
_HEADER_OVERHEAD: Final = 10
_KEPT_KEY: Final = 1_024
_ALL: Final = 2**62

Headers = Sequence[tuple[str, bytes]]

_EXCEPTION_NAME: Final = f"{Refused.__module__}.{Refused.__qualname__}"


def dead_letter(record: Record, refused: Refused, topics: Topics) -> Output:
    """The dead letter of ``record`` on ``<its topic>.dlq``, in the same partition as far as the key says so.

    Key and value are the original bytes (null stays null). The original headers come first, then ours: the last header
    of a name is the one that counts, so a dead letter that is refused again tells of its latest refusal.
    """
    headers = [
        *record.headers,
        (TOPIC_HEADER, record.topic.encode()),
        (PARTITION_HEADER, str(record.partition).encode()),
        (OFFSET_HEADER, str(record.offset).encode()),
        (TIMESTAMP_HEADER, str(record.timestamp).encode()),
        (EXCEPTION_HEADER, _EXCEPTION_NAME.encode()),
        (MESSAGE_HEADER, refused.message.encode()),
        (REASON_HEADER, refused.reason.encode()),
    ]
    return Output(topics.dlq(record.topic), None, record.key, record.value, headers)


class Origin(NamedTuple):
    """What a dead letter says of itself; -1 or a question mark where it does not say it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    reason: str
    message: str
    truncated: bool


def origin(headers: Headers) -> Origin:
    """Read a dead letter's headers, whoever wrote them; the last one of a name counts."""
    said = {name: value for name, value in headers if name in OUR_HEADERS and value is not None}

    def text(name: str) -> str:
        return said.get(name, b"?").decode("utf-8", "backslashreplace")

    def number(name: str) -> int:
        digits = said.get(name, b"")
        return int(digits) if digits.isdigit() and len(digits) < 20 else -1

    return Origin(
        topic=text(TOPIC_HEADER),
        partition=number(PARTITION_HEADER),
        offset=number(OFFSET_HEADER),
        timestamp=number(TIMESTAMP_HEADER),
        reason=text(REASON_HEADER),
        message=text(MESSAGE_HEADER),
        truncated=TRUNCATED_LENGTH_HEADER in said or KEY_LENGTH_HEADER in said,
    )


def original_headers(headers: Headers) -> list[tuple[str, bytes]]:
    """The refused record's own headers: what stands before the last set of ours."""
    kept = list(headers)
    taken: set[str] = set()
    while kept and kept[-1][0] in OUR_HEADERS - taken:
        taken.add(kept.pop()[0])
    return kept


def fitted(letter: Output, limit_bytes: int) -> Output:
    """The letter as it is, or cut to what a broker takes: its value first, then its own headers and its key.

    What was cut is recognised by its whole length and SHA-256 in the headers.
    """
    excess = _size(letter) - limit_bytes
    if excess <= 0:
        return letter
    keep = len(letter.value or b"") - (_size(truncated(letter, _ALL)) - limit_bytes)
    if keep >= 0:
        return truncated(letter, keep)
    bare = truncated(letter._replace(headers=letter.headers[-_OURS:]))
    key = letter.key or b""
    if len(key) <= _KEPT_KEY:
        return bare
    return bare._replace(
        key=key[:_KEPT_KEY], headers=[*bare.headers, *_whole(key, KEY_LENGTH_HEADER, KEY_SHA256_HEADER)]
    )


def truncated(letter: Output, keep_bytes: int = 0) -> Output:
    """A dead letter with its value cut, and the whole value's length and SHA-256."""
    value = letter.value or b""
    whole = _whole(value, TRUNCATED_LENGTH_HEADER, TRUNCATED_SHA256_HEADER)
    return letter._replace(value=value[:keep_bytes], headers=[*letter.headers, *whole])


def _whole(content: bytes, length_header: str, sha256_header: str) -> list[tuple[str, bytes]]:
    return [
        (length_header, str(len(content)).encode()),
        (sha256_header, hashlib.sha256(content).hexdigest().encode()),
    ]


def _size(letter: Output) -> int:
    """Bytes on the broker at most, in a batch of its own."""
    headers = sum(_HEADER_OVERHEAD + len(name.encode()) + len(value or b"") for name, value in letter.headers)
    return _RECORD_OVERHEAD + len(letter.key or b"") + len(letter.value or b"") + headers
