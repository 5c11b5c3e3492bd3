"""Bytes -> event: the one decoder, with every refusal of the contract.

The common record is proved fast: one typed decode, and the decoded event, written again, is as long as the value (nothing
is shorter than how we write) or has as many quotation marks, and has no escapes. Then no name was lost on the way: none
is there twice, none is unknown. Whatever is not proved like this is parsed once more with care; the verdict is the same.
"""

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import inspect

from schemas.base import Data, Event, SurveyData
from schemas.events import (
    EVENT_CLASSES,
    SATISFIED_FROM,
    TOPIC_OF,
    WIRE_TYPE,
    AnyEvent,
    CustomerData,
    ReviewScoredData,
    SurveyAnsweredData,
    SurveySentData,
    encode_event,
)
from stream.core.config import CoreConfig
from stream.core.event_time import parse_time_ms
from stream.core.partitioner import PARTITIONERS
from stream.core.record import Record
from stream.core.refusal import Accepted, Refused, Skipped
from stream.core.shape import Problem, first, problems
from stream.core.strict_json import NotJsonError, TooDeepError, parse

__all__ = ["MAX_VALUE_BYTES", "Accepted", "Decoder", "Refused", "Skipped"]

MAX_VALUE_BYTES: Final = 1_048_576
STRUCTURED_MODE: Final = b"application/cloudevents"
_MAX_KNOWN_KEYS: Final = 16_384
"""Per partition, some 2 MB. A ticket's topics are not read at the same pace, least of all while catching up."""

# In a written event: control characters, as escapes up to U+001F. May hit a harmless escaped backslash before a letter
# as well; the careful check decides.
_CONTROL: Final = re.compile(rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]")

_FIVE_WORDS: Final = {
    "very_dissatisfied": 1,
    "dissatisfied": 2,
    "neutral": 3,
    "satisfied": 4,
    "very_satisfied": 5,
}
_SATISFIED_LABELS: Final = ("good", "satisfied", "very_satisfied")

_BACKSLASH: Final = ord("\\")  # as numbers: looking for a bytes object in bytes takes ten times as long
_DELETE: Final = 0x7F

_typed = msgspec.json.Decoder(AnyEvent).decode


class _Plan(NamedTuple):
    """What an event class asks for beyond its fields."""

    topics: frozenset[str]
    """Where it is read: any of a ticket's topics does for any of a ticket's events, as they are co-partitioned."""
    entity_id: Callable[[Any], str]
    across: Callable[[Any], Problem | None] | None
    """The first rule over several fields that the data break."""


class Decoder:
    """Decodes the records of the source topics of one application; keeps nothing but caches."""

    def __init__(self, config: CoreConfig, fast: bool = True) -> None:
        """``fast`` False reads every value with care: the verdicts are the same, and tests compare them."""
        self._fast = fast
        topics = config.topics
        self._plans = {
            event_class: _Plan(
                topics=frozenset(
                    (topics.customers,) if TOPIC_OF[event_class] == "customers" else topics.sources
                ),
                entity_id=_entity_id(_data_class(event_class)),
                across=_across(_data_class(event_class)),
            )
            for event_class in EVENT_CLASSES
        }
        self._max_skew_ms = config.max_skew_ms
        self._partitions = config.source_partitions
        self._partitioner = config.partitioner
        # Partition -> keys that belong there: murmur2 costs as much as all the rest.
        self._known: dict[int, set[bytes]] = {}

    def decode(
        self, record: Record, now_ms: int | None = None, clock_ms: int | None = None
    ) -> Accepted | Refused | Skipped:
        """The verdict on one record; never raises, whatever the bytes.

        ``future_time`` is measured against the record's own timestamp, or against ``now_ms`` where it is given. Of a record that is
        dated later than ``clock_ms`` by the log itself, against that: its producer's clock may be as wrong as the event's.
        """
        value = record.value
        if value is None:
            return Refused("null_value", "the record has no value")
        if record.key is None:
            return Refused("null_key", "the record has no key")
        if len(value) > MAX_VALUE_BYTES:
            return Refused("too_large", f"{len(value)} bytes, {MAX_VALUE_BYTES} is the limit")
        headers = record.headers
        if headers and _is_binary(headers):
            event = _read_binary(headers, value)
        elif not self._fast:
            event = _read_structured(value)
        else:
            try:
                event = _typed(value)
            except (ValueError, RecursionError):
                event = _read_structured(value)
            else:
                written = encode_event(event)
                if (
                    (len(value) != len(written) and value.count(b'"') != written.count(b'"'))
                    or _BACKSLASH in written
                    or _DELETE in written
                    or not (written.isascii() or _CONTROL.search(written) is None)
                ):
                    event = _read_structured(value, event)
        if isinstance(event, Event):
            if now_ms is None:
                now_ms = record.timestamp  # -1: it has none
            if clock_ms is not None and not 0 <= now_ms <= clock_ms:
                now_ms = clock_ms
            return self._place(record, record.key, event, now_ms)
        return event

    def _place(
        self, record: Record, key: bytes, event: AnyEvent, now_ms: int
    ) -> Accepted | Refused | Skipped:
        """The checks on a well-formed event that need several fields, or the record around it."""
        topics, entity_id, across = self._plans[event.__class__]
        if record.topic not in topics:
            return Skipped("other_stage")
        data = event.data
        if across is not None:
            problem = across(data)
            if problem is not None:
                return Refused(*problem)
        if key != entity_id(data).encode():
            return Refused("key_mismatch", "the record's key is not the entity's id")
        known = self._known.get(record.partition)
        if known is None or key not in known:
            problem = self._misplaced(key, record.partition)
            if problem is not None:
                return Refused(*problem)
        time_ms = parse_time_ms(event.time)
        if time_ms is None:
            return Refused("bad_time", "time is not RFC 3339 with an offset, or before the year 2000")
        if data.__class__ is SurveySentData and not _is_time(data.expires_at):
            return Refused("bad_time", "data.expires_at is not RFC 3339 with an offset")
        if time_ms - now_ms > self._max_skew_ms and now_ms >= 0:
            ahead_ms = time_ms - now_ms
            return Refused("future_time", f"time is {ahead_ms} ms ahead, {self._max_skew_ms} are allowed")
        return Accepted(time_ms, event)

    def _misplaced(self, key: bytes, partition: int) -> Problem | None:
        if self._partitioner != "any":
            right = PARTITIONERS[self._partitioner](key, self._partitions)
            if right != partition:
                return "wrong_partition", self._partition_hint(key, partition, right)
        known = self._known.setdefault(partition, set())
        if len(known) >= _MAX_KNOWN_KEYS:
            known.clear()
        known.add(key)
        return None

    def _partition_hint(self, key: bytes, found: int, right: int) -> str:
        message = (
            f"the key belongs in partition {right} of {self._partitions} by {self._partitioner}, "
            f"the record is in {found}"
        )
        for name, partition_of in PARTITIONERS.items():
            if name != self._partitioner and partition_of(key, self._partitions) == found:
                return f"{message}; {name} would put it there: see STREAM_PARTITIONER"
        return message


def _is_binary(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether CloudEvents attributes are in the headers. A value without any such header is read as structured."""
    binary = False
    for name, value in headers:
        if name == "content-type":
            if value is not None and value[:23].lower() == STRUCTURED_MODE:
                return False
        elif name.startswith("ce_"):
            binary = True
    return binary


def _read_structured(value: bytes, event: AnyEvent | None = None) -> AnyEvent | Refused | Skipped:
    """With care: is it JSON, a CloudEvent, ours, and of the right shape? ``event`` is the typed decode's result."""
    document = _document(value, 0)
    if isinstance(document, Refused):
        return document
    if event is not None and _CONTROL.search(encode_event(event)) is None:
        return event
    return _read_document(document)


def _read_binary(headers: Sequence[tuple[str, bytes]], value: bytes) -> AnyEvent | Refused | Skipped:
    """Binary mode: attributes in ``ce_`` headers, the value is the data. The data lie one level deep, as in the other."""
    envelope: dict[str, Any] = {}
    twice = False
    for name, raw in headers:
        if raw is None or not (name.startswith("ce_") or name == "content-type"):
            continue
        attribute = "datacontenttype" if name == "content-type" else name[3:]
        twice = twice or attribute in envelope or attribute == "data"
        try:
            envelope[attribute] = raw.decode()
        except UnicodeDecodeError as error:
            return Refused("not_utf8", f"{error.reason} at byte {error.start} of a header")
    document = _document(value, 1)
    if isinstance(document, Refused):
        return document
    if twice:
        return Refused("not_cloudevent", "an attribute has two headers, or is called data")
    return _read_document(envelope | {"data": document})


def _document(value: bytes, outer_depth: int) -> Any:
    try:
        return parse(value, outer_depth)
    except UnicodeDecodeError as error:
        return Refused("not_utf8", f"{error.reason} at byte {error.start}")
    except NotJsonError as error:
        return Refused("not_json", str(error))
    except TooDeepError as error:
        return Refused("too_deep", str(error))


def _read_document(document: Any) -> AnyEvent | Refused | Skipped:
    if type(document) is not dict:
        return Refused("not_cloudevent", "the value is not a JSON object")
    if document.get("specversion") != "1.0":
        return Refused("not_cloudevent", 'specversion is not "1.0"')
    # CloudEvents: an attribute that is null is not there.
    document = {name: value for name, value in document.items() if value is not None}
    for name in ("id", "source", "type"):
        if name not in document:
            return Refused("not_cloudevent", f"{name} is missing")
    wire_type = document["type"]
    if type(wire_type) is not str:
        return Refused("wrong_type", "type is not a string")
    if wire_type not in _SHAPES:
        return Skipped("unknown_type")
    try:
        # To the one class: a conversion to the union would build its tables each time.
        event = cast("AnyEvent", msgspec.convert(document, _SHAPES[wire_type][0]))
    except msgspec.ValidationError:
        return _diagnose(document, *_SHAPES[wire_type]) or Refused("wrong_type", "does not fit its schema")
    if _CONTROL.search(encode_event(event)) is None:
        return event
    return _diagnose(document, *_SHAPES[wire_type]) or event


def _diagnose(document: dict[str, Any], event_class: type[Event], shape: inspect.Type) -> Refused | None:
    found = list(problems(shape, document, ""))
    data = document.get("data")
    if type(data) is dict:
        missing = _incomplete(_data_class(event_class), data.get)
        if missing is not None:
            found.append(missing)
    problem = first(found)
    return None if problem is None else Refused(*problem)


def _is_time(text: str | None) -> bool:
    return text is None or parse_time_ms(text) is not None


def _data_class(event_class: type[Event]) -> type[Data]:
    return event_class.__annotations__["data"]  # type: ignore[no-any-return]  # every event class declares it


def _entity_id(data_class: type[Data]) -> Callable[[Any], str]:
    if issubclass(data_class, SurveyData):
        return lambda data: data.ticket_id or data.customer_id
    return attrgetter("customer_id" if issubclass(data_class, CustomerData) else "ticket_id")


def _incomplete(data_class: type[Data], get: Callable[[str], Any]) -> Problem | None:
    """The fields of which one is required, or that another one requires."""
    if not issubclass(data_class, SurveyData):
        return None
    if get("ticket_id") is None and get("customer_id") is None:
        return "missing_field", "data.ticket_id and data.customer_id are missing, one is needed"
    if data_class is SurveyAnsweredData:
        if get("score") is None:
            if get("label") is None or get("kind") in ("nps", "ces"):
                return "missing_field", "data.score is missing (a label alone is an answer of kind csat only)"
        elif get("scale") is None:
            return "missing_field", "data.scale is missing, a score needs it"
    return None


def _across(data_class: type[Data]) -> Callable[[Any], Problem | None] | None:
    if not issubclass(data_class, SurveyData):
        return None
    rules: dict[type[Data], Callable[[Any], Problem | None]] = {
        SurveySentData: lambda data: _unknown_scale(data.scale.min, data.scale.max),
        SurveyAnsweredData: _answer,
        ReviewScoredData: _review,
    }
    rule = rules.get(data_class)

    def check(data: SurveyData) -> Problem | None:
        problem = _incomplete(data_class, data.__getattribute__)
        return problem if problem is not None or rule is None else rule(data)

    return check


def _unknown_scale(low: int, high: int) -> Problem | None:
    if (low, high) in SATISFIED_FROM:
        return None
    return "unknown_scale", f"data.scale {low} to {high} is none of the known scales"


def _answer(data: SurveyAnsweredData) -> Problem | None:
    if data.scale is None:
        return None
    low, high, score, label = data.scale.min, data.scale.max, data.score, data.label
    if score is not None and not low <= score <= high:
        return "out_of_range", f"data.score {score} is outside of its scale {low} to {high}"
    unknown = _unknown_scale(low, high)
    if unknown is not None or score is None or label is None or data.kind != "csat":
        return unknown
    if (low, high) == (1, 5) and label in _FIVE_WORDS:
        agree = _FIVE_WORDS[label] == score
    else:
        agree = (label in _SATISFIED_LABELS) == (score >= SATISFIED_FROM[low, high])
    return None if agree else ("conflict", f"data.score {score} on {low} to {high} and data.label disagree")


def _review(data: ReviewScoredData) -> Problem | None:
    for index, criterion in enumerate(data.criteria):
        if criterion.score > criterion.max:
            return "out_of_range", f"data.criteria[{index}].score is above its max"
    return None


_SHAPES: Final = {
    WIRE_TYPE[event_class]: (event_class, inspect.type_info(event_class)) for event_class in EVENT_CLASSES
}
