"""Files of events: every line is routed or named, whatever is in it."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EVENT_CLASSES, TOPIC_OF, WIRE_TYPE
from stream.gateway.files import FileError, Line, Unroutable, read, route
from stream.gateway.helpdesk_csv import HEADER


def line(type_: str, **data: object) -> bytes:
    return json.dumps(
        {"type": f"contact-centre.{type_}.v1", "time": "2026-11-05T12:00:00Z", "data": data}
    ).encode()


@pytest.mark.parametrize("event_class", EVENT_CLASSES)
def test_every_type_has_its_topic(event_class: type) -> None:
    value = json.dumps(
        {"type": WIRE_TYPE[event_class], "data": {"ticket_id": "t", "customer_id": "c"}}
    ).encode()
    found = route(1, value)
    assert isinstance(found, Line)
    topic = TOPIC_OF[event_class]
    assert (found.topic, found.key) == (topic, b"c" if topic == "customers" else b"t")
    assert found.value == value


def test_a_survey_without_a_ticket_is_keyed_by_its_customer() -> None:
    found = route(1, line("survey.sent", survey_id="s", customer_id="Zoë"))
    assert isinstance(found, Line)
    assert (found.topic, found.key) == ("surveys", "Zoë".encode())


def test_what_is_wrong_inside_is_left_to_the_worker() -> None:
    found = route(
        1, b'{"type":"contact-centre.reply.added.v1","time":7,"data":{"ticket_id":"t","public":"maybe"}}'
    )
    assert isinstance(found, Line)
    assert found.time == ""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"{", "not JSON"),
        (b"[1]", "no event"),
        (b'{"data": {"x": ' + b"[" * 5000, "nested"),
        (b'{"data": 4}', "no event"),
        (b"{}", "type"),
        (line("ticket.sung", ticket_id="t"), "type"),
        (line("ticket.created"), "id"),
        (line("ticket.created", ticket_id=4), "id"),
        (line("ticket.created", customer_id="c"), "id"),
        (line("customer.joined", ticket_id="t"), "id"),
    ],
)
def test_what_cannot_be_routed_says_why(value: bytes, says: str) -> None:
    found = route(3, value)
    assert isinstance(found, Unroutable)
    assert (found.number, found.value) == (3, value)
    assert says in found.reason


@pytest.mark.parametrize("packed", [False, True])
def test_lines_keep_their_numbers_and_their_bytes(tmp_path: Path, packed: bool) -> None:
    value = line("reply.added", ticket_id="t")
    content = b"\n" + value + b"\r\n   \n" + value  # blank lines, both line ends, none at the end
    file = tmp_path / "in"  # the content decides, not the name
    file.write_bytes(gzip.compress(content) if packed else content)
    found = list(read(file))
    assert [one.number for one in found] == [2, 4]
    assert {one.value for one in found} == {value}


@pytest.mark.parametrize("packed", [False, True])
def test_the_helpdesk_csv_is_recognised_by_its_first_line(tmp_path: Path, packed: bool) -> None:
    content = (",".join(HEADER) + "\n7,1,2022-01-02T00:00:00Z,a,reporter,false,false\n").encode()
    file = tmp_path / "in"
    file.write_bytes(gzip.compress(content) if packed else content)
    (found,) = read(file, tenant="acme")
    assert isinstance(found, Line)
    assert (found.topic, found.key) == ("tickets", b"7")
    assert json.loads(found.value)["data"]["tenant"] == "acme"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(line("reply.added", ticket_id="t") * 100)[:-20])
    spoilt = tmp_path / "spoilt.gz"
    content = gzip.compress(bytes(range(256)) * 100)
    spoilt.write_bytes(content[:20] + b"\xff\xff\xff" + content[23:])
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("ticket_id,comment_id,created,colour\n")
    for file in (torn, spoilt, wrong, tmp_path / "none", tmp_path):
        with pytest.raises(FileError, match=str(file)):
            list(read(file))


@given(st.binary(max_size=200))
def test_no_content_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(content)
    try:
        found = list(read(file))
    except FileError:
        return
    assert len(found) == sum(1 for one in content.split(b"\n") if one.strip())
