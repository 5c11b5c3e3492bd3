"""Who may send, and what of it is an event."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.gateway.files import Line
from stream.gateway.webhook import (
    MOST_BYTES,
    MOST_EVENTS,
    REMEMBERED,
    Door,
    Refused,
    SecretError,
    lines_of,
    secrets_of,
)
from tests.gateway.signing import OTHER_SECRET, SECRET, signed


def event(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "/helpdesk",
        "type": "contact-centre.ticket.created.v1",
        "time": "2026-11-05T12:00:00Z",
        "data": {"tenant": "acme", "ticket_id": f"t-{number}", "channel": "chat"},
        **more,
    }


BODY = json.dumps(event()).encode()


def test_what_a_known_secret_has_signed_just_now_comes_in() -> None:
    door = Door([OTHER_SECRET, SECRET])
    assert door.signed(signed(BODY), BODY) is None
    assert door.signed(signed(BODY, secret=OTHER_SECRET), BODY) is None
    assert door.signed(signed(BODY, age_seconds=290), BODY) is None


def test_anything_else_stays_out() -> None:
    door = Door([SECRET])
    good = signed(BODY)
    for headers, body in (
        (signed(BODY, secret=OTHER_SECRET), BODY),
        (good, BODY + b" "),
        (good | {"webhook-id": "msg-2"}, BODY),
        (good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, BODY),
        (signed(BODY, age_seconds=400), BODY),
        (signed(BODY, age_seconds=-400), BODY),
        (good | {"webhook-signature": "v1"}, BODY),
        (good | {"webhook-signature": "v1,?"}, BODY),
        (good | {"webhook-timestamp": "nan"}, BODY),
        ({}, BODY),
        (good, b"\xff"),
    ):
        refused = door.signed(headers, body)
        assert refused is not None
        assert (refused.status, refused.outcome) == (401, "unsigned")


def test_a_replay_is_told_from_a_forgery() -> None:
    refused = Door([SECRET]).signed(signed(BODY, age_seconds=400), BODY)
    assert refused is not None
    assert "too old" in refused.text


@given(st.dictionaries(st.sampled_from(list(signed(BODY))), st.text(max_size=40)), st.binary(max_size=60))
def test_whatever_comes_is_refused_and_raises_nothing(headers: dict[str, str], body: bytes) -> None:
    assert Door([SECRET]).signed(headers, body) is not None
    lines_of(headers.get("content-type", "application/json"), body)


def test_a_body_is_known_again_by_its_id_and_what_is_in_it() -> None:
    door = Door([SECRET])
    headers = signed(BODY)
    assert not door.repeated(headers, BODY)
    door.remember(headers, BODY)
    assert door.repeated(headers, BODY)
    assert not door.repeated(headers, BODY + b" ")
    assert not door.repeated(headers | {"webhook-id": "msg-2"}, BODY)


def test_what_is_remembered_is_bounded() -> None:
    door = Door([SECRET])
    for number in range(REMEMBERED + 1):
        door.remember({"webhook-id": str(number)}, b"")
    assert not door.repeated({"webhook-id": "0"}, b"")
    assert door.repeated({"webhook-id": str(REMEMBERED)}, b"")


@pytest.mark.parametrize(
    "text", ["", "\n \n", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_?" + "A" * 40, f"{SECRET}\nhunter2"]
)
def test_secrets_that_are_none_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SecretError) as caught:
        secrets_of(text)
    assert "hunter2" not in str(caught.value)
    assert "c2hvcnQ" not in str(caught.value)


def test_several_secrets_stand_on_lines_of_their_own() -> None:
    assert secrets_of(f"{SECRET}\n\n  {OTHER_SECRET}\n") == (SECRET, OTHER_SECRET)


def test_each_event_keeps_its_bytes_and_gets_topic_and_key() -> None:
    answered = event(2, type="contact-centre.survey.answered.v1")
    body = (
        b'[ {"id": 1e400,' + json.dumps(event()).encode()[1:] + b" , " + json.dumps(answered).encode() + b"]"
    )
    lines = lines_of("application/cloudevents-batch+json; charset=utf-8", body)
    assert lines == [
        Line(
            1, "tickets", b"t-1", b'{"id": 1e400,' + json.dumps(event()).encode()[1:], "2026-11-05T12:00:00Z"
        ),
        Line(2, "surveys", b"t-2", json.dumps(answered).encode(), "2026-11-05T12:00:00Z"),
    ]
    assert lines_of("application/cloudevents+json", BODY) == [
        Line(1, "tickets", b"t-1", BODY, "2026-11-05T12:00:00Z")
    ]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", BODY, 415),
        ("", BODY, 415),
        ("application/json", b"", 400),
        ("application/json", b"{", 400),
        ("application/json", b"[" * 5000, 400),
        ("application/json", b"null", 422),
        ("application/json", b"[1]", 422),
        ("application/json", json.dumps([event(), {"type": "x"}]).encode(), 422),
        ("application/json", json.dumps([event(), event(data={"tenant": "acme"})]).encode(), 422),
        ("application/json", json.dumps([event()] * (MOST_EVENTS + 1)).encode(), 413),
        ("application/json", json.dumps(event(note="x" * MOST_BYTES)).encode(), 413),
    ],
)
def test_what_is_no_event_of_ours_is_refused_with_its_status(
    content_type: str, body: bytes, status: int
) -> None:
    refused = lines_of(content_type, body)
    assert isinstance(refused, Refused)
    assert refused.status == status


def test_the_refused_event_is_named_by_its_place_and_not_by_what_it_says() -> None:
    refused = lines_of("application/json", json.dumps([event(), {"type": "hunter2"}]).encode())
    assert isinstance(refused, Refused)
    assert "event 2 of 2" in refused.text
    assert "hunter2" not in refused.text


def test_an_empty_array_is_nothing_to_refuse() -> None:
    assert lines_of("application/json", b"[]") == []
