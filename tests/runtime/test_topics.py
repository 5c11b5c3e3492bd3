"""What a worker refuses to start on, and what it creates itself."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from stream.core.config import CoreConfig
from stream.core.record import SourceRecord
from stream.core.topics import Topics
from stream.runtime import clients, generations, permissions, topics
from stream.runtime.config import RuntimeConfig
from stream.runtime.errors import StartError
from stream.runtime.topic_specs import specs
from tests.support import topics as kafka_topics
from tests.support.kafka import Kafka
from tests.support.process import wait_until

pytestmark = pytest.mark.broker


COUNTS = {"STREAM_PARTITIONS": "2", "STREAM_DELTA_PARTITIONS": "3"}


class Case:
    """Topics with a prefix of their own."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.core = CoreConfig(
            topics=Topics(prefix=f"{name}.", app_id=name), source_partitions=2, delta_partitions=3
        )
        self.config = RuntimeConfig(brokers=(bootstrap,), app_id=name)

    def create(self, **partitions: int) -> None:
        """Create the given topics by the names that ``Topics`` has for them."""
        names = {getattr(self.core.topics, name): count for name, count in partitions.items()}
        kafka_topics.create(self.config.brokers[0], names)

    def prepare(self) -> list[topics.Problem]:
        return asyncio.run(topics.prepare(self.config, self.core, volatile=False))

    def agree(self, **shape: str) -> int:
        """Agree on a generation, as the next thing that a worker does."""
        return asyncio.run(generations.agree(self.config, self.core, {**COUNTS, **shape}, volatile=False))

    def check(self) -> list[topics.Problem]:
        return asyncio.run(topics.check(self.config, self.core))

    def own(self) -> set[str]:
        """What is there beside the sources."""

        async def run() -> set[str]:
            admin = clients.admin(self.config)
            await admin.start()
            try:
                wanted = [spec.name for spec in specs(self.core) if spec.kind != "source"]
                return {
                    name for name, state in (await topics.describe(admin, wanted)).items() if state.partitions
                }
            finally:
                await admin.close()

        return asyncio.run(run())

    def create_all(self) -> list[str]:
        async def run() -> list[str]:
            admin = clients.admin(self.config)
            await admin.start()
            try:
                return await topics.create(admin, specs(self.core), 1)
            finally:
                await admin.close()

        return asyncio.run(run())


@pytest.fixture
def case(kafka: Kafka, request: pytest.FixtureRequest) -> Case:
    return Case(kafka.bootstrap, re.sub(r"[^a-z0-9_-]", "-", request.node.name))


def test_created_topics_pass_the_check_and_are_created_once(case: Case) -> None:
    assert len(case.create_all()) == len(specs(case.core))
    wait_until(
        lambda: case.create_all() == [] and case.check() == [], 20
    )  # once all brokers' answers know of them
    assert case.prepare() == []


def test_a_missing_source_is_named(case: Case) -> None:
    case.create(tickets=2, replies=2)
    with pytest.raises(
        StartError, match=rf"topic {case.core.topics.surveys} does not exist; create it with 2 partitions"
    ):
        case.prepare()
    assert case.own() == set(), "a refused worker leaves nothing behind"


def test_unequal_partition_counts_are_refused(case: Case) -> None:
    case.create(tickets=2, replies=3, surveys=2)
    with pytest.raises(StartError, match=rf"topic {case.core.topics.replies} has 3 partitions, expected 2"):
        case.prepare()
    assert case.own() == set()


def test_the_worker_creates_its_own_topics_and_warns_of_the_producers_clock(case: Case) -> None:
    case.create(tickets=2, replies=2, surveys=2)
    warnings = case.prepare()
    assert {(problem.severity, problem.topic) for problem in warnings} == {
        ("warning", name) for name in case.core.topics.sources
    }
    assert all("LogAppendTime" in problem.text for problem in warnings)
    assert case.prepare() == warnings


def test_a_changelog_that_deletes_is_refused(case: Case) -> None:
    case.create(tickets=2, replies=2, surveys=2, tickets_changelog=2)
    with pytest.raises(
        StartError, match=r"-tickets-changelog cleanup.policy is delete: state would be deleted"
    ):
        case.prepare()


def test_deleted_changelogs_are_noticed_though_nobody_ever_committed(case: Case) -> None:
    """Nor do offsets say so: the generation does, and the mark that came with it into each changelog."""
    case.core = msgspec.structs.replace(case.core, customers=True, answers=True)
    bootstrap, names = case.config.brokers[0], case.core.topics
    case.create_all()
    wait_until(lambda: case.check() == [], 20)
    case.prepare()  # a worker that dies here, and
    case.prepare()  # the next one, which has nothing to complain of
    assert case.agree() == 1
    case.prepare()
    for name, count in (
        (names.tickets_changelog, 2),
        (names.customers_changelog, 2),
        (names.windows_changelog, 3),
    ):
        kafka_topics.delete(bootstrap, [name])
        with pytest.raises(
            StartError, match=rf"{name} does not exist, but generation 1 of the state is in it"
        ):
            case.prepare()
        kafka_topics.create(bootstrap, {name: count}, {name: {"cleanup.policy": "compact"}})
        asyncio.run(permissions.check(case.config, case.core))  # it leaves markers there, and no record
        with pytest.raises(StartError, match=rf"{name} is empty, but generation 1 of the state is in it"):
            case.prepare()
        kafka_topics.place(bootstrap, [SourceRecord(name, count - 1, 0, 0, b"k", b"v")])
        case.prepare()


def test_a_stage_that_is_new_has_lost_nothing(case: Case) -> None:
    case.create(tickets=2, replies=2, surveys=2, customers=2)
    case.prepare()
    assert case.agree(STREAM_METRICS="csat.v1") == 1
    case.core = msgspec.structs.replace(case.core, customers=True, answers=True)
    case.prepare()  # creates topics for customers
    case.prepare()
    assert case.agree(STREAM_METRICS="csat.v1,csat_change.v1") == 2
    case.prepare()
    name = case.core.topics.answers
    kafka_topics.delete(case.config.brokers[0], [name])
    with pytest.raises(StartError, match=rf"{name} does not exist, but generation 2 of the state is in it"):
        case.prepare()


def test_deltas_that_are_compacted_are_refused(case: Case) -> None:
    case.create(tickets=2, replies=2, surveys=2)
    kafka_topics.create(
        case.config.brokers[0],
        {case.core.topics.deltas: 3},
        {case.core.topics.deltas: {"cleanup.policy": "compact"}},
    )
    with pytest.raises(StartError, match=r"-deltas cleanup.policy compacts"):
        case.prepare()


def test_no_broker_is_said_in_one_line(tmp_path: Path) -> None:
    config = RuntimeConfig(brokers=("127.0.0.1:1",), app_id="nobody")
    with pytest.raises(StartError, match=r"no broker answers at 127\.0\.0\.1:1"):
        asyncio.run(clients.has_transactions(config))
    with pytest.raises(StartError, match=r"no broker answers at 127\.0\.0\.1:1"):
        asyncio.run(topics.prepare(msgspec.structs.replace(config), CoreConfig(), volatile=False))


@pytest.mark.parametrize(("sources", "deltas", "counts"), [(True, True, (6, 5)), (False, True, (2, 5))])
def test_counts_that_are_left_to_the_topics_are_theirs(
    case: Case, sources: bool, deltas: bool, counts: tuple[int, int]
) -> None:
    case.create(tickets=6, replies=6, surveys=6, deltas=5)
    core = asyncio.run(topics.fitted(case.config, case.core, sources=sources, deltas=deltas))
    assert (core.source_partitions, core.delta_partitions) == counts


def test_unequal_counts_stay_an_error_when_they_are_left_to_the_topics(case: Case) -> None:
    case.create(tickets=6, replies=3, surveys=6)
    case.core = asyncio.run(topics.fitted(case.config, case.core, sources=True, deltas=True))
    with pytest.raises(StartError, match=rf"topic {case.core.topics.replies} has 3 partitions, expected 6"):
        case.prepare()
    assert case.own() == set()
