"""Rollups as readers get them: the contract's struct, keys, ids and order of fields."""

import json
from dataclasses import replace
from urllib.parse import quote

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.rollup import MetricRollup
from stream.core.delta import segment_name
from stream.core.measure import Figure
from stream.core.pane import levels
from stream.core.record import Output
from stream.core.rollup import RollupWriter
from stream.core.segment import Segment
from stream.core.tally import Window
from stream.core.window_store import Place
from stream.metrics import BY_NAME
from tests.core.deltas import T0, T0_MS, config

FIGURE = Figure(
    "service_level_20s",
    4,
    0.75,
    "ratio",
    {"answered": 3, "offered": 4},
    low=0.3,
    high=0.95,
    excluded={"short": 1},
)


def write(
    segment: str,
    figure: Figure = FIGURE,
    status: str = "open",
    revision: int = 3,
    watermark_ms: int = -1,
    labels: tuple[tuple[str, str], ...] = (),
) -> Output:
    core = config()
    metric = replace(BY_NAME["service_level"], profile="zendesk", version=2, labels=labels)
    writer = RollupWriter(core)
    writer.begin(watermark_ms, T0_MS + 1)
    place = Place(levels(core)[2], T0, Segment(segment), Window())
    writer.at(place)
    return writer.write(writer.render(metric, figure), status, revision)


def test_a_rollup_is_the_contracts_event_with_its_key_and_id() -> None:
    output = write("team=billing&tenant=acme", watermark_ms=T0_MS + 90_001)
    assert output.topic == "contact-centre.rollups"
    assert output.partition is None
    assert output.headers == [("content-type", b"application/cloudevents+json")]
    key = "zendesk/service_level_20s/team=billing&tenant=acme/2024-10-04T00:00:00Z/3600"
    assert output.key == key.encode()
    event = msgspec.json.decode(output.value or b"", type=MetricRollup)
    assert event.id == f"{key}/3"
    assert event.source == "/contact-centre-stream"
    data = event.data
    assert data.segment == {"team": "billing", "tenant": "acme"}
    assert (data.window_start, data.window_end) == ("2024-10-04T00:00:00Z", "2024-10-04T01:00:00Z")
    assert (data.metric, data.profile, data.definition_version) == ("service_level_20s", "zendesk", 2)
    assert (data.n, data.value, data.low, data.high, data.quantiles) == (4, 0.75, 0.3, 0.95, None)
    assert (data.parts, data.excluded) == ({"answered": 3, "offered": 4}, {"short": 1})
    assert data.watermark == "2024-10-04T00:01:30.001Z"
    assert data.emitted_at == event.time == "2024-10-04T00:00:00.001Z"


def test_a_watermark_that_is_not_known_is_null() -> None:
    assert json.loads(write("tenant=a").value or b"")["data"]["watermark"] is None


def test_durations_carry_quantiles() -> None:
    figure = Figure(
        "x", 1, 2.0, "seconds", {"n": 1}, quantiles={"p50": 1.0, "p90": 1.5, "p95": None, "p99": 2.0}
    )
    event = msgspec.json.decode(write("tenant=a", figure).value or b"", type=MetricRollup)
    assert event.data.quantiles is not None
    assert event.data.quantiles.p95 is None


def test_what_the_value_cannot_be_read_without_stands_beside_the_definitions_version() -> None:
    data = json.loads(write("tenant=a", labels=(("direction", 'a"b'),)).value or b"")["data"]
    assert data["definition_labels"] == {"direction": 'a"b'}
    assert list(data)[2:5] == ["definition_version", "definition_labels", "segment"]


def test_fields_stand_in_the_contracts_order() -> None:
    data = json.loads(write("tenant=a").value or b"")["data"]
    fields = [
        field.name
        for field in msgspec.structs.fields(
            type(msgspec.json.decode(write("tenant=a").value or b"", type=MetricRollup).data)
        )
    ]
    assert list(data) == [name for name in fields if name not in ("quantiles", "definition_labels")]


@given(
    st.dictionaries(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5), min_size=1, max_size=3)
)
def test_any_label_comes_through_key_id_and_segment(labels: dict[str, str]) -> None:
    output = write(segment_name(labels))
    event = msgspec.json.decode(output.value or b"", type=MetricRollup)
    assert event.data.segment == labels
    pairs = "&".join(f"{quote(name, safe='')}={quote(labels[name], safe='')}" for name in sorted(labels))
    assert event.id.encode() == (output.key or b"") + b"/3"
    assert f"/{pairs}/" in event.id


def test_equal_figures_give_equal_bytes() -> None:
    assert write("tenant=a") == write("tenant=a")
