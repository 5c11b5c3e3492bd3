"""What the demo publishes: the shipped help-desk comments and the simulated tenant, merged in the order of event time."""

import gzip
import heapq
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files

from aiokafka import AIOKafkaProducer

from schemas.events import CONTENT_TYPE, TOPIC_OF, encode_event
from stream.core.record import Flush, Output
from stream.core.topics import Topics
from stream.demo.simulation import TimedEvent, simulate
from stream.gateway.helpdesk_csv import events as helpdesk_events
from stream.runtime.batches import PartitionCounts, output_batches

HEADERS = [("content-type", CONTENT_TYPE.encode())]
HELPDESK_FILE = "data/helpdesk_comments.csv.gz"


def helpdesk() -> Iterator[TimedEvent]:
    """The real comments, in the file's order, which is that of time."""
    with (
        (files("stream.demo") / HELPDESK_FILE).open("rb") as packed,
        gzip.open(packed) as raw,
        io.TextIOWrapper(raw, encoding="utf-8", newline="") as lines,
    ):
        for event in helpdesk_events(lines):
            time_ms = round(datetime.fromisoformat(event.time).timestamp() * 1000)
            yield TimedEvent(time_ms, TOPIC_OF[type(event)], event.data.ticket_id, event)


def both() -> Iterator[TimedEvent]:
    """Both tenants' events as they would have come."""
    return heapq.merge(helpdesk(), simulate(), key=lambda timed: timed.time_ms)


class Feed:
    """Both streams, handed out up to a moment of event time."""

    def __init__(self) -> None:
        self._events = both()
        self._next = next(self._events, None)
        self.start_ms = self._next.time_ms if self._next is not None else 0
        self.handed_out = 0

    @property
    def exhausted(self) -> bool:
        """Whether everything was handed out."""
        return self._next is None

    def until(self, time_ms: int, limit: int = 10_000) -> list[TimedEvent]:
        """The events up to a moment that were not handed out yet, at most ``limit``."""
        due: list[TimedEvent] = []
        while self._next is not None and self._next.time_ms <= time_ms and len(due) < limit:
            due.append(self._next)
            self._next = next(self._events, None)
        self.handed_out += len(due)
        return due


class Publisher:
    """Writes events to the source topics in bulk batches, keyed, and waits for the broker to have them."""

    def __init__(self, producer: AIOKafkaProducer, topics: Topics) -> None:
        self._producer = producer
        self._topics = {"tickets": topics.tickets, "replies": topics.replies, "surveys": topics.surveys}
        self._counts = PartitionCounts()

    async def publish(self, events: Sequence[TimedEvent]) -> None:
        """Publish a piece of the feed. Raises KafkaError."""
        outputs = [
            Output(self._topics[topic], None, key.encode(), encode_event(event), HEADERS)
            for _, topic, key, event in events
        ]
        counts = await self._counts.of(self._producer, self._topics.values())
        sent = [
            await self._producer.send_batch(builder, topic, partition=partition)
            for topic, partition, builder in output_batches(self._producer, counts, 0, Flush([], outputs))
        ]
        for acknowledged in sent:
            await acknowledged
