"""Events -> log records, the way a producer writes them."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from schemas.events import Event
from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.core.topics import Topics


def entity_id(event: Event) -> str:
    """The record key: the ticket's id, or the customer's where no ticket is meant."""
    data = event.data  # type: ignore[attr-defined]  # every concrete event has data
    ticket_id: str | None = getattr(data, "ticket_id", None)
    return ticket_id or str(data.customer_id)


def log(
    events: Iterable[tuple[str, Event]],
    *,
    partitions: int = 1,
    timestamp_ms: int,
    topics: Topics | None = None,
) -> list[SourceRecord]:
    """``(short topic, event)`` in order of arrival -> records with offsets, keyed and partitioned as the contract says."""
    topics = topics or Topics()
    offsets: Counter[tuple[str, int]] = Counter()
    records = []
    for short, event in events:
        topic = topics.prefix + short
        key = entity_id(event).encode()
        partition = murmur2_partition(key, partitions)
        value = msgspec.json.encode(event)
        records.append(SourceRecord(topic, partition, offsets[topic, partition], timestamp_ms, key, value))
        offsets[topic, partition] += 1
    return records
