"""A sample of the vectors against the worker on a real Apache Kafka: one set of topics, one worker with all profiles, one drain."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from stream.metrics import METRICS
from stream.metrics.profiles import NAMES as PROFILES
from tests.broker.conftest import Product
from tests.metrics.test_registry_contract import DIFFERENT
from tests.support import topics
from tests.support.kafka import Kafka
from tests.vectors.cases import EVERY_METRIC, SETTINGS, Case, cases
from tests.vectors.check import complaints
from tests.vectors.test_vectors import records

pytestmark = pytest.mark.broker

SAMPLE = [case for case in cases() if case.on_kafka]
SIDE_BY_SIDE = {
    "STREAM_PROFILES": ",".join(PROFILES),
    "STREAM_GENESYS_SERVICE_LEVEL": "abandons,flow_outs",
}
"""What the one worker has beside the settings of all cases."""


@pytest.fixture(scope="module")
def published(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Mapping[str, Any]]]:
    """What stands in the rollups topic when the worker has read all of them to the end."""
    folder = tmp_path_factory.mktemp("vectors")
    never_late = {"STREAM_CORRECTION_HORIZON": "800d", "STREAM_STATE_LIMIT": "4096GiB"}
    product = Product(kafka.bootstrap, "vectors", folder, **SETTINGS, **SIDE_BY_SIDE, **never_late)
    try:
        told = [one for case in SAMPLE for batch in case.batches() for one in batch]
        product.send(records(told, product.core, Counter()))
        product.drain()
        yield [json.loads(value)["data"] for value in topics.latest(product.rollups()).values()]
    finally:
        product.close()


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.tenant)
def test_the_worker_says_so(case: Case, published: list[Mapping[str, Any]]) -> None:
    assert complaints(case, published) == []


def test_the_sample_has_every_metric_with_windows() -> None:
    windowed = {metric.name for metric in METRICS if not metric.live}
    assert {case.metric for case in SAMPLE} == {*windowed, EVERY_METRIC}


def test_the_sample_has_every_difference_of_a_profile() -> None:
    shown = {(one.profile, one.metric) for case in SAMPLE for one in case.figures}
    found = {
        metric.full_name
        for metric in DIFFERENT
        if any((metric.profile, figure.metric) in shown for figure in metric.figures({}))
    }
    assert found == {metric.full_name for metric in DIFFERENT}


def test_the_sample_means_what_it_says_under_the_one_workers_settings() -> None:
    for case in SAMPLE:
        own = {f"STREAM_{name.upper()}": text for name, text in case.settings.items() if name != "profiles"}
        assert own.items() <= SIDE_BY_SIDE.items(), case.name
