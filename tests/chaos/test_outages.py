"""Brokers go away and come back; the worker waits, says so, and goes on by itself."""

from pathlib import Path

import pytest

from tests.chaos.outages import down_at_start, frozen, stopped
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

SECONDS = 6.0


def test_a_broker_that_is_stopped_frozen_or_down_at_start(tmp_path: Path) -> None:
    with Kafka() as kafka:
        for outcome in (
            stopped(kafka, tmp_path, 1, SECONDS),
            frozen(kafka, tmp_path, 2, SECONDS),
            down_at_start(kafka, tmp_path, 3),
        ):
            print(outcome)
            assert not outcome.report.problems, str(outcome)
            assert "ready all the time" not in outcome.note
