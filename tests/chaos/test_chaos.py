"""A short storm: five kills and what goes with them over a stream with every kind of correction. The long one is ``make chaos``."""

from pathlib import Path

import pytest

from tests.chaos.storm import schedule, storm
from tests.support.kafka import Kafka

SEED = 5
KILLS = 5
EVENTS = 15_000


def test_a_schedule_is_a_function_of_its_seed() -> None:
    assert schedule(SEED, 100) == schedule(SEED, 100) != schedule(SEED + 1, 100)
    assert sum(fault.kind == "kill" for fault in schedule(SEED, 100)) == 100


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_a_storm_of_faults_changes_no_figure(tmp_path: Path) -> None:
    with Kafka() as kafka:  # one of its own, as it is restarted
        result = storm(kafka, tmp_path, SEED, KILLS, EVENTS)
    print(result)
    assert not result.report.problems, str(result)
    assert result.faults["kill"] == KILLS
