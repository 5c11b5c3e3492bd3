"""The AsyncAPI 3 document: which events travel on which topic, and what the record key is."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from schemas.alert import MetricAlert
from schemas.base import CONTENT_TYPE, PREFIX, Event, OutputEvent
from schemas.events import TOPIC_OF
from schemas.followup import FeedbackFollowup
from schemas.rollup import MetricRollup

AnyClass = type[Event] | type[OutputEvent]

_INPUTS: Final = {
    "tickets": ("The life of tickets and their visits of queues.", "the ticket id in UTF-8"),
    "replies": ("Messages of tickets, without their text.", "the ticket id in UTF-8"),
    "surveys": ("Surveys and reviews.", "the ticket id, or the customer id where no ticket is meant"),
    "customers": ("The life of customers.", "the customer id in UTF-8"),
}
_OUTPUTS: Final[dict[str, tuple[str, str, AnyClass]]] = {
    "rollups": (
        "Figures by segment and window; the latest record of a key stands.",
        "profile/metric/segment/window_start/window_seconds",
        MetricRollup,
    ),
    "alerts": (
        "States of alert rules by segment; the latest record of a key stands.",
        "profile/rule/segment",
        MetricAlert,
    ),
    "followups": (
        "Bad answers that a team should react to; the latest record of a key stands.",
        "tenant/ticket/ticket id/survey id (or tenant/customer/customer id/survey id), each part percent-encoded",
        FeedbackFollowup,
    ),
}
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


def document(messages: Mapping[AnyClass, tuple[str, str]]) -> str:
    """The document as YAML. ``messages``: event class -> (type on the wire, its schema's file beside the document)."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic, (description, key) in _INPUTS.items():
        classes = [event_class for event_class, own_topic in TOPIC_OF.items() if own_topic == topic]
        channels[topic] = _channel(
            topic, description, key, [messages[event_class][0] for event_class in classes]
        )
        operations[f"read-{topic}"] = {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}}
        channels[f"{topic}-dead-letters"] = _dead_letters(topic)
        operations[f"refuse-{topic}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{topic}-dead-letters"},
        }
    for topic, (description, key, event_class) in _OUTPUTS.items():
        channels[topic] = _channel(topic, description, key, [messages[event_class][0]])
        operations[f"write-{topic}"] = {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}}
    api = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Contact-centre stream",
            "version": "1.0.0",
            "description": (
                "CloudEvents 1.0 in JSON on Kafka. Structured mode is written; structured and binary mode are read. "
                "The topics' prefix is configurable. Times are event times, never the record's timestamp."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {
                wire_type: {
                    "name": wire_type,
                    "summary": (event_class.__doc__ or "").split("\n")[0],
                    "contentType": CONTENT_TYPE,
                    "payload": {"$ref": path},
                }
                for event_class, (wire_type, path) in messages.items()
            }
            | {
                "dead-letter": {
                    "name": "dead-letter",
                    "summary": "A refused record: its own bytes, where it came from and why it was refused in the headers.",
                    "contentType": "application/octet-stream",
                    "headers": {
                        "type": "object",
                        "required": [f"__streams.errors.{name}" for name in _DEAD_LETTER_HEADERS],
                        "properties": {
                            f"__streams.errors.{name}": {"type": "string", "description": text}
                            for name, text in _DEAD_LETTER_HEADERS.items()
                        },
                    },
                    "payload": {"description": "The bytes of the refused record."},
                }
            },
        },
    }
    return "# Written by python -m schemas.generate; change the structs instead.\n" + "".join(_yaml(api, 0))


_DEAD_LETTER_HEADERS: Final = {
    "topic": "Topic of the refused record.",
    "partition": "Its partition.",
    "offset": "Its offset.",
    "timestamp": "Its timestamp in the log, in milliseconds.",
    "exception": "Name of the refusal's class.",
    "message": "What is wrong and where, without any text of the event.",
    "reason": "The reason's token, for example missing_field.",
}


def _channel(topic: str, description: str, key: str, wire_types: list[str]) -> dict[str, Any]:
    return {
        "address": f"{PREFIX}{topic}",
        "description": f"{description} Record key: {key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in wire_types},
    }


def _dead_letters(topic: str) -> dict[str, Any]:
    return {
        "address": f"{PREFIX}{topic}.dlq",
        "description": f"Refused records of {PREFIX}{topic}. Record key: the refused record's own.",
        "messages": {"dead-letter": {"$ref": "#/components/messages/dead-letter"}},
    }


def _yaml(node: Any, indent: int) -> list[str]:
    """Block style; strings in double quotes, which YAML reads as JSON does."""
    pad = "  " * indent
    lines = []
    for key, value in node.items():
        name = key if _PLAIN.fullmatch(key) else json.dumps(key)
        if isinstance(value, dict):
            lines += [f"{pad}{name}:\n", *_yaml(value, indent + 1)]
        elif isinstance(value, list):
            lines += [f"{pad}{name}:\n", *(f"{pad}  - {json.dumps(item)}\n" for item in value)]
        else:
            lines.append(f"{pad}{name}: {json.dumps(value, ensure_ascii=False)}\n")
    return lines
