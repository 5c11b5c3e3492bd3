"""The gateway's HTTP port: ``POST /events`` takes signed bodies, ``/metrics`` counts them, ``/healthz`` and ``/readyz`` answer probes.

A body is answered with 202 when the brokers have all of its events, and not before: whoever gets anything else sends it again, and
events that come twice change no figure.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http_exceptions import BadHttpMessage, PayloadEncodingError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest

from stream.gateway.files import Line
from stream.gateway.webhook import Door, Refused, lines_of

log = structlog.get_logger(__name__)

SHUTDOWN_SECONDS: Final = 10.0
"""How long requests at work may take when the gateway is told to stop."""

LINGER_SECONDS: Final = 1.0
"""How long the rest of a refused body is read: closing on unread bytes resets the connection before the answer is read."""

LOOK_SECONDS: Final = 0.5

OF_ITS_OWN: Final = frozenset(("/metrics", "/healthz", "/readyz"))
"""Paths of which no answer is a refusal."""

_COUNTED: Final = web.ResponseKey("counted", bool)


class NotTakenError(Exception):
    """The brokers did not take the events, or not surely; the message says why."""


class TooLargeError(Exception):
    """The brokers will never take one of the events."""


class Brokers(Protocol):
    """What is behind the gateway."""

    async def send(self, lines: Sequence[Line]) -> None:
        """Return when they have all of them; raises NotTakenError, TooLargeError."""

    async def trouble(self) -> str:
        """Why they would take nothing now, empty if they would; soon, whatever they do."""


class Bounds(NamedTuple):
    """What one client may take of the gateway."""

    body_bytes: int = 2**20
    request_seconds: float = 10.0
    """For its headers, and again for its body; also how long a connection may be idle (the library's keep-alive covers both)."""
    connections: int = 100
    """Together they may make it hold so many bodies in memory: whether a body is signed is known when all of it is there."""


class Gateway:
    """A running gateway; ``port`` is the one that was bound, also when 0 was asked for."""

    def __init__(self, door: Door, brokers: Brokers, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - immutable
        self._door = door
        self._brokers = brokers
        self._bounds = bounds
        self._busy: set[Any] = set()
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "contact_centre_gateway_requests",
            "Bodies by what became of them: accepted, repeated, or why they were refused.",
            ["outcome"],
            registry=self.registry,
        )
        self._events = Counter(
            "contact_centre_gateway_events",
            "Events that the brokers have, by topic.",
            ["topic"],
            registry=self.registry,
        )
        self.port = -1

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError where that address cannot be bound."""
        app = web.Application(client_max_size=self._bounds.body_bytes)
        app.on_response_prepare.append(_named)
        app.router.add_post("/events", self._take)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthy)
        app.router.add_get("/readyz", self._ready)
        self._runner = web.AppRunner(
            app,
            access_log_class=_accounting(self._requests),
            handle_signals=False,
            keepalive_timeout=self._bounds.request_seconds,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self._watch = asyncio.create_task(self._bound())
        log.info("gateway.listening", host=host, port=self.port)

    async def stop(self) -> None:
        """Take no more, let the requests at work end."""
        self._watch.cancel()
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self._busy.add(request.protocol)
        try:
            return await self._judged(request)
        finally:
            self._busy.discard(request.protocol)

    async def _judged(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._bounds.request_seconds):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            limit = f"the body is larger than {self._bounds.body_bytes} bytes"
            return self._refuse(Refused(413, "too_large", limit))
        except TimeoutError:
            return self._refuse(Refused(408, "slow", "the body took too long"))
        except (ConnectionError, BadHttpMessage, web.RequestPayloadError, PayloadEncodingError):
            return self._refuse(
                Refused(400, "broken", "the body ends too early, or is not encoded as it says")
            )
        refused = self._door.signed(request.headers, body)
        if refused is not None:
            return self._refuse(refused)
        if self._door.repeated(request.headers, body):
            return self._answer(200, "repeated", "taken before")
        lines = lines_of(request.content_type, body)
        if isinstance(lines, Refused):
            return self._refuse(lines)
        try:
            await self._brokers.send(lines)
        except TooLargeError as exc:
            return self._refuse(Refused(413, "too_large", str(exc)))
        except NotTakenError as exc:
            log.warning("gateway.not_taken", events=len(lines), reason=str(exc))
            return self._answer(503, "not_taken", "the brokers did not take it: send it again", retry=True)
        self._door.remember(request.headers, body)
        for line in lines:
            self._events.labels(line.topic).inc()
        return self._answer(202, "accepted", f"{len(lines)} events")

    def _refuse(self, refused: Refused) -> web.Response:
        return self._answer(refused.status, refused.outcome, refused.text)

    def _answer(self, status: int, outcome: str, text: str, *, retry: bool = False) -> web.Response:
        self._requests.labels(outcome).inc()
        answer = web.json_response({"outcome": outcome, "text": text}, status=status)
        answer[_COUNTED] = True
        if retry:
            answer.headers["Retry-After"] = "5"
        if status in {408, 413}:
            answer.force_close()
        return answer

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        trouble = await self._brokers.trouble()
        reasons = [trouble] if trouble else []
        return web.json_response({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)

    async def _bound(self) -> None:
        """End the oldest of the connections that are asking for nothing when there are too many; the library has no bound of its own."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            server = self._runner.server
            open_now = [] if server is None else server.connections
            quiet = [connection for connection in open_now if connection not in self._busy]
            for connection in quiet[: max(0, len(open_now) - self._bounds.connections)]:
                if connection.transport is not None:
                    self._requests.labels("busy").inc()
                    connection.transport.abort()


def _accounting(requests: Counter) -> type[AbstractAccessLogger]:
    """Counts by its status what is refused before any handler of ours sees it: other paths, broken requests, failures."""

    class Accounting(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            if response.status >= 400 and request.path not in OF_ITS_OWN and not response.get(_COUNTED):
                requests.labels(str(response.status)).inc()

    return Accounting


async def _named(_: web.Request, answer: web.StreamResponse) -> None:
    """Who asks need not know what this runs on."""
    answer.headers["Server"] = "stream"
    answer.headers["X-Content-Type-Options"] = "nosniff"
