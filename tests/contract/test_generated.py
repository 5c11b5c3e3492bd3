"""The generated files are those that the structs say, and are what their standards ask for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from schemas.events import EVENT_CLASSES, TOPIC_OF, WIRE_TYPE
from schemas.generate import ALL_CLASSES, FOLDER, drift, files, schema_path, wire_type
from stream.core.topics import Topics

ROOT = FOLDER.parent


def test_nothing_has_drifted() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "schemas.generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_drift_is_named(tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    for name, content in files().items():
        (tmp_path / name).write_text(content, "utf-8")
    assert drift(tmp_path) == []
    changed, gone, left_over = (
        "json/contact-centre.reply.added.v1.schema.json",
        "asyncapi.yaml",
        "json/old.schema.json",
    )
    (tmp_path / changed).write_text("{}", "utf-8")
    (tmp_path / gone).unlink()
    (tmp_path / left_over).write_text("{}", "utf-8")
    assert drift(tmp_path) == sorted((changed, gone, left_over))


def test_schemas_are_valid_by_the_2020_12_metaschema() -> None:
    for event_class in ALL_CLASSES:
        document = json.loads((FOLDER / schema_path(event_class)).read_text("utf-8"))
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema_rs.meta.validate(document)


def asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))
    return document


def resolve(document: Any, reference: str) -> Any:
    if reference.startswith("./"):
        return json.loads((FOLDER / reference).read_text("utf-8"))
    assert reference.startswith("#/"), reference
    node = document
    for step in reference[2:].split("/"):
        node = node[step.replace("~1", "/").replace("~0", "~")]
    return node


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [reference for child in node.values() for reference in references(child)]
    return [reference for child in node for reference in references(child)] if isinstance(node, list) else []


def test_asyncapi_references_resolve_and_every_operation_has_its_channel() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert set(document["info"]) >= {"title", "version"}
    for reference in references(document):
        assert resolve(document, reference)
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"]["$ref"].startswith("#/channels/")


def test_asyncapi_has_every_type_on_its_topic_and_the_topics_of_the_application() -> None:
    document = asyncapi()
    channels = document["channels"]
    for event_class in EVENT_CLASSES:
        assert WIRE_TYPE[event_class] in channels[TOPIC_OF[event_class]]["messages"]
    listed = {name for channel in channels.values() for name in channel["messages"]} - {"dead-letter"}
    assert listed == {wire_type(event_class) for event_class in ALL_CLASSES}
    for name, message in document["components"]["messages"].items():
        if name != "dead-letter":
            assert resolve(document, message["payload"]["$ref"])["title"] == name
    topics = Topics()
    addresses = {channel["address"] for channel in channels.values()}
    sources = (*topics.sources, topics.customers)
    assert addresses >= {*sources, *map(topics.dlq, sources), topics.rollups, topics.alerts, topics.followups}
