"""Fixtures of all suites."""

from collections.abc import Iterator

import pytest

from tests.support.kafka import Kafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole run; tests take topic names of their own."""
    with Kafka() as running:
        yield running
