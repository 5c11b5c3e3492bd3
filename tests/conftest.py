"""Fixtures of all suites."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.kafka import Kafka

# Loaded here and not when its plugin sums up the run: what the tests left to the garbage collector would disturb the parsing.
settings.register_profile("suite", print_blob=True)
settings.load_profile("suite")


PURE = {"bench", "contract", "core", "gateway", "metrics", "web"}
"""Suites that need one core and no process of their own."""


class Lanes(LoadScopeScheduling):
    """Of two lanes (``-n 2``) one has all that starts brokers and workers, one after the other; the other has the rest."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.split("/")[1] in PURE else "processes"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    return Lanes(config, log)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole run; tests take topic names of their own."""
    with Kafka() as running:
        yield running
