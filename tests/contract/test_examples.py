"""Every example goes through the decoder and through an independent JSON Schema validator."""

import json
from pathlib import Path

import jsonschema_rs
import msgspec
import orjson
import pytest

from schemas.events import EVENT_CLASSES, SATISFIED_FROM, WIRE_TYPE, AnyEvent, encode_event
from schemas.generate import ALL_CLASSES, FOLDER, schema_path, wire_type
from stream.core.config import CoreConfig
from stream.core.decode import Accepted, Decoder, Refused
from stream.core.refusal import REASONS
from tests.support.examples import events, files, record

VALIDATORS = {
    wire_type(event_class): jsonschema_rs.validator_for(
        json.loads((FOLDER / schema_path(event_class)).read_text("utf-8")), validate_formats=True
    )
    for event_class in ALL_CLASSES
}

# Values that a JSON Schema cannot refuse, and why not.
BEYOND_A_SCHEMA = {
    "not_json-duplicate-name": "parsers keep one of the two",
    "not_json-duplicate-name-in-unknown-field": "parsers keep one of the two",
    "too_deep-unknown-field": "unknown fields are free",
    "wrong_type-score-4.0": "4.0 is an integer to JSON Schema",
    "out_of_range-criterion-above-its-max": "no comparison of two fields",
    "conflict-good-but-lowest": "no comparison of two fields",
    "conflict-bad-but-highest": "no comparison of two fields",
    "conflict-word-of-another-score": "no comparison of two fields",
    "bad_time-before-2000-in-utc": "no arithmetic with offsets",
    "future_time-year-2999": "no clock",
}
NOT_CAUSED_BY_A_SMALL_VALUE = {
    "null_value",
    "null_key",
    "too_large",
    "key_mismatch",
    "wrong_partition",
}


def ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", events(), ids=ids)
def test_a_valid_event_is_accepted(path: Path) -> None:
    verdict = Decoder(CoreConfig()).decode(record(path.read_bytes()))
    assert isinstance(verdict, Accepted), verdict
    assert WIRE_TYPE[type(verdict.event)] == json.loads(path.read_bytes())["type"]


@pytest.mark.parametrize("path", files("valid"), ids=ids)
def test_a_valid_example_fits_its_schema(path: Path) -> None:
    document = json.loads(path.read_bytes())
    VALIDATORS[document["type"]].validate(document)


def test_every_type_has_a_valid_example() -> None:
    shown = {json.loads(path.read_bytes())["type"] for path in files("valid")}
    assert shown == {wire_type(event_class) for event_class in ALL_CLASSES}
    assert len(EVENT_CLASSES) == 22


@pytest.mark.parametrize("path", files("invalid"), ids=ids)
def test_an_invalid_example_is_refused_for_the_reason_in_its_name(path: Path) -> None:
    verdict = Decoder(CoreConfig()).decode(record(path.read_bytes()))
    assert isinstance(verdict, Refused), verdict
    assert verdict.reason == path.stem.partition("-")[0], verdict.message
    assert verdict.message


@pytest.mark.parametrize("path", files("invalid"), ids=ids)
def test_the_schema_refuses_what_the_decoder_refuses(path: Path) -> None:
    try:
        document = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        assert path.stem.startswith(("not_utf8-", "not_json-"))
        return
    known = isinstance(document, dict) and document.get("type") in VALIDATORS
    validators = [VALIDATORS[document["type"]]] if known else VALIDATORS.values()
    fits = any(validator.is_valid(document) for validator in validators)
    assert fits == (path.stem in BEYOND_A_SCHEMA)


def test_every_reason_that_a_value_can_cause_has_an_example() -> None:
    shown = {path.stem.partition("-")[0] for path in files("invalid")}
    assert shown == set(REASONS) - NOT_CAUSED_BY_A_SMALL_VALUE


def test_the_readme_has_every_reason_and_every_scale() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    listed = readme[readme.index("| reason |") :]
    places = [listed.index(f"`{reason}`") for reason in REASONS]
    assert places == sorted(places)
    for low, high in SATISFIED_FROM:
        assert f"{low}-{high}" in readme


@pytest.mark.parametrize("path", events(), ids=ids)
def test_an_event_that_we_write_is_written_with_the_same_names(path: Path) -> None:
    """A default that was spelled out stays spelled out: the decoder's fast proof is then fast."""
    document = json.loads(path.read_bytes())
    document["data"].setdefault("tenant", "default")
    if document["type"].endswith("ticket.created.v1"):
        document["data"].setdefault("created_by", "customer")
    document["data"].pop("mood", None)
    document.pop("traceparent", None)
    assert json.loads(encode_event(msgspec.json.decode(json.dumps(document), type=AnyEvent))) == document
