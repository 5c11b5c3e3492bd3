"""Other settings on a real Kafka: facts are kept, figures are built anew, old and new workers do not spoil each other's state."""

import re
import urllib.error
import urllib.request
from collections.abc import Sequence

import orjson
import pytest

from stream.core.record import SourceRecord
from stream.settings import load
from tests.broker.conftest import Product, free_ports
from tests.support import topics
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

Day = Sequence[SourceRecord]

SLOWLY = (
    "import sys; from stream.core import tickets_shard; tickets_shard.SCAN_ROWS = 4; "
    "from stream.cli import run; sys.exit(run(['worker']))"
)
"""A worker whose scan takes some seconds, so that there is a middle to be killed in."""


def change(product: Product, **settings: str) -> None:
    """From here on workers have these settings."""
    product.settings.update(settings)
    product.core = load(product.settings).core()


def check(product: Product) -> None:
    """The rollups of the present shape are the oracle's, and the revisions of each grew.

    Windows of a minute are revised for six hours only: those that had been closed for good before the change are not built again.
    """
    expected = {key: figure for key, figure in product.oracle().items() if figure["window_seconds"] > 60}
    sets = {frozenset(("tenant", *grouping)) for grouping in product.core.groupings}
    found = {
        key: figure
        for key, figure in product.published().items()
        if frozenset(figure["segment"]) in sets
        and figure["window_seconds"] > 60
        and figure["metric"].split("_1_")[0] in product.core.metrics
    }
    assert expected
    assert {key for key in found if found[key]["n"]} == {key for key in expected if expected[key]["n"]}
    assert not [key for key in expected if found.get(key) != expected[key]]
    revisions: dict[bytes | None, int] = {}
    for rollup in product.rollups():
        revision = orjson.loads(rollup.value or b"")["data"]["revision"]
        assert revision > revisions.get(rollup.key, 0), rollup.key
        revisions[rollup.key] = revision


def not_ready(port: int) -> str:
    """Why the worker is not ready; empty when it is, or does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10):
            return ""
    except urllib.error.HTTPError as answer:
        return answer.read().decode()
    except OSError:
        return ""


def generations(product: Product) -> list[int]:
    """What stands in the generations topic, in its order."""
    records = topics.read(product.bootstrap, [product.core.topics.generations])
    return [orjson.loads(record.value or b"")["generation"] for record in records]


def kill_in_the_middle(product: Product, generation: int) -> None:
    """A worker dies while it builds a generation; nothing of it has been published by then."""
    before = len(product.rollups())
    [port] = free_ports(1)
    worker = product.python("-c", SLOWLY, STREAM_HTTP_PORT=str(port))
    wait_until(
        lambda: re.search(rf"tickets-\d is building generation {generation}: [1-8]\d %", not_ready(port)),
        90,
        lambda: worker.output + not_ready(port),
    )
    worker.kill()
    assert len(product.rollups()) == before, "nothing half-built was published"


def test_new_groupings_panes_and_definitions_killed_in_the_middle_then_back_again(
    product: Product, day: Day
) -> None:
    change(
        product,
        STREAM_GROUPINGS="all;team",
        STREAM_METRICS="csat,first_reply_time,first_contact_resolution",
        STREAM_ROLLUP_WINDOWS="1m,1h,24h",
    )
    product.send(day)
    product.drain()
    check(product)

    change(product, STREAM_GROUPINGS="all;channel;queue")
    kill_in_the_middle(product, 2)
    product.drain(2)
    check(product)
    assert generations(product) == [1, 2]

    worker = product.worker()
    worker.wait_for("worker.ready")
    older = product.stream("worker", STREAM_GROUPINGS="all;team")
    assert older.wait() == 1
    assert "1 workers of" in older.output
    assert "are at work with generation 2, and this worker has the settings of an earlier one" in older.output
    asked = product.stream("explain", "csat", "--window", "2026-11-05T12:00/1h", STREAM_GROUPINGS="all;team")
    assert asked.wait() == 1
    assert "explain the figure with the worker's settings" in asked.output
    assert worker.stop() == 0, worker.output

    change(product, STREAM_ROLLUP_WINDOWS="1m,1h,6h,24h")
    kill_in_the_middle(product, 3)
    change(product, STREAM_FIRST_CONTACT_DAYS="1")
    kill_in_the_middle(product, 4)  # of panes that were never finished
    product.drain()
    check(product)
    change(product, STREAM_FIRST_CONTACT_DAYS="2")
    kill_in_the_middle(product, 5)
    product.drain()
    check(product)

    change(product, STREAM_GROUPINGS="all;team")
    product.drain()
    check(product)
    assert generations(product) == [1, 2, 3, 4, 5, 6]


def test_workers_that_start_at_once_agree(product: Product, day: Day) -> None:
    product.send(day[: len(day) // 4])
    product.drain(3)
    change(product, STREAM_GROUPINGS="all;channel", STREAM_METRICS="csat,nps", STREAM_ALERTS="[]")
    product.drain(3)
    assert generations(product) == [1, 2]
    check(product)


def test_an_old_worker_gives_way_to_new_settings(product: Product, day: Day) -> None:
    """A rolling upgrade: the new worker comes while the old one is at work, which ends with one line and exit code 1."""
    product.send(day[: len(day) // 4])
    change(product, STREAM_GROUPINGS="all")
    old = product.worker()
    old.wait_for("worker.ready")
    change(product, STREAM_GROUPINGS="all;team")
    product.worker().wait_for("worker.ready")
    assert old.wait() == 1, old.output
    assert "holds generation 2, this worker has 1" in old.output
    product.send(day[len(day) // 4 : len(day) // 2])


def test_another_number_of_delta_partitions_is_refused(product: Product, day: Day) -> None:
    product.send(day[:100])
    product.drain()
    worker = product.stream("worker", "--drain", STREAM_DELTA_PARTITIONS="5")
    assert worker.wait() == 1
    assert "STREAM_DELTA_PARTITIONS" in worker.output
