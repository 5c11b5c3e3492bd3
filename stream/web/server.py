"""The worker's HTTP port: ``/metrics``, ``/healthz``, ``/readyz``. Read-only, on threads of its own, off the event loop.

The standard library's server with three bounds that it lacks: a fixed number of threads, a deadline for a whole request (a client
that sends one byte a second would hold a thread for ever), and no request bodies.
"""

import contextlib
import io
import queue
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple

import structlog

from stream.web.health import JSON, Answer, Readiness, liveness, readiness
from stream.web.refusals import BUSY, SLOW, Refusals

log = structlog.get_logger(__name__)

REQUEST_SECONDS = 5.0
"""Deadline for receiving a request, and again for taking the answer."""

DISCARD_SECONDS = 1.0
"""How long a refused request's body is read and thrown away."""

THREADS = 16
WAITING = 64
"""Connections waiting for a thread; beyond that they are closed at once."""


class Rendered(NamedTuple):
    """A rendered exposition."""

    content_type: str
    encoding: str | None
    body: bytes


MetricsRender = Callable[[str, str], Rendered]
"""(Accept, Accept-Encoding) -> the exposition. Called from any of the server's threads."""


class PortError(Exception):
    """The HTTP port cannot be opened."""


class Server:
    """A running HTTP server; ``port`` is the one that was bound, also when 0 was asked for."""

    def __init__(self, http: "_HttpServer") -> None:
        self._http = http
        self.host, self.port = str(http.server_address[0]), int(http.server_address[1])
        self._thread = threading.Thread(target=http.serve_forever, args=(0.1,), name="http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address for people and log lines; a wildcard address is shown as localhost."""
        host = "localhost" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def stop(self) -> None:
        """Stop accepting, close the port, let running answers end. Safe to call twice."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def start(
    host: str,
    port: int,
    metrics_render: MetricsRender,
    health: Callable[[], Readiness],
    *,
    refusals: Refusals | None = None,
    request_seconds: float = REQUEST_SECONDS,
) -> Server:
    """Bind and serve. Port 0 takes a free one; what is not served is counted in ``refusals``.

    Raises PortError when the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        http = _HttpServer(
            (host, port), family, metrics_render, health, refusals or Refusals(), request_seconds
        )
    except (OSError, OverflowError) as exc:
        raise PortError(
            f"cannot listen on {host}:{port} ({exc}); set STREAM_HTTP_HOST and STREAM_HTTP_PORT (0 takes a free port)"
        ) from exc
    server = Server(http)
    log.info("http.listening", host=server.host, port=server.port, url=server.url)
    return server


class _HttpServer(HTTPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        family: socket.AddressFamily,
        metrics_render: MetricsRender,
        health: Callable[[], Readiness],
        refusals: Refusals,
        request_seconds: float,
    ) -> None:
        self.address_family = family
        self.metrics_render = metrics_render
        self.health = health
        self.refusals = refusals
        self.request_seconds = request_seconds
        self._waiting: queue.Queue[tuple[socket.socket, Any] | None] = queue.Queue(WAITING)
        super().__init__(address, _Handler)
        for number in range(THREADS):
            threading.Thread(target=self._serve_waiting, name=f"http-{number}", daemon=True).start()

    def server_bind(self) -> None:
        """Bind without the standard library's look-up of the host's name, which can hang where DNS does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            self._waiting.put_nowait((request, client_address))
        except queue.Full:
            self.refusals.count(BUSY)
            self.shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for _ in range(THREADS):
            self._waiting.put(None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is ours."""
        log.exception("http.failed")

    def _serve_waiting(self) -> None:
        while (item := self._waiting.get()) is not None:
            request, client_address = item
            try:
                self.finish_request(request, client_address)
            except OSError:
                pass  # gone
            except Exception:  # one request that fails must not end the thread that serves the next one
                self.handle_error(request, client_address)
            finally:
                self.shutdown_request(request)


class _DeadlineReader(io.RawIOBase):
    """Reads of a socket that together must end by a deadline; raises TimeoutError."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("request took too long")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    protocol_version = "HTTP/1.1"
    server_version = "stream"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection, self.server.request_seconds))

    def handle(self) -> None:
        """One request a connection: an idle kept-alive connection would hold one of the few threads."""
        self.close_connection = True
        self.handle_one_request()

    def do_GET(self) -> None:
        self._answer(self._route())

    do_HEAD = do_GET  # noqa: N815

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # any other method
            return self._refuse_method
        raise AttributeError(name)

    def _refuse_method(self) -> None:
        self._answer(self._body_refused() or _error(405, "only GET and HEAD"), allow=True)

    def _route(self) -> Answer | Rendered:
        refused = self._body_refused()
        if refused is not None:
            return refused
        path = self.path.partition("?")[0]
        if path == "/metrics":
            return self._metrics()
        if path == "/healthz":
            return liveness()
        if path == "/readyz":
            return readiness(self.server.health)
        return _error(404, "there is /metrics, /healthz and /readyz")

    def _metrics(self) -> Answer | Rendered:
        accept, encodings = (
            ",".join(self.headers.get_all(name, [])) for name in ("Accept", "Accept-Encoding")
        )
        try:
            return self.server.metrics_render(accept, encodings)
        except Exception:  # whatever a figure does: the scraper gets its answer, the log the traceback
            log.exception("http.metrics_failed")
            return _error(500, "the figures could not be rendered; see the worker's log")

    def _body_refused(self) -> Answer | None:
        if self.headers.get("Transfer-Encoding") is not None:
            return _error(400, "requests carry no body here")
        length = self.headers.get("Content-Length")
        if length is None:
            return None
        if not (length.isascii() and length.isdigit()):
            return _error(400, "Content-Length is not a number")
        return _error(413, "requests carry no body here") if int(length) > 0 else None

    def _answer(self, answer: Answer | Rendered, *, allow: bool = False) -> None:
        status = answer.status if isinstance(answer, Answer) else 200
        if status >= 400 and status != 503:  # "not ready" is an answer, not a refusal
            self.server.refusals.count(str(status))
        self.send_response(status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.send_header("X-Content-Type-Options", "nosniff")
        if isinstance(answer, Rendered):
            self.send_header("Vary", "Accept, Accept-Encoding")
            if answer.encoding is not None:
                self.send_header("Content-Encoding", answer.encoding)
        else:
            self.send_header("Cache-Control", "no-store")
        if allow:
            self.send_header("Allow", "GET, HEAD")
        self.connection.settimeout(self.server.request_seconds)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)  # sendall: the time-out bounds the whole of it
        if status in {400, 413}:
            self._discard()

    def _discard(self) -> None:
        """Read a refused body for a moment: closing on unread bytes resets the connection before the answer is read."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            rest = _DeadlineReader(self.connection, DISCARD_SECONDS)
            while rest.read(65_536):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refusals of the standard library (bad request line, too many headers) in this server's own form."""
        self.close_connection = True
        self.request_version = "HTTP/1.1"
        self.command = self.command or "GET"
        self._answer(_error(code, message or "bad request"))

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """The standard library's one call of it is for a request that took too long."""
        self.server.refusals.count(SLOW)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Probes and scrapes come every few seconds: they are not logged."""


def _error(status: int, message: str) -> Answer:
    text = "".join(char if char.isprintable() and char not in '"\\' else "?" for char in message)
    return Answer(status, JSON, f'{{"error": "{text}"}}\n'.encode())
