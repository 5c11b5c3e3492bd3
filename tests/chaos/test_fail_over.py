"""Three brokers, three copies: one dies that leads what is written, and the transactions' coordinator."""

from pathlib import Path

import pytest

from tests.chaos.outages import fail_over
from tests.support.kafka import Kafka


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_one_of_three_brokers_dies_that_leads_what_is_written(tmp_path: Path) -> None:
    with Kafka(3) as kafka:
        outcome = fail_over(kafka, tmp_path, 1, ["leader", "coordinator"], 3.0)
    print(outcome)
    assert not outcome.report.problems, str(outcome)
