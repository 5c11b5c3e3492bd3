"""Three brokers, three copies: the transactions' coordinator dies, then each of them, whatever it leads, one after the other."""

from pathlib import Path

import pytest

from tests.chaos.outages import fail_over
from tests.support.kafka import Kafka


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_each_of_three_brokers_dies_and_comes_back(tmp_path: Path) -> None:
    with Kafka(3) as kafka:
        outcome = fail_over(kafka, tmp_path, 1, ["coordinator", "each"], 3.0)
    print(outcome)
    assert not outcome.report.problems, str(outcome)
