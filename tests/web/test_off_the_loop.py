"""A scrape must not stop the worker: the event loop goes on while a large page is rendered."""

import asyncio
import http.client
import time

from stream.web.exporter import Exporter
from stream.web.health import Readiness
from stream.web.server import start
from tests.web.metrics import METRICS, status
from tests.web.test_exporter import BUILD, many


def scrape(port: int) -> float:
    """Seconds that one scrape takes."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    assert response.status == 200
    response.read()
    connection.close()
    return time.monotonic() - began


async def longest_pause(stop: asyncio.Event) -> float:
    """The longest time that the loop did not come round, in seconds."""
    longest = 0.0
    before = time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(0.001)
        now = time.monotonic()
        longest = max(longest, now - before)
        before = now
    return longest


async def body(segments: int = 4_000) -> tuple[float, float]:
    given = status(many(segments))
    exporter = Exporter(METRICS, lambda: given, BUILD)
    server = start("127.0.0.1", 0, exporter.render, lambda: Readiness(ready=True), request_seconds=60)
    stop = asyncio.Event()
    watching = asyncio.create_task(longest_pause(stop))
    await asyncio.sleep(0.01)
    took = await asyncio.to_thread(scrape, server.port)
    stop.set()
    paused = await watching
    await asyncio.to_thread(server.stop)
    return took, paused


def test_the_event_loop_goes_on_while_a_page_is_rendered() -> None:
    """The best of several: on a busy machine the loop also waits for a processor, which is not the scrape's doing."""
    shares = []
    for _ in range(6):
        took, paused = asyncio.run(body())
        shares.append(paused / took)
        if shares[-1] < 0.5:
            return
    raise AssertionError(f"the loop stood still for these shares of the scrapes: {shares}")
