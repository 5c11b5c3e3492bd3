"""The contract's example files as log records."""

import json
from pathlib import Path

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.core.topics import Topics

FOLDER = Path(__file__).parents[2] / "schemas" / "examples"
NOW_MS = 1_800_000_000_000  # 2027-01-15, later than every example that is meant to be accepted
PARTITIONS = 4
_TOPICS = Topics()
_TOPIC_OF_KIND = {
    "ticket": _TOPICS.tickets,
    "reply": _TOPICS.replies,
    "survey": _TOPICS.surveys,
    "review": _TOPICS.surveys,
    "customer": _TOPICS.customers,
}


def files(kind: str) -> list[Path]:
    """Examples of ``valid`` or ``invalid``, sorted."""
    return sorted((FOLDER / kind).glob("*.json"))


def events() -> list[Path]:
    """Valid examples of what the application reads."""
    return [path for path in files("valid") if path.name.partition(".")[0] in _TOPIC_OF_KIND]


def record(value: bytes) -> SourceRecord:
    """The value where it belongs, as far as it says; else in the replies topic with the key 4711."""
    try:
        document = json.loads(value)
        data = document["data"]
        key = (data.get("ticket_id") or data.get("customer_id") or "4711").encode()
        topic = _TOPIC_OF_KIND[document["type"].split(".")[1]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        key, topic = b"4711", _TOPICS.replies
    return SourceRecord(topic, murmur2_partition(key, PARTITIONS), 0, NOW_MS, key, value)
