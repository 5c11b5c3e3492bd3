"""A worker that was frozen, or cut off, until others had its work, changes nothing when it comes back."""

from functools import partial
from pathlib import Path

import pytest

from tests.chaos.cases import cut_network, frozen_joiner, run_all, zombie
from tests.support.kafka import Kafka
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.broker, pytest.mark.timeout(900)]


def test_a_frozen_worker_changes_nothing_when_it_wakes(kafka: Kafka, tmp_path: Path) -> None:
    cases = [
        partial(zombie, kafka, tmp_path, *where)
        for where in (
            ("tickets", "flushed", 1),
            ("tickets", "offsets", 2),
            ("windows", "rows", 3),
            ("customers", "sent_some", 4),
        )
    ]
    outcomes = run_all([*cases, partial(frozen_joiner, kafka, tmp_path, 5)])
    assert not [str(outcome) for outcome in outcomes if outcome.report.problems]


def test_a_worker_whose_network_was_cut_changes_nothing(kafka: Kafka, tmp_path: Path) -> None:
    node = kafka.nodes[0]
    with Proxy(node.advertised_port, node.detour_port) as proxy:
        outcome = cut_network(kafka, proxy, tmp_path, 1)
    assert not outcome.report.problems, str(outcome)
