"""A vector that cannot be meant as it stands is refused, and a figure that is not as expected is named."""

import json

import msgspec
import pytest

from tests.vectors import cases as vectors
from tests.vectors.cases import Case, cases
from tests.vectors.check import complaints
from tests.vectors.told import VectorError, told


def told_data(line: str, number: int = 1) -> list[dict[str, object]]:
    return [json.loads(one.value)["data"] for one in told(line, number, "acme", "2025-11-05")]


def test_a_line_is_an_event_with_its_defaults() -> None:
    (one,) = told("10:05:00.250+02:00 survey.answered scale=1-5 score=4 seq=7", 3, "acme", "2025-11-05")
    assert (one.topic, one.key) == ("surveys", b"t1")
    assert json.loads(one.value) == {
        "specversion": "1.0",
        "id": "e003",
        "source": "/vectors/acme",
        "type": "contact-centre.survey.answered.v1",
        "time": "2025-11-05T10:05:00.250+02:00",
        "sequence": "7",
        "data": {
            "tenant": "acme",
            "ticket_id": "t1",
            "survey_id": "s1",
            "kind": "csat",
            "revision": 0,
            "scale": {"min": 1, "max": 5},
            "score": 4,
        },
    }


def test_words_become_what_the_contract_has() -> None:
    (review,) = told_data("10:05 review.scored criteria=tone:4/5*2,facts:5/5*1")
    assert review["criteria"] == [
        {"name": "tone", "score": 4, "max": 5, "weight": 2},
        {"name": "facts", "score": 5, "max": 5, "weight": 1},
    ]
    (created,) = told_data("10:05 ticket.created segments=location:oslo team=null")
    assert (created["segments"], created["team"]) == ({"location": "oslo"}, None)
    (customer,) = told_data("10:05 survey.sent customer=c7 tenant=b")
    assert (customer["customer_id"], "ticket_id" in customer, customer["tenant"]) == ("c7", False, "acme.b")
    copies = told_data("10:05 ticket.created ticket=a x3")
    assert [one["ticket_id"] for one in copies] == ["a-1", "a-2", "a-3"]


@pytest.mark.parametrize(
    "line",
    [
        "10:05 ticket.sung",
        "10:05",
        "10:05 ticket.created chanel=chat",
        "10.05 ticket.created",
        "10:05 ticket.created chat",
    ],
)
def test_a_line_with_a_slip_is_refused(line: str) -> None:
    with pytest.raises(VectorError):
        told(line, 1, "acme", "2025-11-05")


@pytest.mark.parametrize(
    "text",
    [
        "csat: {source: x, cases: []}\ncsat: {source: x, cases: []}",
        "csat: {source: x, cases: [{name: a, shows: b, events: [], figure: []}]}",
        "csat: {cases: []}",
    ],
    ids=["a section twice", "a name that is none", "no source"],
)
def test_a_file_with_a_slip_is_refused(
    text: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("vectors") / "vectors.yaml"
    file.write_text(text)
    monkeypatch.setattr(vectors, "FILE", file)
    with pytest.raises(VectorError):
        cases.__wrapped__()


def test_every_case_has_a_name_of_its_own_and_checks_something() -> None:
    assert len(cases()) >= 150
    assert len({case.tenant for case in cases()}) == len(cases())
    assert [case.name for case in cases() if not (case.figures or case.live)] == []
    assert [case.name for case in cases() if not case.shows or not case.source] == []


def case(**figure: object) -> Case:
    one = {"window": "10:00/1h", "n": 2, "value": "1/2", "metric": "csat", **figure}
    return msgspec.convert(
        {"name": "x", "shows": "y", "metric": "csat", "events": [], "figures": [one]}, Case
    )


def rollup(**changes: object) -> dict[str, object]:
    return {
        "metric": "csat",
        "profile": "default",
        "segment": {"tenant": "csat-x"},
        "window_start": "2025-11-05T10:00:00Z",
        "window_seconds": 3600,
        "status": "final",
        "n": 2,
        "value": 0.5,
        "parts": {"satisfied": 1, "answered": 2},
        "low": 0.0945,
        "high": 0.9055,
        "quantiles": {"p50": 64.0},
        "excluded": {},
        **changes,
    }


def test_what_is_as_expected_is_not_complained_about() -> None:
    exact = case(parts={"satisfied": "1"}, low="0.0945", high="0.91", quantiles={"p50": "64.5"})
    assert complaints(exact, [rollup(), rollup(segment={"tenant": "other"}, n=9)]) == []
    assert complaints(case(n=0, value=None), []) == []


@pytest.mark.parametrize(
    ("expected", "found", "words"),
    [
        ({}, {"n": 3}, "n is 3, not 2"),
        ({}, {"value": 0.4999999}, "value is 0.4999999, not 1/2"),
        ({}, {"value": None}, "value is None, not 1/2"),
        ({}, {"excluded": {"no_score": 1}}, "excluded is"),
        ({}, {"status": "open"}, "is open at the end"),
        ({}, {"window_start": "2025-11-05T11:00:00Z"}, "is missing"),
        ({"parts": {"satisfied": "2"}}, {}, "satisfied is 1, not 2"),
        ({"low": "0.0946"}, {}, "low is 0.0945, not 0.0946"),
        ({"quantiles": {"p50": "66"}}, {}, "p50 is 64.0, not 66"),
        ({"segment": "team=billing"}, {}, "is missing"),
        ({"n": 0, "value": None}, {}, "n is 2, not 0"),
        ({"n": 0, "value": None}, {"n": 0, "value": None}, "of nothing"),
        ({"n": 0, "value": None, "excluded": {"no_score": 1}}, {"window_seconds": 60}, "is missing"),
    ],
)
def test_what_is_not_as_expected_is_named(
    expected: dict[str, object], found: dict[str, object], words: str
) -> None:
    assert words in complaints(case(**expected), [rollup(**found)])[0]


def test_a_window_that_nobody_named_is_named() -> None:
    other = rollup(window_start="2025-11-05T11:00:00Z")
    assert "2025-11-05T11:00 of 3600 s is there" in complaints(case(), [rollup(), other])[0]
    assert (
        complaints(case(), [rollup(), rollup(window_seconds=86_400, window_start="2025-11-05T00:00:00Z")])
        == []
    )
