"""A short storm: five kills and what goes with them over a stream with every kind of correction. The long one is ``make chaos``."""

from pathlib import Path

import pytest

from tests.chaos.ends import Treatment, has_begun, reason
from tests.chaos.storm import schedule, storm
from tests.support.kafka import Kafka

SEED = 5
KILLS = 5
EVENTS = 15_000


def test_a_schedule_is_a_function_of_its_seed() -> None:
    assert schedule(SEED, 100) == schedule(SEED, 100) != schedule(SEED + 1, 100)
    assert sum(fault.kind == "kill" for fault in schedule(SEED, 100)) == 100


FENCED = (
    "error: ProducerFenced: another worker has taken over a part of this one, or the brokers ended a commit"
)


@pytest.mark.parametrize(
    ("code", "output", "done"),
    [
        (-9, "worker.ready", Treatment(killed=True)),
        (-15, '"event": "http.listening"', Treatment(asked=True, began=False)),
        (0, "worker.ready", Treatment(asked=True)),
        (-9, "error: no broker answers at 127.0.0.1:1", Treatment(killed=True, away_seconds=3)),
        (1, "error: no broker answers at 127.0.0.1:1: check STREAM_BROKERS", Treatment(away_seconds=3)),
        (70, FENCED, Treatment(frozen_seconds=2.5)),
        (70, FENCED, Treatment(away_seconds=12)),
    ],
)
def test_an_end_that_a_fault_explains_is_honest(code: int, output: str, done: Treatment) -> None:
    assert reason(code, output, done)
    assert reason(code, output, Treatment()) is None, "and without the fault it is not"
    assert reason(2, output, done) is None, "nor with another code"


@pytest.mark.parametrize(
    ("code", "output", "done"),
    [
        (-9, "error: KeyError: 'tickets-1'; start the worker again", Treatment(killed=True)),
        (0, "", Treatment()),  # nobody had asked it to end
        (-15, '"event": "worker.ready"', Treatment(asked=True)),  # it had begun to answer signals
        (1, "error: topic x is missing", Treatment(away_seconds=0)),
        (1, "error: no broker answers at x", Treatment(away_seconds=60)),  # it had long been back
        (70, "", Treatment(frozen_seconds=9, away_seconds=0)),  # without a word
        (70, FENCED, Treatment(frozen_seconds=1)),  # shorter than its session
        (70, FENCED, Treatment(asked=True)),
        (70, FENCED, Treatment(away_seconds=300)),
        (70, "error: KeyError: 'tickets-1'; start the worker again", Treatment(frozen_seconds=9)),
        (
            70,
            "error: x-tickets-changelog[0]: 3 rows are too many",
            Treatment(frozen_seconds=9, away_seconds=0),
        ),
        (-11, "Fatal Python error: Segmentation fault", Treatment(killed=True, asked=True)),
    ],
)
def test_an_end_that_no_fault_explains_fails_the_storm(code: int, output: str, done: Treatment) -> None:
    assert reason(code, output, done) is None


def test_a_worker_has_begun_when_it_says_more_than_where_it_listens() -> None:
    assert not has_begun('{"event": "http.listening", "level": "info"}')
    assert has_begun('{"event": "http.listening"}\n{"rows": 3, "event": "worker.ready", "level": "info"}')


@pytest.mark.broker
@pytest.mark.timeout(900)
def test_a_storm_of_faults_changes_no_figure(tmp_path: Path) -> None:
    with Kafka() as kafka:  # one of its own, as it is restarted
        result = storm(kafka, tmp_path, SEED, KILLS, EVENTS)
    print(result)
    assert not result.report.problems, str(result)
    assert result.faults["kill"] == KILLS
