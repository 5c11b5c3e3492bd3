"""A worker dies between each pair of steps of a commit, once in each stage; what comes out is the fold of the log each time."""

from functools import partial
from pathlib import Path

import pytest

from tests.chaos.cases import CHECKPOINT, death, run_all
from tests.support.kafka import Kafka


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_death_at_each_step_of_a_commit(kafka: Kafka, tmp_path: Path) -> None:
    cases = [partial(death, kafka, tmp_path, *where, seed) for seed, where in enumerate(CHECKPOINT)]
    outcomes = run_all(cases)
    assert not [str(outcome) for outcome in outcomes if outcome.report.problems]
