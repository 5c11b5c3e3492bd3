"""The suite notices when a protection is missing: the product is patched, and the same checks must find what that causes."""

from functools import partial
from pathlib import Path

import pytest

from tests.chaos.cases import death, noticed, run_all, unreliable, zombie
from tests.support.kafka import Kafka

pytestmark = [pytest.mark.broker, pytest.mark.timeout(900)]


def test_without_a_protection_the_checks_fail(kafka: Kafka, tmp_path: Path) -> None:
    outcomes = run_all(
        [
            partial(death, kafka, tmp_path, ["tickets"], "between", 1, sabotage="barrier"),
            partial(death, kafka, tmp_path, ["tickets"], "between", 4, sabotage="rekeying"),
            partial(unreliable, kafka, tmp_path, 2, lose=5, repeat=7, guarded=False),
            partial(zombie, kafka, tmp_path, "tickets", "flushed", 3, sabotage="fencing"),
        ]
    )
    for outcome, sabotage in zip(outcomes, ("barrier", "rekeying", "guard", "fencing"), strict=True):
        assert noticed(outcome, sabotage), f"{sabotage}: {outcome}"


def test_batches_that_are_lost_or_come_twice_on_their_way_do_no_harm(kafka: Kafka, tmp_path: Path) -> None:
    """Also the last ones, after which nothing comes that would show the gap."""
    outcome = unreliable(kafka, tmp_path, 2, lose=5, repeat=7)
    assert not outcome.report.problems, str(outcome)
