"""Brokers go away and come back; the worker waits, says so, and goes on by itself."""

from pathlib import Path

import pytest

from tests.chaos.outages import away_for_long, down_at_start, frozen, full_disk, slow, stopped
from tests.support.kafka import Kafka

pytestmark = [pytest.mark.broker, pytest.mark.timeout(900)]

SECONDS = 3.0
"""And until the worker shows what it has to show."""


def test_a_broker_that_is_stopped_frozen_or_down_at_start(tmp_path: Path) -> None:
    with Kafka() as kafka:
        for outcome in (
            stopped(kafka, tmp_path, 1, SECONDS),
            frozen(kafka, tmp_path, 2, SECONDS),
            down_at_start(kafka, tmp_path, 3),
        ):
            print(outcome)
            assert not outcome.report.problems, str(outcome)


def test_a_broker_that_is_away_for_long_cannot_write_or_is_slow(tmp_path: Path) -> None:
    with Kafka() as kafka:
        long = away_for_long(kafka, tmp_path, 6)
        print(long)
        assert not long.report.problems, str(long)
        full = full_disk(kafka, tmp_path, 4, SECONDS)
        print(full)
        assert not full.report.problems, str(full)
        late = slow(kafka, tmp_path, 5, SECONDS)
        print(late)
        assert not late.report.problems, str(late)
