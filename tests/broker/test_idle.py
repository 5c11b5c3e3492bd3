"""On the wall clock windows close though nothing comes any more, on one partition or on all, and staleness is visible."""

import urllib.request
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


def ages(port: int) -> list[float]:
    """How old the watermark is, of each partition that has one."""
    return [value for name, value in scrape(port).items() if "watermark_age_seconds" in name]


def age(port: int) -> float:
    return max(ages(port))


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

    def closed() -> bool:
        """Seen in all partitions of the topic: a transaction's end is not written into all of them at one instant."""
        found = minutes(product)
        csat = {(one["segment"].get("team"), one["n"]) for one in found if one["metric"] == "csat"}
        return {one["status"] for one in found} == {"final"} and csat == {(None, 1), ("billing", 1)}

    wait_until(closed, 60, lambda: str(minutes(product)))
    assert age(port) < 30, "with nothing to read the watermark follows the clock"

    silent = next(key for number in range(99) if partition(key := f"s{number}") != partition("t1"))
    product.send([answer(silent, ended)])  # a partition that was silent wakes with what is late by now
    own = ended.strftime("%Y-%m-%dT%H:%M:00Z")

    def revised() -> bool:
        found = [one for one in minutes(product) if one["metric"] == "csat" and one["window_start"] == own]
        return bool(found) and {(one["status"], one["n"]) for one in found} == {("revised", 2)}

    wait_until(revised, 60, lambda: str(minutes(product)))
    assert worker.stop() == 0, worker.output


def test_what_comes_too_late_on_a_silent_partition_is_counted_and_holds_nobody_up(product: Product) -> None:
    product.settings |= {
        "STREAM_CLOCK": "wall",
        "STREAM_IDLE_AFTER": "1s",
        "STREAM_LATENESS": "1s",
    }
    (port,) = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    wait_until(lambda: len(ages(port)) == 4 and max(ages(port)) < 30, 60)  # as long as nothing was read
    now = datetime.now(UTC)
    silent, *others = [key for number in range(99) if partition(key := f"s{number}") == partition("s0")]
    busy = next(key for number in range(99) if partition(key := f"b{number}") != partition("s0"))
    hours, days = now - timedelta(hours=7), now - timedelta(days=40)
    product.send([answer(silent, hours), answer(others[0], days), answer(busy, now)])

    def csat(window_seconds: int) -> dict[str, int]:
        """Start of each window of the tenant -> answers."""
        found = (orjson.loads(value)["data"] for value in topics.latest(product.rollups()).values())
        return {
            one["window_start"]: one["n"]
            for one in found
            if one["metric"] == "csat"
            and one["window_seconds"] == window_seconds
            and set(one["segment"]) == {"tenant"}
        }

    def hour(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:00:00Z")

    # Seven hours are too late for the minute, and not for the hour; the other partition's answer is there as well.
    wait_until(
        lambda: (
            csat(3600) == {hour(hours): 1, hour(now): 1} and now.strftime("%Y-%m-%dT%H:%M:00Z") in csat(60)
        ),
        60,
        lambda: f"{csat(3600)} {csat(60)} {worker.output}",
    )
    assert hours.strftime("%Y-%m-%dT%H:%M:00Z") not in csat(60)
    worker.wait_for("events.too_late")
    wait_until(lambda: any("windows_too_late_total" in name for name in scrape(port)), 30)
    # Forty days are too late for all of them. Both are counted, by metric, and by window where some still took it.
    counted = {name for name in scrape(port) if "too_late_total" in name and 'metric="csat"' in name}
    assert f'contact_centre_stream_too_late_total{{metric="csat",partition="{partition(silent)}"}}' in counted
    by_window = {name for name in counted if "windows_too_late" in name}
    assert len(counted - by_window) == 1
    assert by_window
    assert all('window="1m"' in name for name in by_window), by_window
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answered:
        (note,) = orjson.loads(answered.read())["notes"]
    assert note.startswith("measures came too late for every window since this worker started: csat 1, "), (
        note
    )
    assert age(port) < 30, "what is late holds back no watermark"
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
