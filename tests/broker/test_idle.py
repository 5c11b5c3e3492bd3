"""On the wall clock windows close though nothing comes any more, on one partition or on all, and staleness is visible."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from tests.broker.conftest import Product, scrape
from tests.support import topics
from tests.support.ports import free_ports
from tests.support.process import wait_until

pytestmark = pytest.mark.broker


def answer(key: str, at: datetime) -> SourceRecord:
    data = {
        "tenant": "acme",
        "ticket_id": key,
        "survey_id": f"s-{key}",
        "kind": "csat",
        "scale": {"min": 1, "max": 5},
        "score": 4,
        "revision": 0,
        "team": "billing",
    }
    event = {
        "specversion": "1.0",
        "id": f"e-{key}",
        "source": "/idle",
        "type": "contact-centre.survey.answered.v1",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": data,
    }
    return SourceRecord("x.surveys", 0, 0, 0, key.encode(), orjson.dumps(event))


def minutes(product: Product) -> list[dict[str, Any]]:
    """The minute rollups as they stand."""
    found = (orjson.loads(value)["data"] for value in topics.latest(product.rollups()).values())
    return [one for one in found if one["window_seconds"] == 60]


def partition(key: str) -> int:
    return murmur2_partition(key.encode(), 4)


def age(port: int) -> float:
    return max(value for name, value in scrape(port).items() if "watermark_age_seconds" in name)


def test_windows_close_and_age_shows_though_one_partition_or_all_are_silent(product: Product) -> None:
    product.settings |= {
        "STREAM_CLOCK": "wall",
        "STREAM_IDLE_AFTER": "1s",
        "STREAM_LATENESS": "1s",
    }
    (port,) = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    ended = datetime.now(UTC) - timedelta(seconds=70)
    product.send([answer("t1", ended)])  # one partition of twelve
    wait_until(
        lambda: {one["status"] for one in minutes(product)} == {"final"}, 60, lambda: str(minutes(product))
    )
    assert {one["n"] for one in minutes(product) if one["metric"] == "csat"} == {1}
    assert age(port) < 30, "with nothing to read the watermark follows the clock"

    silent = next(key for number in range(99) if partition(key := f"s{number}") != partition("t1"))
    product.send([answer(silent, ended)])  # a partition that was silent wakes with what is late by now
    own = ended.strftime("%Y-%m-%dT%H:%M:00Z")

    def revised() -> bool:
        found = [one for one in minutes(product) if one["metric"] == "csat" and one["window_start"] == own]
        return bool(found) and {(one["status"], one["n"]) for one in found} == {("revised", 2)}

    wait_until(revised, 60, lambda: str(minutes(product)))
    assert worker.stop() == 0, worker.output


def test_on_the_event_clock_silence_shows_as_age(product: Product) -> None:
    (port,) = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    ended = datetime.now(UTC) - timedelta(seconds=10)
    product.send(
        [answer(f"t{number}", ended) for number in range(50)]
    )  # every partition of the surveys; the others are silent
    product.send(
        [
            answer(f"t{number}", ended)._replace(topic=f"x.{topic}")
            for number in range(50)
            for topic in ("tickets", "replies")
        ]
    )
    wait_until(lambda: any("watermark_age_seconds" in name for name in scrape(port)), 60)
    clock = "contact_centre_stream_event_clock_timestamp_seconds"
    wait_until(lambda: clock in scrape(port), 60)
    first_age, first_clock = age(port), scrape(port)[clock]
    wait_until(lambda: age(port) > first_age + 1, 30)
    assert scrape(port)[clock] == first_clock, "event time stands still"
    assert worker.stop() == 0, worker.output
