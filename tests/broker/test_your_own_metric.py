"""A metric of an installed package on a real Kafka: through a worker into rollups and gauges, over a kill and a restart."""

import os
import time
from pathlib import Path

import orjson
import pytest

from schemas import events as ev
from tests.broker.conftest import Product, free_ports, scrape
from tests.cli.test_your_own_metric import installed
from tests.support import topics
from tests.support.histories import History, make, wire_time
from tests.support.log import log
from tests.support.process import ROOT, wait_until

pytestmark = pytest.mark.broker

SEGMENT = 'tenant="acme",window="24h"'


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory)


def created(numbers: range, at_ms: int) -> History:
    """Tickets, the first two of each ten urgent."""
    return [
        (
            "tickets",
            make(
                ev.TicketCreated,
                at_ms,
                ticket_id=f"t-{number}",
                channel="chat",
                team="billing",
                priority="urgent" if number % 10 < 2 else "low",
            ),
        )
        for number in numbers
    ]


def series(port: int) -> dict[str, float]:
    """What the worker says of it in the tenant as a whole, once it answers."""
    try:
        found = scrape(port)
    except OSError:
        return {}
    return {
        name.partition("{")[0]: value
        for name, value in found.items()
        if name.startswith("contact_centre_urgent_") and f"{{{SEGMENT}}}" in name
    }


def fires(port: int) -> bool:
    """Whether the alert rule on it does, on the tenant as a whole."""
    return any(
        value == 1
        for name, value in scrape(port).items()
        if name.startswith("contact_centre_alert_state{") and 'alert="urgent"' in name
    )


def standing(product: Product) -> tuple[int, float | None]:
    """n and value of the hour's rollup of the tenant as a whole."""
    figures = [orjson.loads(value)["data"] for value in topics.latest(product.rollups()).values()]
    [found] = [
        one
        for one in figures
        if one["metric"] == "urgent_share"
        and one["window_seconds"] == 3600
        and list(one["segment"]) == ["tenant"]
        and one["n"]
    ]
    return found["n"], found["value"]


def test_a_package_of_ones_own_has_rollups_and_gauges_of_a_worker(product: Product, packages: Path) -> None:
    now_ms = int(time.time() * 1000)
    hour = f"{wire_time(now_ms)[:13]}:00/1h"
    product.settings.update(
        STREAM_CLOCK="wall",
        STREAM_IDLE_AFTER="1s",
        PYTHONPATH=os.pathsep.join((str(packages), str(ROOT))),
        STREAM_METRICS="csat,urgent_share",
        STREAM_ALERTS='[{"name": "urgent", "metric": "urgent_share", "threshold": 0.1, "fires": "above", "min_n": 10}]',
    )
    [port] = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    gone = ("tickets", make(ev.TicketDeleted, now_ms, ticket_id="t-0", reason="spam"))
    records = log([*created(range(30), now_ms), gone, *created(range(30, 40), now_ms)], timestamp_ms=now_ms)
    product.send(records[:30])
    wait_until(lambda: series(port).get("contact_centre_urgent_created") == 30, 60, lambda: worker.output)
    assert series(port)["contact_centre_urgent_ratio"] == pytest.approx(6 / 30)

    worker.kill()
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    product.send(records[30:])
    wait_until(lambda: series(port).get("contact_centre_urgent_created") == 39, 60, lambda: worker.output)
    assert series(port)["contact_centre_urgent_ratio"] == pytest.approx(7 / 39)
    wait_until(lambda: fires(port), 60, lambda: worker.output)
    assert worker.stop() == 0, worker.output

    product.drain()
    n, value = standing(product)
    assert n == 39
    assert value == pytest.approx(7 / 39)
    asked = product.stream("explain", "urgent_share", "--segment", "tenant=acme", "--window", hour)
    assert asked.wait() == 0, asked.output
    assert "urgent 7, created 39" in asked.output
    audit = product.stream("audit")
    assert audit.wait() == 0, audit.output
