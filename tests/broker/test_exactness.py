"""The rollups equal the single-threaded fold of the log, whatever happened to the workers on the way."""

from collections.abc import Sequence

import pytest

from stream.core.record import SourceRecord
from tests.broker.conftest import POISON, Product, free_ports, scrape
from tests.support import topics
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

Day = Sequence[SourceRecord]


def test_drain_equals_the_oracle_and_a_second_drain_changes_nothing(product: Product, day: Day) -> None:
    product.send(day)
    product.drain()
    product.check()
    assert product.statuses() <= {"final", "revised"}
    before = sorted(product.rollups())
    product.drain(seconds=20)
    assert sorted(product.rollups()) == before


@pytest.mark.parametrize("workers", [2, 3])
def test_more_workers_give_the_same(product: Product, day: Day, workers: int) -> None:
    product.send(day)
    product.drain(workers)
    product.check()


def test_restarts_in_the_middle(product: Product, day: Day) -> None:
    """SIGTERM once, SIGKILL three times, while events keep coming."""
    part = len(day) // 5
    worker = product.worker()
    worker.wait_for("worker.ready")
    product.send(day[:part], per_second=2_000)
    assert worker.stop() == 0, worker.output
    for number in range(1, 4):
        worker = product.worker()
        product.send(day[number * part : (number + 1) * part], per_second=2_000)
        worker.kill()
    product.send(day[4 * part :])
    product.drain()
    product.check()


def test_poison_is_dead_lettered_with_its_bytes_and_harms_nothing(product: Product, day: Day) -> None:
    poison = [SourceRecord("x.tickets", 0, 0, 0, b"t-%d" % n, value) for n, value in enumerate(POISON)]
    middle = len(day) // 2
    product.send([*day[:middle], *poison, *day[middle:]])
    product.drain()
    product.check()
    dead = topics.read(product.bootstrap, [product.core.topics.dlq(product.core.topics.tickets)])
    assert sorted(record.value or b"" for record in dead) == sorted(POISON)


def test_one_two_and_three_workers_show_the_same_series(product: Product, day: Day) -> None:
    product.send(day)
    ports = free_ports(3)
    seen: list[dict[str, float]] = []
    for count in range(1, 4):
        product.worker(port=ports[count - 1]).wait_for("worker.ready", 40)
        seen.append(_series_when_settled(ports[:count]))
    assert len(seen[0]) > 100
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def _series_when_settled(ports: Sequence[int]) -> dict[str, float]:
    """The business series of all workers together, once nothing moves any more; none may come from two workers."""
    last: list[dict[str, float]] = []

    def settled() -> bool:
        nonlocal last
        now = [scrape(port) for port in ports]
        quiet = all(
            one["contact_centre_stream_ready"] == 1
            and not any(value for name, value in one.items() if name.startswith("contact_centre_stream_lag"))
            for one in now
        )
        business = [
            {name: value for name, value in one.items() if not name.startswith("contact_centre_stream_")}
            for one in now
        ]
        done = quiet and business == last and any(business)
        last = business
        return done

    wait_until(settled, 60)
    together: dict[str, float] = {}
    for one in last:
        assert not together.keys() & one.keys(), "a figure comes from exactly one worker"
        together.update(one)
    return together
