"""A dead letter has the original bytes, where they came from, and why it is one."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.config import CoreConfig
from stream.core.dead_letter import (
    EXCEPTION_HEADER,
    KEY_LENGTH_HEADER,
    KEY_SHA256_HEADER,
    MESSAGE_HEADER,
    OFFSET_HEADER,
    OUR_HEADERS,
    PARTITION_HEADER,
    REASON_HEADER,
    TIMESTAMP_HEADER,
    TOPIC_HEADER,
    TRUNCATED_LENGTH_HEADER,
    TRUNCATED_SHA256_HEADER,
    dead_letter,
    fitted,
    origin,
    original_headers,
    truncated,
)
from stream.core.decode import Decoder
from stream.core.record import Output, SourceRecord
from stream.core.refusal import Refused
from stream.core.topics import Topics

RECORD = SourceRecord(
    "contact-centre.replies", 3, 42, 1_793_882_096_789, b"\xff\x00key", b"\xfe\x00value", (("x", b"1"),)
)
REFUSED = Refused("not_utf8", "invalid start byte at byte 0")


def test_bytes_and_origin() -> None:
    letter = dead_letter(RECORD, REFUSED, Topics())
    assert (letter.topic, letter.key, letter.value) == (
        "contact-centre.replies.dlq",
        b"\xff\x00key",
        b"\xfe\x00value",
    )
    assert letter.headers[0] == ("x", b"1")
    headers = dict(letter.headers)
    assert headers[TOPIC_HEADER] == b"contact-centre.replies"
    assert headers[PARTITION_HEADER] == b"3"
    assert headers[OFFSET_HEADER] == b"42"
    assert headers[TIMESTAMP_HEADER] == b"1793882096789"
    assert headers[EXCEPTION_HEADER] == b"stream.core.refusal.Refused"
    assert headers[MESSAGE_HEADER] == b"invalid start byte at byte 0"
    assert headers[REASON_HEADER] == b"not_utf8"


def test_header_names_are_those_of_kafka_streams() -> None:
    names = (TOPIC_HEADER, PARTITION_HEADER, OFFSET_HEADER, EXCEPTION_HEADER, MESSAGE_HEADER)
    assert names == tuple(
        f"__streams.errors.{name}" for name in ("topic", "partition", "offset", "exception", "message")
    )


@pytest.mark.parametrize(("key", "value"), [(None, None), (None, b""), (b"", None), (b"k", None)])
def test_null_stays_null_and_empty_stays_empty(key: bytes | None, value: bytes | None) -> None:
    record = RECORD._replace(key=key, value=value, headers=())
    refused = Decoder(CoreConfig()).decode(record)
    assert isinstance(refused, Refused)
    letter = dead_letter(record, refused, Topics())
    assert (letter.key, letter.value) == (key, value)
    assert dict(letter.headers)[REASON_HEADER] in (b"null_value", b"null_key")


def test_a_dead_letter_refused_again_ends_with_its_latest_refusal() -> None:
    first = dead_letter(RECORD, REFUSED, Topics())
    again = RECORD._replace(topic=first.topic, headers=tuple(first.headers), offset=1)
    second = dead_letter(again, Refused("too_deep", "nested"), Topics())
    assert dict(second.headers)[REASON_HEADER] == b"too_deep"
    assert dict(second.headers)[OFFSET_HEADER] == b"1"
    assert [value for name, value in second.headers if name == REASON_HEADER] == [b"not_utf8", b"too_deep"]


def test_what_a_broker_refuses_is_cut_and_can_be_recognised() -> None:
    letter = dead_letter(RECORD._replace(value=b"v" * 3_000_000), REFUSED, Topics())
    cut = truncated(letter)
    assert (cut.topic, cut.key, cut.value) == (letter.topic, letter.key, b"")
    headers = dict(cut.headers)
    assert headers[TRUNCATED_LENGTH_HEADER] == b"3000000"
    assert headers[TRUNCATED_SHA256_HEADER] == hashlib.sha256(b"v" * 3_000_000).hexdigest().encode()
    assert truncated(letter, keep_bytes=10).value == b"v" * 10


@settings(max_examples=200)
@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 8), st.integers(3_200, 6_000))
def test_a_letter_is_cut_to_what_the_broker_takes_and_to_no_less(
    key: bytes, value: bytes, headers: int, limit: int
) -> None:
    # No broker's limit is below what the key and our own headers need, some 3,050 bytes here.
    record = RECORD._replace(key=key * 8, value=value * 8, headers=(("h", b"x" * 100),) * headers)
    letter = dead_letter(record, REFUSED, Topics())
    cut = fitted(letter, limit)
    whole = dict(cut.headers)
    if cut is letter:
        assert _bytes(letter) <= limit
    elif TRUNCATED_LENGTH_HEADER in whole and KEY_LENGTH_HEADER not in whole:
        assert whole[TRUNCATED_LENGTH_HEADER] == str(len(value) * 8).encode()
        assert cut.key == key * 8
        if cut.headers[: len(letter.headers)] == letter.headers:
            assert limit - 300 < _bytes(cut) <= limit
    assert origin(cut.headers)[:5] == ("contact-centre.replies", 3, 42, 1_793_882_096_789, "not_utf8")
    assert origin(cut.headers).truncated == (cut is not letter)


def _bytes(letter: Output) -> int:
    """As a broker counts a batch with this one record, near enough."""
    headers = sum(len(name) + len(value) + 4 for name, value in letter.headers)
    return 61 + 20 + len(letter.key or b"") + len(letter.value or b"") + headers


def test_a_key_that_no_broker_takes_is_cut_too() -> None:
    record = RECORD._replace(key=b"k" * 5_000, headers=(("h", b"x" * 5_000),))
    cut = fitted(dead_letter(record, REFUSED, Topics()), 4_000)
    assert (cut.key, cut.value) == (b"k" * 1_024, b"")
    assert dict(cut.headers)[KEY_LENGTH_HEADER] == b"5000"
    assert dict(cut.headers)[KEY_SHA256_HEADER] == hashlib.sha256(b"k" * 5_000).hexdigest().encode()
    assert _bytes(cut) < 4_000


@pytest.mark.parametrize(
    "headers", [(), (("x", b"1"), ("content-type", b"y")), ((TOPIC_HEADER, b"another's"),)]
)
def test_the_original_headers_come_out_again(headers: tuple[tuple[str, bytes], ...]) -> None:
    letter = dead_letter(RECORD._replace(headers=headers), REFUSED, Topics())
    assert tuple(original_headers(letter.headers)) == headers
    assert tuple(original_headers(truncated(letter).headers)) == headers
    assert origin(letter.headers).topic == "contact-centre.replies"


@given(st.lists(st.tuples(st.sampled_from([*OUR_HEADERS, "x"]), st.none() | st.binary(max_size=30))))
def test_whatever_the_headers_say_they_can_be_read(headers: list[tuple[str, bytes | None]]) -> None:
    found = origin(headers)  # type: ignore[arg-type]  # a header may be null
    assert found.offset >= -1
    assert len(original_headers(headers)) <= len(headers)  # type: ignore[arg-type]  # as above
