"""Fixtures of all suites."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.kafka import Kafka
from tests.support.process import ROOT

# Loaded here and not when its plugin sums up the run: what the tests left to the garbage collector would disturb the parsing.
settings.register_profile("suite", print_blob=True)
settings.load_profile("suite")


PURE = {"bench", "contract", "core", "gateway", "metrics", "web"}
"""Suites that need one core and no process of their own."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two lanes (``-n 2 --dist loadgroup``) one has all that starts brokers and workers, one after the other; the other the rest."""
    for item in items:
        if item.path.relative_to(ROOT).parts[1] not in PURE:
            item.add_marker(pytest.mark.xdist_group("processes"))


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole run; tests take topic names of their own."""
    with Kafka() as running:
        yield running
