"""The demo's course: broker, topics, worker, replay, and the figures on the way. Everything started here is ended here."""

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError
from rich.console import Console, RenderableType
from rich.live import Live

from stream.demo.alerts import follow_alerts
from stream.demo.feed import Feed, Publisher
from stream.demo.figures import GAUGE_WINDOWS, WHOLE, Figures
from stream.demo.screen import Frame, alert_text, clock_text, final_tables, fitting, plain_line, render
from stream.demo.simulation import DAY_MS, DAYS, START_MS
from stream.demo.simulation import TENANT as SIMULATED
from stream.demo.stack import TOPICS, Stack, started
from stream.demo.worker import DemoError
from stream.gateway.helpdesk_csv import TENANT as HELPDESK

END_MS = START_MS + DAYS * DAY_MS
AHEAD_MS = 20 * DAY_MS
"""How far the replay may run ahead of the worker's event clock: a slow machine makes the demo longer, not the steps coarser."""

FRAME_SECONDS = 0.25
LINE_SECONDS = 3.0
STALLED_SECONDS = 60.0
PICTURE_WIDTH = 132
SETTLED_SECONDS = 1.5
"""How long the event clock must stand still after the last event for the figures to be final."""


def play(*, once: bool, as_json: bool, seconds: int, picture: Path | None) -> int:
    """Run it; see :func:`stream.demo.run`."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PICTURE_WIDTH
    interrupted = asyncio.run(_until_interrupted(lambda: _play(console, once, as_json, seconds, picture)))
    if interrupted:
        print("stopped", file=sys.stderr)
    return 1 if interrupted and once else 0


async def _until_interrupted(course: Callable[[], Awaitable[None]]) -> bool:
    """Run to the end, or cancel at SIGINT, SIGTERM or SIGHUP and let the cleaning-up finish; True when interrupted."""
    task = asyncio.ensure_future(course())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def _play(console: Console, once: bool, as_json: bool, seconds: int, picture: Path | None) -> None:
    frame = Frame()
    async with _shown(console, frame, once=once) as show, started() as stack:
        frame.metrics_url = stack.worker.url
        frame.broker = stack.config.brokers[0]
        frame.phase = "replaying"
        show(f"figures: {stack.worker.url}")
        following = asyncio.create_task(follow_alerts(stack.config, TOPICS.alerts, frame.alerts.append))
        try:
            await _replay(stack, frame, None if once else seconds, show, picture)
        except KafkaError as exc:
            raise DemoError(f"the embedded broker failed: {type(exc).__name__}: {exc}") from exc
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError, KafkaError):
                await following
        frame.phase = "done"
        show(None)
    if as_json:
        print(json.dumps(_as_json(frame), indent=2))
    elif once or not console.is_terminal:
        console.print(final_tables(frame))


async def _replay(
    stack: Stack,
    frame: Frame,
    seconds: int | None,
    show: Callable[[str | None], None],
    picture: Path | None,
) -> None:
    """Publish everything, in scaled event time or as fast as the worker goes, and scrape until the figures are final."""
    feed = Feed()
    publisher = Publisher(stack.producer, TOPICS)
    began = moved = time.monotonic()
    while True:
        figures = await stack.worker.figures()
        now = time.monotonic()
        if _advanced(frame, figures, now):
            moved = now
        clock_ms = _clock_ms(figures) or START_MS
        frame.progress = (clock_ms - START_MS) / (END_MS - START_MS)
        if picture is not None and any(figures.firing.values()):
            _save(render(frame), picture)
            picture = None
        show(None)
        if feed.exhausted and figures.events >= feed.handed_out and now - moved >= SETTLED_SECONDS:
            return
        if now - moved >= STALLED_SECONDS:
            raise DemoError(
                f"the worker has stood still for {STALLED_SECONDS:.0f} s at {clock_text(figures)}, "
                f"with {figures.events:,} of {feed.handed_out:,} events applied"
            )
        due_ms = clock_ms + AHEAD_MS
        if seconds is not None:
            due_ms = min(due_ms, START_MS + int((now - began) / seconds * (END_MS - START_MS)))
        while events := feed.until(due_ms):
            await publisher.publish(events)
        await asyncio.sleep(FRAME_SECONDS if seconds is not None or feed.exhausted else 0.05)


def _as_json(frame: Frame) -> dict[str, Any]:
    figures = frame.figures
    return {
        "event_time": clock_text(figures),
        "metrics_url": frame.metrics_url,
        "events": figures.outcomes,
        "figures": {
            tenant: {
                "live": figures.live_as_json(tenant),
                **{
                    "all" if window == WHOLE else window: figures.as_json(tenant, window)
                    for window in GAUGE_WINDOWS
                },
            }
            for tenant in (HELPDESK, SIMULATED)
        },
        "alerts": [alert._asdict() for alert in frame.alerts],
    }


def _save(picture: RenderableType, file: Path) -> None:
    console = Console(record=True, width=PICTURE_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(picture)
    drawn = console.export_svg(title="stream demo")
    file.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))  # no fonts from the web


def _clock_ms(figures: Figures) -> int | None:
    return None if figures.clock_seconds is None else int(figures.clock_seconds * 1000)


def _advanced(frame: Frame, figures: Figures, now: float) -> bool:
    """Put new figures into the frame; True when anything has moved since the last ones."""
    before = frame.figures
    frame.figures = figures
    frame.seen(now, figures.events)
    return (before.events, before.clock_seconds) != (figures.events, figures.clock_seconds)


@contextlib.asynccontextmanager
async def _shown(
    console: Console, frame: Frame, *, once: bool
) -> AsyncIterator[Callable[[str | None], None]]:
    """Gives a function that shows the frame as it is now, or a line of text: on a live screen, in a log, or not at all."""
    if once:
        with Console(stderr=True).status("starting the broker and the worker") as status:
            yield lambda line: status.update(f"replaying: {clock_text(frame.figures)}")
    elif console.is_terminal:
        with Live(fitting(console, frame), console=console, auto_refresh=False) as live:
            yield lambda line: live.update(fitting(console, frame), refresh=True)
    else:
        last = -LINE_SECONDS
        alerts = 0

        def show(line: str | None) -> None:
            nonlocal last, alerts
            if line is not None:
                print(line, flush=True)
            for alert in frame.alerts[alerts:]:
                print(alert_text(alert).plain, flush=True)
            alerts = len(frame.alerts)
            if time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                print(plain_line(frame), flush=True)

        yield show
