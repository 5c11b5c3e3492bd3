"""A worker dies between each pair of steps of a commit, once in each stage; what comes out is the fold of the log each time.

Per step one stream over which a worker dies in each stage, one after the other: each stage is the last one for some steps.
"""

from functools import partial
from pathlib import Path

import pytest

from tests.chaos.cases import death, run_all
from tests.chaos.worker import STAGES, STEPS
from tests.support.kafka import Kafka


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_death_at_each_step_of_a_commit(kafka: Kafka, tmp_path: Path) -> None:
    turns = [[*STAGES[number % 3 :], *STAGES[: number % 3]] for number in range(len(STEPS))]
    cases = [
        partial(death, kafka, tmp_path, stages, step, seed)
        for seed, (stages, step) in enumerate(zip(turns, STEPS, strict=True))
    ]
    outcomes = run_all(cases)
    assert not [str(outcome) for outcome in outcomes if outcome.report.problems]
