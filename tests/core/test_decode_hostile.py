"""Bytes that are meant to hurt: a verdict for each, in bounded time, and the same with and without the fast proof."""

import json
import random
import time
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generate import FOLDER
from stream.core.config import CoreConfig
from stream.core.decode import MAX_VALUE_BYTES, Accepted, Decoder, Refused, Skipped
from stream.core.record import SourceRecord
from tests.support.examples import events, record

FAST = Decoder(CoreConfig())
CAREFUL = Decoder(CoreConfig(), fast=False)
VALUES = [path.read_bytes() for path in events()]
COMPACT = [json.dumps(json.loads(value), separators=(",", ":")).encode() for value in VALUES]
GOOD = next(value for value in COMPACT if b"reply.added" in value and b"r-9" in value)
FULL = b"x" * (MAX_VALUE_BYTES - 2)


def verdict(log_record: SourceRecord) -> Accepted | Refused | Skipped:
    fast, careful = FAST.decode(log_record), CAREFUL.decode(log_record)
    assert fast == careful
    return fast


def reason(value: bytes) -> str | None:
    found = verdict(record(GOOD)._replace(value=value))
    return found.reason if isinstance(found, Refused) else None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", "not_json"),
        (b"\0", "not_json"),
        (b"\0" * 1000, "not_json"),
        (GOOD + b"\0", "not_json"),
        (GOOD.replace(b"r-9", b"r\x009"), "not_json"),
        (GOOD.replace(b"r-9", b"r\n9"), "not_json"),
        (GOOD.replace(b"r-9", b"r\\u00009"), "out_of_range"),
        (GOOD.replace(b"r-9", b"\xff"), "not_utf8"),
        (GOOD.replace(b"r-9", b"\xc0\x80"), "not_utf8"),
        (GOOD.replace(b"r-9", b"\xe0\x80\xaf"), "not_utf8"),
        (GOOD.replace(b"r-9", b"\xed\xa0\x80"), "not_utf8"),
        (GOOD.replace(b"r-9", b"\xf4\x90\x80\x80"), "not_utf8"),
        (GOOD.replace(b'"data"', b'"\xff":1,"data"'), "not_utf8"),
        (GOOD.replace(b'"data"', b'"x":"\xff","data"'), "not_utf8"),
        (GOOD.decode().encode("utf-16"), "not_utf8"),
        (GOOD.decode().encode("utf-16-be"), "not_json"),
        (b"\xef\xbb\xbf" + GOOD, "not_json"),
        (GOOD.replace(b"r-9", b"\\ud800"), "not_json"),
        (GOOD.replace(b"r-9", b"\\udc00\\ud800"), "not_json"),
        (GOOD.replace(b'"data"', b'"x":"\\ud800","data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"\\udfff":0,"data"'), "not_json"),
        (GOOD.replace(b"r-9", b"\\ud83d\\ude00"), None),
        (GOOD.replace(b'"data"', b'"x":{"y":[{"z":1,"z":2}]},"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"data":{},"data"'), "not_json"),
        (GOOD.replace(b'"tenant"', b'"tenant":"acme","tenant"'), "not_json"),
        (GOOD.replace(b'"tenant"', b'"channel":null,"channel":null,"tenant"'), "not_json"),
        (GOOD.replace(b'"public":true', b'"public":true,"public":true'), "not_json"),
        (GOOD.replace(b"true", b"True"), "not_json"),
        (GOOD.replace(b'"data"', b'"x":01,"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"x":1.,"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"x":+1,"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"x":0x1,"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"x":NaN,"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"x":-Infinity,"data"'), "not_json"),
        (GOOD.replace(b'"data"', b'"x":1e999,"data"'), None),
        (GOOD.replace(b'"data"', b'"x":"\\x41","data"'), "not_json"),
        (GOOD.replace(b"{", b"{/**/"), "not_json"),
        (GOOD[:-1] + b",}", "not_json"),
        (GOOD + GOOD, "not_json"),
        (b"null", "not_cloudevent"),
        (b"17", "not_cloudevent"),
        (b'"' + FULL + b'"', "not_cloudevent"),
        (b'"' + FULL + b'""', "too_large"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b"[" * 150, "not_json"),  # shallow enough to be looked at
        (b"[" * 150 + b"]" * 150, "too_deep"),
        (GOOD.replace(b'"data"', b'"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"data"'), "too_deep"),
        (b"[" * 100_000 + b"\xff", "not_utf8"),
        (b" " * MAX_VALUE_BYTES, "not_json"),
        (b'"' * MAX_VALUE_BYTES, "not_json"),
        (b'\\"' * (MAX_VALUE_BYTES // 2), "not_json"),
        (b'"' + b'\\"' * (MAX_VALUE_BYTES // 2 - 1), "not_json"),
        (b"[{" * 20 + b'"' + b'\\"' * (MAX_VALUE_BYTES // 2 - 100), "not_json"),
        (b"[]" * (MAX_VALUE_BYTES // 2), "not_json"),
        (b"[" + b"[]," * 300_000 + b"[]]", "not_cloudevent"),
        (b"9" * MAX_VALUE_BYTES, "not_cloudevent"),
        (b"-" * MAX_VALUE_BYTES, "not_json"),
        (b"\xff" * MAX_VALUE_BYTES, "not_utf8"),
        (GOOD.replace(b'"data"', b'"x":"' + b"y" * 1_000_000 + b'","data"'), None),
        (GOOD.replace(b'"data"', b'"x":"' + b"\\n" * 500_000 + b'","data"'), None),
        (GOOD.replace(b"r-9", b"r" * 1_000_000), "out_of_range"),
        (b'{"a":0,' + b",".join(b'"%d":0' % n for n in range(80_000)) + b"}", "not_cloudevent"),
    ],
    ids=lambda value: (
        value[:24].decode("latin-1") + f"~{len(value)}" if isinstance(value, bytes) else str(value)
    ),
)
def test_hostile_values(value: bytes, expected: str | None) -> None:
    started = time.process_time()
    assert reason(value) == expected
    assert time.process_time() - started < 5


def test_hostile_times_are_refused_quickly() -> None:
    started = time.process_time()
    for text in (b"2026-11-05T12:34:56." + b"0" * 1_000_000, b"0" * 1_000_000):
        assert reason(GOOD.replace(b"2026-11-05T12:34:56.789Z", text)) == "bad_time"
    fraction = b"2026-11-05T12:34:56." + b"9" * 1_000_000 + b"Z"
    assert reason(GOOD.replace(b"2026-11-05T12:34:56.789Z", fraction)) is None
    assert time.process_time() - started < 5


def mutate(value: bytes, seed: int) -> bytes:
    """A few random cuts, copies, swaps and bytes."""
    rng = random.Random(seed)
    pieces = [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"4.0",
        b"-1",
        b"1e400",
        b'"\\u0022"',
        b"\x7f",
        b"\xc2\x85",
    ]
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(value) + 1)
        end = min(len(value), start + rng.randint(0, 12))
        kind = rng.randrange(4)
        if kind == 0:
            value = value[:start] + value[end:]
        elif kind == 1:
            value = value[:end] + value[start:]
        elif kind == 2:
            value = value[:start] + rng.choice(pieces) + value[end:]
        else:
            value = value[:start] + bytes([rng.randrange(256)]) + value[start + 1 :]
    return value


@settings(max_examples=3000, deadline=None)
@given(st.sampled_from(VALUES + COMPACT), st.integers(0, 2**64))
def test_mutated_bytes_get_one_verdict_both_ways(value: bytes, seed: int) -> None:
    verdict(record(value)._replace(value=mutate(value, seed)))


HEADER = st.tuples(
    st.sampled_from(["ce_id", "ce_type", "content-type", "x"]), st.none() | st.binary(max_size=20)
)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300), st.lists(HEADER))
def test_any_bytes_and_headers_get_a_verdict(value: bytes, headers: Any) -> None:
    verdict(record(GOOD)._replace(value=value, headers=tuple(headers)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    "ticket_id",
    "customer_id",
    "survey_id",
    "kind",
    "scale",
    "score",
    "label",
    "revision",
    "tenant",
    "segments",
    "min",
    "criteria",
    "talk_ms",
    "public",
    "author",
    "reason",
    "status",
    "currency",
    "id",
    "time",
    "data",
    "x",
]
SPECIAL: list[Any] = [
    *(
        "",
        "4711",
        "good",
        "bad",
        "csat",
        "nps",
        "solved",
        "2026-11-05T12:34:56Z",
        "a\tb",
        "\x7f",
        "é",
        "x" * 129,
    ),
    *(0, 4, 5, 11, 10**40, 4.0),
    *({"min": 1, "max": 5}, {"min": 0, "max": 10}, {"min": 1, "max": 8}, {"a": ""}),
]
LEAVES = JSON | st.sampled_from(SPECIAL)
NOT_IN_A_SCHEMA = ("conflict", "key_mismatch", "wrong_partition", "bad_time", "future_time")
VALIDATORS = {
    path.name.removesuffix(".schema.json"): jsonschema_rs.validator_for(json.loads(path.read_text("utf-8")))
    for path in (FOLDER / "json").glob("*.json")
}


def places(node: Any) -> list[tuple[dict[str, Any], str]]:
    """Every field of every object in a document."""
    if not isinstance(node, dict):
        return []
    return [(node, name) for name in node] + [place for child in node.values() for place in places(child)]


@settings(max_examples=2000, deadline=None)
@given(st.data())
def test_decoder_and_schema_agree_on_documents_with_a_changed_field(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(VALUES)))
    wire_type = document["type"]
    found = places(document)
    parent, name = found[data.draw(st.integers(0, len(found) - 1))]
    match data.draw(st.integers(0, 2)):
        case 0:
            del parent[name]
        case 1:
            parent[name] = data.draw(LEAVES)
        case _:
            parent[data.draw(st.sampled_from(FIELDS))] = data.draw(LEAVES)
    value = json.dumps(document, ensure_ascii=data.draw(st.booleans())).encode()
    outcome = verdict(record(value))
    if isinstance(document.get("type"), str) and document["type"] != wire_type:
        return  # skipped, or another type's event
    fits = VALIDATORS[wire_type].is_valid(document)
    if isinstance(outcome, Accepted):
        assert fits
    elif isinstance(outcome, Refused) and fits:
        integral_float = outcome.reason == "wrong_type" and b".0" in value
        criterion = outcome.reason == "out_of_range" and "criteria" in outcome.message
        assert integral_float or criterion or outcome.reason in NOT_IN_A_SCHEMA, outcome
