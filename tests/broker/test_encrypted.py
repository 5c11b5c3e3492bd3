"""TLS and a login by SCRAM, the default: the whole job, and what is said where they do not fit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import Product
from tests.support import acls
from tests.support.acls import Acl
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

USER = "sealed"
EVERYTHING = ("Read", "Write", "Create", "Describe", "DescribeConfigs")
RIGHTS = [
    ("topic", f"{USER}.*", EVERYTHING),
    ("topic", f"{USER}-*", EVERYTHING),
    ("group", USER, ("Read", "Describe")),
    ("transactional id", f"{USER}-*", ("Write", "Describe")),
]


@pytest.fixture(scope="module")
def sealed() -> Iterator[Kafka]:
    """A broker with a listener of TLS and SCRAM, whose user may do what the runbook lists."""
    with Kafka(users=[USER], tls=True) as kafka:
        granted = [
            Acl(USER, operation, kind, name) for kind, name, operations in RIGHTS for operation in operations
        ]
        acls.create(kafka.bootstrap, granted)
        yield kafka


def settings(kafka: Kafka, folder: Path, password: str = USER) -> dict[str, str]:
    secret = folder / "password"
    secret.write_text(password + "\n")
    return {
        "STREAM_BROKERS": kafka.sealed,
        "STREAM_SECURITY_PROTOCOL": "SASL_SSL",
        "STREAM_SASL_USERNAME": USER,
        "STREAM_SASL_PASSWORD_FILE": str(secret),
        "STREAM_TLS_CA_FILE": str(kafka.ca_file),
    }


@pytest.fixture
def product(sealed: Kafka, tmp_path: Path) -> Iterator[Product]:
    made = Product(sealed.bootstrap, "sealed", tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_the_whole_job_over_tls_with_scram(
    sealed: Kafka, product: Product, day: Sequence[SourceRecord]
) -> None:
    product.send(day[: len(day) // 4])
    product.settings.update(settings(sealed, product.folder))
    for command in (("topics", "check"), ("worker", "--drain"), ("tail", "rollups", "--once")):
        process = product.stream(*command)
        assert process.wait() == 0, process.output
    product.check()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"password": "guessed"}, "STREAM_SASL_PASSWORD_FILE"),
        ({"authority": "the system's"}, "STREAM_TLS_CA_FILE"),
    ],
    ids=["password", "authority"],
)
def test_what_does_not_fit_is_named_in_a_line(
    sealed: Kafka, product: Product, wrong: dict[str, str], named: str
) -> None:
    product.settings.update(settings(sealed, product.folder, wrong.get("password", USER)))
    if "authority" in wrong:
        del product.settings["STREAM_TLS_CA_FILE"]
    worker = product.stream("worker", "--drain")
    assert worker.wait() == 1, worker.output
    assert named in worker.error, worker.output
    assert "guessed" not in worker.output
    assert "Traceback" not in worker.output
