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


LANES = {
    "broker": "broker",
    "chaos": "faults",
    "demo": "faults",
    "broker/test_damaged_state.py": "faults",
    "broker/test_rebuild.py": "faults",
}
"""Folders and files whose tests run one after the other: in three lanes all ends at about the same time ..."""


class Lanes(LoadScopeScheduling):
    """... of which two have the whole job on brokers of their own, and mostly wait (``-n 3``); all other files share what is left."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].removeprefix("tests/")
        return LANES.get(file) or LANES.get(file.partition("/")[0]) or file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    return Lanes(config, log)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole run; tests take topic names of their own."""
    with Kafka() as running:
        yield running
