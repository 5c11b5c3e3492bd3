"""Fixtures of all suites."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.kafka import Kafka

# Loaded here and not when its plugin sums up the run: what the tests left to the garbage collector would disturb the parsing.
# No test judges time: how long examples take to generate says how busy the machine is.
settings.register_profile(
    "suite", print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


FAULTS = {"broker", "chaos"}
"""Suites of one lane: half of all the time goes to them ..."""
ELSEWHERE = {"test_damaged_state.py", "test_dlq.py", "test_large_commits.py", "test_rebuild.py"}
"""... with so much of them in the other one that both end at about the same time."""


class Lanes(LoadScopeScheduling):
    """Of two lanes (``-n 2``) one has the whole job on its brokers, test by test; the other has all other files."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        _, suite, *rest = file.split("/")
        return "faults" if suite in FAULTS and not ELSEWHERE & set(rest) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    return Lanes(config, log)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole run; tests take topic names of their own."""
    with Kafka() as running:
        yield running
