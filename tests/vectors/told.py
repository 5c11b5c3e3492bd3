"""One line of a vector, ``10:05 reply.added author=agent ticket=t2``, as the bytes that a producer would send."""

import re
from typing import Any, Final, NamedTuple

import msgspec

from schemas.events import EVENT_CLASSES, TOPIC_OF, WIRE_TYPE

DAY: Final = "2025-11-05"
"""The day of a time that names none."""

_CLOCK = re.compile(r"(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?")
_WHOLE = {"score", "revision", "talk_ms", "hold_ms", "after_ms", "amount_minor"}
_CLASSES = {
    tag.removeprefix("contact-centre.").removesuffix(".v1"): event_class
    for event_class, tag in WIRE_TYPE.items()
}
_FIELDS = {
    event_class: {field.name for field in msgspec.structs.fields(event_class.__annotations__["data"])}
    for event_class in EVENT_CLASSES
}
_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "ticket.created": {"channel": "email"},
    "ticket.queue_entered": {"queue": "voice", "visit_id": "v1"},
    "ticket.queue_left": {"queue": "voice", "visit_id": "v1"},
    "ticket.handled": {"visit_id": "v1", "agent_id": "a1", "talk_ms": 0, "hold_ms": 0, "after_ms": 0},
    "reply.added": {"public": True},
    "reply.retracted": {"reason": "deleted"},
    "survey.sent": {"survey_id": "s1", "kind": "csat", "scale": {"min": 1, "max": 5}},
    "survey.answered": {"survey_id": "s1", "kind": "csat", "revision": 0},
    "survey.retracted": {"survey_id": "s1"},
    "survey.expired": {"survey_id": "s1"},
    "review.scored": {"review_id": "q1"},
}


class VectorError(ValueError):
    """A vector that cannot be read; the message names the line."""


class Told(NamedTuple):
    """One event as a record, without the place that it will have in a log."""

    topic: str
    """Short name."""
    key: bytes
    value: bytes


def told(line: str, number: int, tenant: str, day: str) -> list[Told]:
    """The events of a line, the ``number``-th of its case: one, or as many as its ``x30`` says, each of a ticket of its own.

    Raises VectorError.
    """
    try:
        time, name, *words = line.split()
        copies = int(words.pop()[1:]) if words and re.fullmatch(r"x\d+", words[-1]) else 1
        event_class = _CLASSES[name]
        pairs = dict(word.split("=", 1) for word in words)
    except (ValueError, KeyError) as exc:
        raise VectorError(f"{line!r}: write it as 10:05 reply.added author=agent") from exc
    envelope = {
        "specversion": "1.0",
        "id": pairs.pop("id", f"e{number:03d}"),
        "source": f"/vectors/{tenant}",
        "type": WIRE_TYPE[event_class],
        "time": _time(time, day),
    }
    if "seq" in pairs:
        envelope["sequence"] = pairs.pop("seq")
    data: dict[str, Any] = {"tenant": tenant, **_DEFAULTS.get(name, {})}
    if name == "reply.added":
        data["reply_id"] = f"r{number:03d}"
    if pairs.get("tenant"):
        data["tenant"] = f"{tenant}.{pairs.pop('tenant')}"
    for word, text in pairs.items():
        field = word if word in _FIELDS[event_class] else f"{word}_id"
        if field not in _FIELDS[event_class]:
            raise VectorError(f"{line!r}: {name} has no field {word}")
        data[field] = _value(field, text)
    topic = TOPIC_OF[event_class]
    entity = (
        "customer_id"
        if topic == "customers" or {"customer", "ticket"} & pairs.keys() == {"customer"}
        else "ticket_id"
    )
    data.setdefault(entity, "c1" if entity == "customer_id" else "t1")
    found = []
    for copy in range(1, copies + 1):
        if copies > 1:
            envelope = envelope | {"id": f"e{number:03d}-{copy:03d}"}
            data = data | {entity: f"{pairs.get(entity.removesuffix('_id'), 't1')}-{copy}"}
        value = msgspec.json.encode(envelope | {"data": data})
        found.append(Told(topic, str(data[entity]).encode(), value))
    return found


def _time(text: str, day: str) -> str:
    if "T" in text:
        return text
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise VectorError(f"{text!r} is no time: 10:05, 10:05:07.250, 10:05+02:00 or a whole date and time")
    return f"{day}T{clock[1]}{clock[2] or ':00'}{clock[3] or 'Z'}"


def _value(field: str, text: str) -> object:
    """``score=4`` a number, ``scale=1-5`` a scale, ``segments=location:oslo``, ``criteria=tone:4/5*2,facts:5/5*1``, ``team=null``."""
    if text == "null":
        return None
    if field in _WHOLE:
        return int(text)
    if field == "public":
        return text == "yes"
    if field == "scale":
        low, _, high = text.partition("-")
        return {"min": int(low), "max": int(high)}
    if field == "segments":
        return dict(part.split(":") for part in text.split(","))
    if field == "criteria":
        return [
            {"name": name, "score": int(score), "max": int(most), "weight": int(weight)}
            for name, score, most, weight in (re.split("[:/*]", part) for part in text.split(","))
        ]
    return text
