"""The rollups equal the single-threaded fold of the log, whatever happened to the workers on the way."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from tests.bench.job import DAY_MS, DAY_START_MS
from tests.broker.conftest import POISON, SEED, Product, free_ports, scrape
from tests.chaos.traffic import traffic
from tests.support import topics
from tests.support.core import oracle
from tests.support.kafka import Kafka
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

Day = Sequence[SourceRecord]

EVENTS = 8_000
SETTLED_SECONDS = 5
NEVER_LATE = {"STREAM_ROLLUP_WINDOWS": "5m,1h,24h", "STREAM_CORRECTION_HORIZON": "35d"}


@pytest.fixture(scope="module")
def rich_day() -> Day:
    """A seeded day with every kind of correction: re-ratings, retractions, merges, deletions, restores, reopenings, reassignments."""
    print("seed", SEED)
    logged_ms = DAY_START_MS + 2 * DAY_MS
    return [
        SourceRecord(f"x.{one.short}", murmur2_partition(one.key, 4), number, logged_ms, one.key, one.value)
        for number, one in enumerate(traffic(EVENTS, SEED))
    ]


@pytest.fixture
def product(kafka: Kafka, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    """The program with names after the test. Nothing comes too late: how much does depends on the cut into commits."""
    name = request.node.name.replace("[", "-").strip("]")
    made = Product(kafka.bootstrap, name, tmp_path, **NEVER_LATE)
    try:
        yield made
    finally:
        made.close()


def test_the_day_has_every_kind_of_event(rich_day: Day) -> None:
    kinds = (
        b"assigned status_changed merged deleted restored queue_entered queue_left reply.added reply.retracted survey.sent "
        b"survey.answered survey.retracted"
    ).split()
    seen = Counter(kind for one in rich_day for kind in kinds if kind + b".v1" in (one.value or b""))
    assert min(seen[kind] for kind in kinds) >= 5, seen
    assert any(b'"nps"' in (one.value or b"") for one in rich_day)
    assert sum(b'"revision":1' in (one.value or b"") for one in rich_day) >= 20


def test_drain_equals_the_oracle_and_a_second_drain_changes_nothing(product: Product, rich_day: Day) -> None:
    product.send(rich_day)
    product.drain()
    product.check()
    assert product.statuses() <= {"final", "revised"}
    before = sorted(product.rollups())
    product.drain()
    assert sorted(product.rollups()) == before


@pytest.mark.parametrize("workers", [2, 3])
def test_more_workers_give_the_same(product: Product, rich_day: Day, workers: int) -> None:
    product.send(rich_day)
    product.drain(workers)
    product.check()


def test_restarts_in_the_middle(product: Product, rich_day: Day) -> None:
    """SIGTERM once, SIGKILL three times, while events keep coming; the figures are exact and every record has one outcome.

    What was taken in before SIGTERM is committed: the next worker does none of it again.
    """
    part = len(rich_day) // 5
    (port,) = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    product.send(rich_day[:part], per_second=2_000)
    consumed = sum(
        value
        for series, value in scrape(port).items()
        if f'consumed_total{{topic="{product.core.topics.prefix}' in series
    )
    assert worker.stop() == 0, worker.output
    committed = topics.committed(product.bootstrap, product.core.topics.app_id)
    done = sum(offset for (topic, _), offset in committed.items() if topic in product.core.sources)
    assert 0 < consumed <= done, (consumed, done)
    for number in range(1, 4):
        worker = product.worker()
        product.send(rich_day[number * part : (number + 1) * part], per_second=2_000)
        worker.kill()
    product.send(rich_day[4 * part :])
    product.drain()
    product.check()
    expected = _outcomes_expected(product)
    product.worker(port=port).wait_for("worker.ready")  # it takes the state over
    wait_until(lambda: _outcomes_shown(port) == expected, 30, lambda: f"{_outcomes_shown(port)} {expected}")


def _outcomes_shown(port: int) -> Counter[str]:
    """Outcome -> records, on a worker's metrics page."""
    found: Counter[str] = Counter()
    for series, value in scrape(port).items():
        if series.startswith("contact_centre_stream_events_total{"):
            found[series.split('outcome="')[1].split('"')[0]] += int(value)
    return found


def _outcomes_expected(product: Product) -> Counter[str]:
    found: Counter[str] = Counter()
    for outcomes in oracle(product.core, product.sent, now_ms=0).counts.values():
        for name, number in outcomes.items():
            found[name.partition(":")[0]] += number
    assert found.total() == len(product.sent)
    return found


def test_poison_is_dead_lettered_with_its_bytes_and_harms_nothing(product: Product, rich_day: Day) -> None:
    poison = [SourceRecord("x.tickets", 0, 0, 0, b"t-%d" % n, value) for n, value in enumerate(POISON)]
    middle = len(rich_day) // 2
    product.send([*rich_day[:middle], *poison, *rich_day[middle:]])
    product.drain()
    product.check()
    dead = [
        record.value or b""
        for topic in product.core.topics.sources
        for record in topics.read(product.bootstrap, [product.core.topics.dlq(topic)])
    ]
    assert sorted(dead) == sorted(
        one.value or b"" for one in oracle(product.core, product.sent, now_ms=0).dead_letters
    )
    assert not Counter(POISON) - Counter(dead)


OF_EACH_WORKER = ("contact_centre_stream_", "contact_centre_csat_band_ratio")
"""What the pipeline says of itself, and what the settings say."""


def test_one_two_and_three_workers_show_the_same_series(product: Product, rich_day: Day) -> None:
    product.send(rich_day)
    ports = free_ports(3)
    seen: list[dict[str, float]] = []
    for count in range(1, 4):
        product.worker(port=ports[count - 1]).wait_for("worker.ready")
        seen.append(_series_when_settled(ports[:count], len(product.sent)))
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def _series_when_settled(ports: Sequence[int], records: int) -> dict[str, float]:
    """The business series of all workers together, once so many records are in them and nothing moves any more.

    None may come from two workers.
    """
    last: list[dict[str, float]] = []
    since = time.monotonic()

    def settled() -> bool:
        nonlocal last, since
        now = [scrape(port) for port in ports]
        quiet = all(
            one["contact_centre_stream_ready"] == 1
            and not any(value for name, value in one.items() if name.startswith("contact_centre_stream_lag"))
            for one in now
        )
        counted = sum(
            value
            for one in now
            for name, value in one.items()
            if name.startswith("contact_centre_stream_events_total{")
        )
        business = [
            {name: value for name, value in one.items() if not name.startswith(OF_EACH_WORKER)} for one in now
        ]
        # A lag is of what was applied, and figures come with commits; alerts are shown before there are figures.
        whole = quiet and counted == records and sum(map(len, business)) >= 100
        if business != last or not whole:
            last, since = business, time.monotonic()
        return time.monotonic() - since > SETTLED_SECONDS

    wait_until(settled, 120)
    together: dict[str, float] = {}
    for one in last:
        assert not together.keys() & one.keys(), "a figure comes from exactly one worker"
        together.update(one)
    return together
