"""What the application writes fits its schemas and is read by the CloudEvents SDK."""

import json

import msgspec
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat

from schemas.alert import MetricAlert
from schemas.base import OutputEvent
from schemas.followup import FeedbackFollowup
from schemas.rollup import MetricRollup
from stream.core.alert import AlertState, alert_output
from stream.core.config import AlertRule, CoreConfig
from stream.core.dead_letter import REASON_HEADER
from stream.core.measure import Figure
from stream.core.record import Output
from tests.contract.test_examples import VALIDATORS
from tests.support.core import oracle
from tests.support.examples import NOW_MS, events, files, record
from tests.support.pipeline import Pipeline

CONFIG = CoreConfig(groupings=((), ("team",), ("team", "channel")))
CUSTOMERS = msgspec.structs.replace(
    CONFIG, metrics=(*CONFIG.metrics, "retention_rate", "engagement"), customers=True
)


def check(output: Output, event_class: type[OutputEvent]) -> None:
    assert output.key is not None
    assert output.value is not None
    document = json.loads(output.value)
    VALIDATORS[document["type"]].validate(document)
    event = msgspec.json.decode(output.value, type=event_class)
    assert event.id.rpartition("/")[0] == output.key.decode()
    message = KafkaMessage(headers=dict(output.headers), key=output.key, value=output.value)
    assert from_kafka(message, JSONFormat()).get_id() == event.id


def test_the_rollups_of_all_examples() -> None:
    # A merged or retracted one would leave nothing to see.
    left_out = ("ticket.merged", "ticket.deleted", "survey.retracted")
    sources = [record(path.read_bytes()) for path in events() if not path.name.startswith(left_out)]
    result = oracle(CUSTOMERS, sources, now_ms=NOW_MS)
    assert result.dead_letters == []
    for output in result.rollups:
        check(output, MetricRollup)
    metrics = {json.loads(output.value or b"")["data"]["metric"] for output in result.rollups}
    assert {"csat", "nps", "survey_response", "queue_wait_time"} <= metrics


def test_the_followups_of_a_bad_answer_that_is_retracted() -> None:
    bad, retracted = (
        json.loads(path.read_bytes())
        for path in events()
        if path.stem in ("survey.answered-label", "survey.retracted")
    )
    retracted["data"]["survey_id"] = bad["data"]["survey_id"]
    retracted["data"]["ticket_id"] = bad["data"]["ticket_id"]
    pipeline = Pipeline(CONFIG)
    for event in (bad, retracted):
        pipeline.feed([record(json.dumps(event).encode())])
        pipeline.commit_tickets()
    for output in pipeline.followups:
        check(output, FeedbackFollowup)
    assert [json.loads(output.value or b"")["data"]["open"] for output in pipeline.followups] == [True, False]


def test_the_dead_letters_of_all_invalid_examples_are_their_bytes() -> None:
    paths = list(files("invalid"))
    result = oracle(CUSTOMERS, [record(path.read_bytes()) for path in paths], now_ms=NOW_MS)
    assert result.rollups == []
    found = sorted(
        (letter.value or b"", dict(letter.headers)[REASON_HEADER].decode()) for letter in result.dead_letters
    )
    assert found == sorted((path.read_bytes(), path.stem.partition("-")[0]) for path in paths)


@pytest.mark.parametrize(
    "figure", [Figure("csat", 120, 0.7, "ratio", {"satisfied": 84}, low=0.6, high=0.8), None]
)
@pytest.mark.parametrize("firing", [True, False])
def test_alerts(figure: Figure | None, firing: bool) -> None:
    state = AlertState(
        firing, NOW_MS if firing else -1, 1, AlertRule(name="csat_low", metric="csat", threshold=0.8)
    )
    check(
        alert_output(CONFIG, "team=billing&tenant=acme", state, figure, at_ms=NOW_MS, now_ms=NOW_MS + 5),
        MetricAlert,
    )
