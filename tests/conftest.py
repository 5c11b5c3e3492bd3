"""Fixtures of all suites."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.kafka import Kafka

# Loaded here and not when its plugin sums up the run: what the tests left to the garbage collector would disturb the parsing.
settings.register_profile("suite", print_blob=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole run; tests take topic names of their own."""
    with Kafka() as running:
        yield running
