"""A broker that asks who one is and allows what it must: the program runs with just what the runbook lists, and names what is missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product
from tests.support import acls
from tests.support.acls import DENIED, Acl
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

PREFIX, APP = "granted.", "granted"

NEEDED = [
    ("topic", f"{PREFIX}*", ("Read", "Write", "Create", "Describe", "DescribeConfigs")),
    ("topic", f"{APP}-*", ("Read", "Write", "Create", "Describe", "DescribeConfigs")),
    ("group", APP, ("Read", "Describe")),
    ("transactional id", f"{APP}-*", ("Write", "Describe")),
]
"""The table of the runbook."""

MISSING = {
    "nosource": (Acl("nosource", "Read", "topic", f"{PREFIX}replies", DENIED), f"{PREFIX}replies"),
    "norollups": (Acl("norollups", "Write", "topic", f"{PREFIX}rollups", DENIED), f"{PREFIX}rollups"),
    "nochangelog": (
        Acl("nochangelog", "Read", "topic", f"{APP}-tickets-changelog", DENIED),
        f"{APP}-tickets-changelog",
    ),
    "nogroup": (Acl("nogroup", "Read", "group", APP, DENIED), APP),
    "nowriting": (Acl("nowriting", "Write", "transactional id", f"{APP}-*", DENIED), f"{APP}-"),
    "nosight": (Acl("nosight", "Describe", "topic", f"{PREFIX}surveys", DENIED), f"{PREFIX}surveys"),
}
"""User -> what is denied to it, and what its line must name."""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Kafka]:
    """A broker with users: ``granted`` may do what the runbook lists, the others lack one thing each."""
    users = ("granted", *MISSING)
    with Kafka(users=users) as kafka:
        acls.create(
            kafka.bootstrap,
            [
                Acl(user, operation, resource, name)
                for user in users
                for resource, name, operations in NEEDED
                for operation in operations
            ]
            + [denied for denied, _ in MISSING.values()],
        )
        yield kafka


@pytest.fixture
def product(guarded: Kafka, tmp_path: Path) -> Iterator[Product]:
    made = Product(guarded.bootstrap, "granted", tmp_path)
    made.settings["STREAM_BROKERS"] = guarded.secured
    made.settings["STREAM_SECURITY_PROTOCOL"] = "SASL_PLAINTEXT"
    made.settings["STREAM_SASL_MECHANISM"] = "PLAIN"
    log_in(made, "granted")
    try:
        yield made
    finally:
        made.close()


def log_in(product: Product, user: str) -> None:
    password = product.folder / f"password-{user}"
    password.write_text(f"{user}\n")
    product.settings["STREAM_SASL_USERNAME"] = user
    product.settings["STREAM_SASL_PASSWORD_FILE"] = str(password)


def test_what_the_runbook_lists_is_enough(product: Product, day: Sequence[SourceRecord]) -> None:
    for arguments in (("topics", "create"), ("topics", "check")):
        command = product.stream(*arguments)
        assert command.wait() == 0, command.output
    product.send(day[: len(day) // 8])
    product.drain()
    product.check()


@pytest.mark.parametrize("user", list(MISSING))
def test_what_is_missing_is_named_in_one_line(
    product: Product, day: Sequence[SourceRecord], user: str
) -> None:
    part = 1 + list(MISSING).index(user)  # events that no earlier one has seen: there is something to publish
    product.send(day[part * len(day) // 8 : (part + 1) * len(day) // 8])
    log_in(product, user)
    worker = product.stream("worker", "--drain")
    code = worker.wait()
    assert code in {1, 70}, worker.output
    lines = [line for line in worker.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, worker.output
    assert MISSING[user][1] in lines[0]
    assert "Traceback" not in worker.output
    check = product.stream("topics", "check")
    assert check.wait() == 1, check.output
    assert MISSING[user][1] in check.output


def test_a_wrong_password_is_named(product: Product) -> None:
    log_in(product, "granted")
    Path(product.settings["STREAM_SASL_PASSWORD_FILE"]).write_text("wrong")
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 1, worker.output
    assert "STREAM_SASL_USERNAME" in worker.output
    assert "wrong" not in worker.output
