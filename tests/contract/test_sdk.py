"""The CloudEvents SDK reads what we write, and we read what it writes, in both modes of the Kafka binding."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings.kafka import (
    KafkaMessage,
    from_kafka,
    to_binary,
    to_structured,
)
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.events import CONTENT_TYPE, encode_event
from stream.core.config import CoreConfig
from stream.core.decode import Accepted, Decoder
from stream.core.record import SourceRecord
from tests.support.examples import events, files, record


def accepted(log_record: SourceRecord) -> Accepted:
    verdict = Decoder(CoreConfig()).decode(log_record)
    assert isinstance(verdict, Accepted), verdict
    return verdict


def sdk_event(path: Path) -> CloudEvent:
    attributes = json.loads(path.read_bytes())
    data = attributes.pop("data")
    attributes["time"] = datetime.fromisoformat(attributes["time"])
    return CloudEvent(attributes, data)


@pytest.mark.parametrize("path", files("valid"), ids=lambda path: path.stem)
def test_the_sdk_reads_our_records(path: Path) -> None:
    document = json.loads(path.read_bytes())
    value = path.read_bytes()
    if path in events():
        value = encode_event(accepted(record(value)).event)
    message = KafkaMessage(headers={"content-type": CONTENT_TYPE.encode()}, key=None, value=value)
    event = from_kafka(message, JSONFormat())
    assert (event.get_id(), event.get_source(), event.get_type()) == (
        document["id"],
        document["source"],
        document["type"],
    )
    assert event.get_time() == datetime.fromisoformat(document["time"])
    if "-unknown-fields" not in path.stem:
        assert event.get_data() == document["data"]


@pytest.mark.parametrize("path", events(), ids=lambda path: path.stem)
@pytest.mark.parametrize("write", [to_structured, to_binary])
def test_we_read_the_sdks_records(path: Path, write: Callable[..., KafkaMessage]) -> None:
    original = record(path.read_bytes())
    message = write(sdk_event(path), JSONFormat(), key_mapper=lambda event: original.key)
    ours = accepted(original)
    assert isinstance(message.key, bytes)
    theirs = accepted(
        original._replace(key=message.key, value=message.value, headers=tuple(message.headers.items()))
    )
    assert theirs.time_ms == ours.time_ms
    assert theirs.event.data == ours.event.data
    assert (theirs.event.id, theirs.event.source, theirs.event.sequence) == (
        ours.event.id,
        ours.event.source,
        ours.event.sequence,
    )
