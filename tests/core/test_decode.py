"""What the decoder makes of a record: accepted, refused with the first reason that applies, or skipped."""

import json
from typing import Any

import pytest

from schemas.events import ReplyAdded, SurveyAnswered, TicketAssigned, TicketCreated
from stream.core.config import CoreConfig
from stream.core.decode import MAX_VALUE_BYTES, Accepted, Decoder, Refused, Skipped
from stream.core.partitioner import crc32_partition, murmur2_partition
from stream.core.record import SourceRecord
from stream.core.topics import Topics

HOUR_MS = 3_600_000
TIME_MS = 1_793_882_096_789
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)


def envelope(short_type: str = "reply.added", **changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/desk",
        "type": f"contact-centre.{short_type}.v1",
        "time": "2026-11-05T12:34:56.789Z",
    } | changes


def reply(**changes: Any) -> dict[str, Any]:
    return {"ticket_id": "4711", "reply_id": "r-9", "author": "agent", "public": True} | changes


def record(
    document: Any, topic: str = "replies", key: bytes | None = b"4711", headers: Any = (), **changes: Any
) -> SourceRecord:
    value = document if isinstance(document, bytes) else json.dumps(document).encode()
    partition = murmur2_partition(key or b"", 4)
    return SourceRecord(f"contact-centre.{topic}", partition, 7, TIME_MS, key, value, headers)._replace(
        **changes
    )


def decode(
    log_record: SourceRecord, now_ms: int | None = None, **settings: Any
) -> Accepted | Refused | Skipped:
    config = CoreConfig(**settings)
    verdict = Decoder(config).decode(log_record, now_ms)
    assert Decoder(config, fast=False).decode(log_record, now_ms) == verdict
    return verdict


def reason(log_record: SourceRecord, now_ms: int | None = None, **settings: Any) -> str:
    verdict = decode(log_record, now_ms, **settings)
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


def event(log_record: SourceRecord) -> Any:
    verdict = decode(log_record)
    assert isinstance(verdict, Accepted), verdict
    return verdict.event


def test_an_event_comes_out_with_its_time_and_fields() -> None:
    verdict = decode(record(envelope(data=reply(tenant="acme"), sequence="00012"), headers=STRUCTURED))
    assert isinstance(verdict, Accepted)
    assert verdict.time_ms == TIME_MS
    assert isinstance(verdict.event, ReplyAdded)
    assert (verdict.event.sequence, verdict.event.data.tenant, verdict.event.data.author) == (
        "00012",
        "acme",
        "agent",
    )


def test_defaults_are_the_same_whether_spelled_out_or_not() -> None:
    plain = envelope("ticket.created", data={"ticket_id": "4711", "channel": "email"})
    spelled = envelope(
        "ticket.created",
        data={
            "ticket_id": "4711",
            "channel": "email",
            "tenant": "default",
            "created_by": "customer",
            "team": None,
        },
    )
    first, second = event(record(plain, "tickets")), event(record(spelled, "tickets"))
    assert isinstance(first, TicketCreated)
    assert first == second
    assert (first.data.tenant, first.data.created_by, first.data.team) == ("default", "customer", None)


def test_absent_and_null_differ_in_an_assignment() -> None:
    assigned = event(record(envelope("ticket.assigned", data={"ticket_id": "4711", "team": None}), "tickets"))
    assert isinstance(assigned, TicketAssigned)
    assert assigned.data.team is None
    assert assigned.data.agent_id is not None  # absent: unchanged


@pytest.mark.parametrize(
    "extra",
    [
        {"unknown": "field"},
        {"unknown": {"a": [1, 2.5, None, {"b": 'say "hi"'}]}},
        {"comment": "two\nlines \\ and a \u0007 bell, \U0001f600"},
        {"unknown": 1e300},
    ],
)
def test_unknown_fields_are_ignored(extra: dict[str, Any]) -> None:
    expected = event(record(envelope(data=reply())))
    assert event(record(envelope(data=reply(**extra)))) == expected
    assert event(record(envelope(data=reply(), **extra))) == expected


def test_numbers_that_no_float_holds_are_ignored_in_unknown_fields() -> None:
    value = json.dumps(envelope(data=reply(x=1))).encode()
    for number in (b"1e999", b"-1e-999", b"9" * 5000, b"-" + b"9" * 5000):
        assert event(record(value.replace(b'"x": 1', b'"x": ' + number))).data.reply_id == "r-9"


def test_an_integer_beyond_every_limit_is_out_of_range() -> None:
    data = {"ticket_id": "4711", "survey_id": "s", "kind": "csat", "label": "good", "revision": 12345}
    value = json.dumps(envelope("survey.answered", data=data)).encode()
    for digits in (b"9" * 20, b"9" * 5000):
        assert reason(record(value.replace(b"12345", digits), "surveys")) == "out_of_range"


def test_escaped_names_and_values_are_read_as_what_they_mean() -> None:
    value = json.dumps(envelope(data=reply(channel="Büro"))).encode().replace(b'"author"', b'"\\u0061uthor"')
    assert event(record(value)).data.channel == "Büro"
    twice = value.replace(b'"public"', b'"author": "bot", "public"')
    assert reason(record(twice)) == "not_json"


def test_a_quotation_mark_in_an_id_does_not_hide_a_duplicate_name() -> None:
    value = json.dumps(envelope(data=reply(reply_id="1'2"))).encode()
    for mark in (b"\\u0022", b'\\"'):
        quoted = value.replace(b"'", mark)
        assert event(record(quoted)).data.reply_id == '1"2'
        assert reason(record(quoted.replace(b'"public"', b'"public": true, "public"'))) == "not_json"


def test_an_unknown_type_is_skipped_whatever_its_data() -> None:
    for document in (
        envelope("reply.added", type="contact-centre.reply.added.v2"),
        envelope(type="x", data=3),
    ):
        assert decode(record(document)) == Skipped("unknown_type")


@pytest.mark.parametrize("topic", ["tickets", "replies", "surveys"])
def test_a_tickets_events_are_read_from_any_of_its_topics(topic: str) -> None:
    # They are co-partitioned by the ticket's id: whichever topic a producer chose, the ticket's shard reads it.
    assert event(record(envelope(data=reply()), topic)).data.reply_id == "r-9"


def test_a_customers_event_among_those_of_tickets_is_skipped_and_the_other_way_round() -> None:
    joined = envelope("customer.joined", data={"tenant": "acme", "customer_id": "4711"})
    assert decode(record(joined, "surveys")) == Skipped("other_stage")
    assert decode(record(envelope(data=reply()), "customers")) == Skipped("other_stage")


def test_topics_follow_the_prefix() -> None:
    topics = Topics(prefix="test.")
    moved = record(envelope(data=reply()))._replace(topic="test.replies")
    assert isinstance(decode(moved, topics=topics), Accepted)


def test_nulls_and_size() -> None:
    good = record(envelope(data=reply()))
    assert reason(good._replace(value=None)) == "null_value"
    assert reason(good._replace(value=None, key=None)) == "null_value"
    assert reason(good._replace(key=None)) == "null_key"
    assert good.value is not None
    full = good.value + b" " * (MAX_VALUE_BYTES - len(good.value))
    assert isinstance(decode(good._replace(value=full)), Accepted)
    assert reason(good._replace(value=full + b" ")) == "too_large"
    assert reason(good._replace(value=b"")) == "not_json"


def test_the_key_is_the_entitys_id() -> None:
    assert reason(record(envelope(data=reply()), key=b"4712")) == "key_mismatch"
    assert reason(record(envelope(data=reply()), key=b"")) == "key_mismatch"
    answer = {"survey_id": "s", "kind": "csat", "label": "good", "revision": 0, "customer_id": "c-3"}
    by_customer = envelope("survey.answered", data=answer)
    by_ticket = envelope("survey.answered", data=answer | {"ticket_id": "4711"})
    assert isinstance(event(record(by_customer, "surveys", b"c-3")), SurveyAnswered)
    assert isinstance(event(record(by_ticket, "surveys", b"4711")), SurveyAnswered)
    assert reason(record(by_ticket, "surveys", b"c-3")) == "key_mismatch"
    joined = envelope("customer.joined", data={"customer_id": "c-3"})
    assert isinstance(decode(record(joined, "customers", b"c-3")), Accepted)
    assert reason(record(joined, "customers", b"c-3", partition=99)) == "wrong_partition"
    assert reason(record(joined, "customers", b"c-4")) == "key_mismatch"


def test_a_known_key_does_not_excuse_another_partition() -> None:
    good = record(envelope(data=reply()))
    decoder = Decoder(CoreConfig())
    assert isinstance(decoder.decode(good), Accepted)
    for partition in {0, 1, 2, 3} - {good.partition}:
        verdict = decoder.decode(good._replace(partition=partition))
        assert isinstance(verdict, Refused)
        assert verdict.reason == "wrong_partition"
    assert isinstance(decoder.decode(good), Accepted)


def test_more_keys_than_are_remembered_change_no_verdict() -> None:
    decoder = Decoder(CoreConfig(source_partitions=2))
    for number in range(10_000):
        key = f"t{number}".encode()
        right = record(
            envelope(data=reply(ticket_id=key.decode())), key=key, partition=murmur2_partition(key, 2)
        )
        assert isinstance(decoder.decode(right), Accepted)
        if number % 1000 == 0:
            assert isinstance(decoder.decode(right._replace(partition=1 - right.partition)), Refused)


def test_the_partitioner_is_named_where_another_one_fits() -> None:
    key = next(
        k for k in (f"t{n}".encode() for n in range(99)) if crc32_partition(k, 4) != murmur2_partition(k, 4)
    )
    elsewhere = record(
        envelope(data=reply(ticket_id=key.decode())), key=key, partition=crc32_partition(key, 4)
    )
    verdict = decode(elsewhere)
    assert isinstance(verdict, Refused)
    assert verdict.reason == "wrong_partition"
    assert "crc32" in verdict.message
    assert "STREAM_PARTITIONER" in verdict.message
    assert isinstance(decode(elsewhere, partitioner="crc32"), Accepted)
    assert isinstance(decode(elsewhere, partitioner="any"), Accepted)
    assert (
        reason(elsewhere._replace(partition=murmur2_partition(key, 4)), partitioner="crc32")
        == "wrong_partition"
    )


def test_the_future_is_measured_against_the_record_or_the_given_clock() -> None:
    ahead = record(envelope(data=reply()), timestamp=TIME_MS - HOUR_MS)
    assert isinstance(decode(ahead), Accepted)
    assert reason(ahead._replace(timestamp=ahead.timestamp - 1)) == "future_time"
    assert isinstance(decode(ahead._replace(timestamp=0), now_ms=TIME_MS), Accepted)
    assert reason(ahead, now_ms=TIME_MS - HOUR_MS - 1) == "future_time"
    assert reason(ahead, max_skew_ms=0) == "future_time"
    assert isinstance(
        decode(ahead._replace(timestamp=-1)), Accepted
    )  # no timestamp, nothing to measure against


def test_a_log_that_is_dated_ahead_of_the_clock_is_measured_against_the_clock() -> None:
    """A producer dates the records of a topic with CreateTime: its clock may be as wrong as the events that it sends."""
    decoder = Decoder(CoreConfig())
    ahead = record(envelope(data=reply()), timestamp=TIME_MS)
    assert isinstance(decoder.decode(ahead, clock_ms=TIME_MS - HOUR_MS), Accepted)
    verdict = decoder.decode(ahead, clock_ms=TIME_MS - HOUR_MS - 1)
    assert isinstance(verdict, Refused)
    assert verdict.reason == "future_time"
    assert isinstance(decoder.decode(ahead._replace(timestamp=-1), clock_ms=TIME_MS), Accepted)
    undated = decoder.decode(ahead._replace(timestamp=-1), clock_ms=TIME_MS - 2 * HOUR_MS)
    assert isinstance(undated, Refused)
    late = decoder.decode(ahead._replace(timestamp=TIME_MS - 2 * HOUR_MS), clock_ms=TIME_MS)
    assert isinstance(late, Refused), (
        "the log's own earlier time decides, so that a replay gives the same verdict"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"specversion": "0.3", "data": {"author": 3}}, "not_cloudevent"),
        ({"data": reply(public=None) | {"author": "x"}}, "wrong_type"),
        ({"data": reply(author="x", reply_id="")}, "unknown_value"),
        ({"data": reply(reply_id=""), "time": "x"}, "out_of_range"),
        ({"data": reply(ticket_id="1"), "time": "x"}, "key_mismatch"),
        ({"data": reply(), "time": "x"}, "bad_time"),
        ({"data": reply(), "time": None}, "missing_field"),
        ({"data": None}, "missing_field"),
        ({"data": reply(author="")}, "unknown_value"),
        ({"data": reply(channel="")}, "out_of_range"),
        ({"data": reply(channel="a\u0085b")}, "out_of_range"),
        ({"data": reply(channel="a\tb")}, "out_of_range"),
        ({"data": reply(author_id="x" * 128)}, None),
        ({"data": reply(author_id="ü" * 129)}, "out_of_range"),
        ({"data": reply(), "source": "s" * 2048}, None),
        ({"data": reply(), "source": "s" * 2049}, "out_of_range"),
        ({"data": reply(), "subject": "a\nb", "sequence": None}, None),
        ({"data": reply(), "subject": 5}, "wrong_type"),
        ({"data": reply(), "type": 5}, "wrong_type"),
    ],
)
def test_the_first_reason_that_applies(changes: dict[str, Any], expected: str | None) -> None:
    for ascii_only in (True, False):
        value = json.dumps(envelope(**changes), ensure_ascii=ascii_only).encode()
        verdict = decode(record(value))
        assert (verdict.reason if isinstance(verdict, Refused) else None) == expected


def answer(low: int, high: int, score: int, label: str, kind: str = "csat") -> SourceRecord:
    data = {
        "ticket_id": "4711",
        "survey_id": "s",
        "kind": kind,
        "revision": 0,
        "scale": {"min": low, "max": high},
    }
    return record(envelope("survey.answered", data=data | {"score": score, "label": label}), "surveys")


@pytest.mark.parametrize(
    ("low", "high", "first_good"),
    [(0, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 3), (1, 5, 4), (1, 6, 5), (1, 7, 6), (1, 10, 8), (0, 10, 8)],
)
def test_score_and_label_agree_on_the_top_box(low: int, high: int, first_good: int) -> None:
    for score in range(low, high + 1):
        right, wrong = ("good", "bad") if score >= first_good else ("bad", "good")
        assert isinstance(decode(answer(low, high, score, right)), Accepted)
        assert reason(answer(low, high, score, wrong)) == "conflict"
    assert isinstance(
        decode(answer(low, high, high, "bad", "nps")), Accepted
    )  # labels speak of satisfaction only


def test_five_words_are_the_scores_of_one_to_five() -> None:
    words = ("very_dissatisfied", "dissatisfied", "neutral", "satisfied", "very_satisfied")
    for score in range(1, 6):
        for place, word in enumerate(words, 1):
            verdict = decode(answer(1, 5, score, word))
            assert isinstance(verdict, Accepted) == (place == score)


def binary(document: dict[str, Any], **changes: Any) -> SourceRecord:
    data = document.pop("data")
    headers = [(f"ce_{name}", str(value).encode()) for name, value in document.items()]
    headers.append(("content-type", b"application/json"))
    value = data if isinstance(data, bytes) else json.dumps(data).encode()
    return record(value, headers=tuple(headers))._replace(**changes)


def test_binary_mode_gives_the_same_event() -> None:
    structured = event(record(envelope(data=reply(), sequence="7", datacontenttype="application/json")))
    assert event(binary(envelope(data=reply(), sequence="7"))) == structured
    assert event(binary(envelope(data=reply(x='"', y="\n"), sequence="7"))) == structured


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (envelope(data=b"{"), "not_json"),
        (envelope(data=b'{"ticket_id": "4711", "ticket_id": "4711"}'), "not_json"),
        (envelope(data=b'{"a": "\xff"}'), "not_utf8"),
        (envelope(data=json.dumps(reply()).encode() + b', "x": 1'), "not_json"),
        (envelope(data=reply(x=json.loads("[" * 31 + "]" * 31))), "too_deep"),
        (envelope(data=[reply()]), "wrong_type"),
        (envelope(data=reply(), specversion="1.1"), "not_cloudevent"),
        (envelope(data=reply(public="yes")), "wrong_type"),
        (envelope(data=reply(author="robot")), "unknown_value"),
        (envelope(data=reply(), id=""), "out_of_range"),
        (envelope(data=reply(ticket_id="4")), "key_mismatch"),
        (envelope(data=reply(), time="soon"), "bad_time"),
    ],
)
def test_binary_mode_is_refused_alike(document: dict[str, Any], expected: str) -> None:
    assert reason(binary(document)) == expected


def test_binary_mode_headers() -> None:
    good = binary(envelope(data=reply()))
    headers = tuple(good.headers)
    assert reason(good._replace(headers=(*headers, ("ce_id", b"again")))) == "not_cloudevent"
    assert reason(good._replace(headers=(*headers, ("ce_subject", b"\xff")))) == "not_utf8"
    assert reason(good._replace(headers=(*headers, ("ce_data", b"{}")))) == "not_cloudevent"
    assert reason(good._replace(headers=headers[1:])) == "not_cloudevent"  # no specversion
    assert isinstance(decode(good._replace(headers=(*headers, ("traceparent", b"\xff")))), Accepted)
    assert decode(good._replace(headers=(*headers[:3], ("ce_type", b"other"), *headers[4:]))) == Skipped(
        "unknown_type"
    )
    # Headers of another mode beside a structured value say nothing.
    both = record(envelope(data=reply()), headers=(*headers[:2], *STRUCTURED))
    assert isinstance(decode(both), Accepted)


def test_nesting_up_to_the_limit_is_accepted() -> None:
    deepest = json.loads("[" * 30 + "]" * 30)
    assert isinstance(decode(record(envelope(data=reply(x=deepest)))), Accepted)
    assert isinstance(decode(binary(envelope(data=reply(x=deepest)))), Accepted)
    assert reason(record(envelope(data=reply(x=[deepest])))) == "too_deep"
    brackets_in_text = "[{" * 500 + '\\"' + "[" * 500
    assert isinstance(decode(record(envelope(data=reply(x=brackets_in_text)))), Accepted)


def test_messages_never_quote_the_event() -> None:
    secret = "my-secret-4711"
    for changes in (
        {"author": secret},
        {"public": secret},
        {"reply_id": secret * 20},
        {"channel": f"\n{secret}"},
    ):
        verdict = decode(record(envelope(data=reply(**changes))))
        assert isinstance(verdict, Refused)
        assert "secret" not in verdict.message
