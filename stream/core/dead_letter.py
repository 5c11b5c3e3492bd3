"""A refused record as a dead letter: the original bytes, where they came from, and why they are here."""

import hashlib
from typing import Final

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


def truncated(letter: Output, keep_bytes: int = 0) -> Output:
    """A dead letter that a broker finds too large, with its value cut and the whole value's length and SHA-256."""
    value = letter.value or b""
    headers = [
        *letter.headers,
        (TRUNCATED_LENGTH_HEADER, str(len(value)).encode()),
        (TRUNCATED_SHA256_HEADER, hashlib.sha256(value).hexdigest().encode()),
    ]
    return letter._replace(value=value[:keep_bytes], headers=headers)
