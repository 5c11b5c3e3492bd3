"""Writes the JSON Schemas and the AsyncAPI document from the structs: ``python -m schemas.generate [--check]``.

``--check`` writes nothing and exits with 1 when a file is not what would be written, naming it.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.alert import MetricAlert
from schemas.asyncapi import document
from schemas.base import SATISFIED_FROM, Event, OutputEvent
from schemas.events import EVENT_CLASSES
from schemas.followup import FeedbackFollowup
from schemas.rollup import MetricRollup

FOLDER: Final = Path(__file__).parent
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
OUTPUT_CLASSES: Final[tuple[type[OutputEvent], ...]] = (MetricRollup, MetricAlert, FeedbackFollowup)
ALL_CLASSES: Final[tuple[type[Event] | type[OutputEvent], ...]] = (*EVENT_CLASSES, *OUTPUT_CLASSES)

_Schema = dict[str, Any]

_ONE_ID: Final[_Schema] = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "string"}}}
        for name in ("ticket_id", "customer_id")
    ]
}
_SCORE_OR_LABEL: Final[_Schema] = {
    "if": {"required": ["score"], "properties": {"score": {"type": "integer"}}},
    "then": {"required": ["scale"], "properties": {"scale": {"type": "object"}}},
    "else": {"required": ["label"], "properties": {"kind": {"const": "csat"}, "label": {"type": "string"}}},
}
_SCALE: Final[_Schema] = {
    "anyOf": [{"properties": {"min": {"const": low}, "max": {"const": high}}} for low, high in SATISFIED_FROM]
}
_SCORE_ON_SCALE: Final[list[_Schema]] = [
    {
        "if": {
            "required": ["scale"],
            "properties": {
                "scale": {
                    "type": "object",
                    "required": ["min", "max"],
                    "properties": {"min": {"const": low}, "max": {"const": high}},
                }
            },
        },
        "then": {"properties": {"score": {"minimum": low, "maximum": high}}},
    }
    for low, high in SATISFIED_FROM
]

# What fields cannot say one by one: struct name -> further keywords of its schema.
_RULES: Final[dict[str, _Schema]] = {
    "Scale": _SCALE,
    "SurveySentData": _ONE_ID,
    "SurveyAnsweredData": _ONE_ID | {"allOf": [_SCORE_OR_LABEL, *_SCORE_ON_SCALE]},
    "SurveyRetractedData": _ONE_ID,
    "SurveyExpiredData": _ONE_ID,
    "ReviewScoredData": _ONE_ID,
}


def wire_type(event_class: type[Event] | type[OutputEvent]) -> str:
    """``type`` on the wire."""
    return str(event_class.__struct_config__.tag)


def schema_path(event_class: type[Event] | type[OutputEvent]) -> str:
    """The schema's file, seen from this folder."""
    return f"json/{wire_type(event_class)}.schema.json"


def schema(event_class: type[Event] | type[OutputEvent]) -> _Schema:
    """The JSON Schema of an event in structured mode; complete in itself."""
    (reference,), parts = msgspec.json.schema_components([event_class], ref_template="#/$defs/{name}")
    body: _Schema = _plain(reference, parts)
    return {
        "$schema": DIALECT,
        "title": wire_type(event_class),
        **{k: v for k, v in body.items() if k != "title"},
    }


def _plain(node: Any, parts: dict[str, Any]) -> Any:
    """``node`` with the structs that it refers to in their place, in the shortest form."""
    if isinstance(node, list):
        return [_plain(item, parts) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return _plain(parts[name], parts) | _RULES.get(name, {})
    plain = {key: _plain(value, parts) for key, value in node.items()}
    if "description" in plain and isinstance(plain["description"], str):
        plain["description"] = re.sub(r"\s+", " ", inspect.cleandoc(plain["description"])).replace("``", "`")
    options = plain.get("anyOf")
    if options is not None and len(options) == 2 and options[1] == {"type": "null"}:
        del plain["anyOf"]
        plain = _or_null(options[0]) | plain
    if plain.get("default", ...) is None:
        del plain["default"]
    if len(plain.get("enum", ())) == 1:
        plain["const"] = plain.pop("enum")[0]
    return plain


def _or_null(schema: _Schema) -> _Schema:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    if schema.get("type") == "object":
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def files() -> dict[str, str]:
    """All generated files: path from this folder -> content."""
    generated = {
        schema_path(event_class): json.dumps(schema(event_class), indent=2, ensure_ascii=False) + "\n"
        for event_class in ALL_CLASSES
    }
    generated["asyncapi.yaml"] = document(
        {
            event_class: (wire_type(event_class), f"./{schema_path(event_class)}")
            for event_class in ALL_CLASSES
        }
    )
    return generated


def drift(folder: Path) -> list[str]:
    """Files in ``folder`` that differ from what would be written, are missing, or are left over."""
    expected = files()
    found = {path.relative_to(folder).as_posix() for path in folder.glob("json/*.json")}
    return sorted(
        {
            name
            for name, content in expected.items()
            if not (folder / name).is_file() or (folder / name).read_text("utf-8") != content
        }
        | (found - expected.keys())
    )


def main(arguments: list[str]) -> int:
    """Write or check the files; the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m schemas.generate [--check]\n")
        return 2
    if arguments:
        for name in drift(FOLDER):
            sys.stderr.write(f"schemas/{name} is not what the structs say: run python -m schemas.generate\n")
        return 1 if drift(FOLDER) else 0
    (FOLDER / "json").mkdir(exist_ok=True)
    for name in drift(FOLDER):
        if name in files():
            (FOLDER / name).write_text(files()[name], "utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
