"""The HTTP port from a client's side, over real sockets."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from stream.web.health import Readiness
from stream.web.refusals import Refusals
from stream.web.server import THREADS, WAITING, PortError, Rendered, Server, start

REQUEST_SECONDS = 1.0


class Worker:
    """What the server is given: settable answers."""

    def __init__(self) -> None:
        self.readiness = Readiness(ready=True)
        self.asked: list[tuple[str, str]] = []
        self.body = b"up 1\n"
        self.broken = False
        self.refusals = Refusals()

    def render(self, accept: str, encodings: str) -> Rendered:
        self.asked.append((accept, encodings))
        if self.broken:
            raise RuntimeError("broken")
        return Rendered("text/plain", None, self.body)

    def health(self) -> Readiness:
        return self.readiness


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def server(worker: Worker) -> Iterator[Server]:
    running = start(
        "127.0.0.1",
        0,
        worker.render,
        worker.health,
        refusals=worker.refusals,
        request_seconds=REQUEST_SECONDS,
    )
    yield running
    running.stop()


def ask(server: Server, path: str, method: str = "GET", **more: object) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request(method, path, **more)  # type: ignore[arg-type]  # body and headers as given
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def raw(server: Server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received


def test_a_free_port_is_taken_and_told(server: Server) -> None:
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert ask(server, "/healthz")[0] == 200


def test_a_taken_port_is_refused_by_name(server: Server, worker: Worker) -> None:
    with pytest.raises(PortError, match="STREAM_HTTP_PORT"):
        start("127.0.0.1", server.port, worker.render, worker.health)


def test_a_stopped_server_frees_its_port(worker: Worker) -> None:
    first = start("127.0.0.1", 0, worker.render, worker.health)
    first.stop()
    first.stop()
    second = start("127.0.0.1", first.port, worker.render, worker.health)
    second.stop()


def test_metrics_get_the_headers_of_the_request(server: Server, worker: Worker) -> None:
    headers = {"Accept": "text/plain", "Accept-Encoding": "gzip"}
    status, answer, body = ask(server, "/metrics?name[]=x", headers=headers)
    assert (status, body, answer["content-type"]) == (200, b"up 1\n", "text/plain")
    assert answer["connection"] == "close"
    assert worker.asked == [("text/plain", "gzip")]


def test_a_failing_render_is_a_500_without_details(server: Server, worker: Worker) -> None:
    worker.broken = True
    status, _, body = ask(server, "/metrics")
    assert status == 500
    assert b"RuntimeError" not in body
    worker.broken = False
    assert ask(server, "/metrics")[0] == 200


def test_readiness_says_why_not(server: Server, worker: Worker) -> None:
    worker.readiness = Readiness(
        ready=False,
        reasons=["recovering: 10 of 200 rows"],
        recovery={"rows": 10, "expected": 200},
        notes=["volatile broker: weaker guarantees"],
    )
    status, headers, body = ask(server, "/readyz")
    assert status == 503
    assert headers["content-type"].startswith("application/json")
    assert headers["cache-control"] == "no-store"
    assert json.loads(body) == {
        "ready": False,
        "reasons": ["recovering: 10 of 200 rows"],
        "recovery": {"rows": 10, "expected": 200},
        "notes": ["volatile broker: weaker guarantees"],
    }
    assert ask(server, "/healthz")[0] == 200  # alive all the same
    worker.readiness = Readiness(ready=True, notes=["volatile broker: weaker guarantees"])
    status, _, body = ask(server, "/readyz")
    assert status == 200
    assert json.loads(body)["notes"] == ["volatile broker: weaker guarantees"]


def test_a_status_that_cannot_be_read_is_not_ready(worker: Worker) -> None:
    def broken() -> Readiness:
        raise KeyError("partition")

    server = start("127.0.0.1", 0, worker.render, broken)
    try:
        status, _, body = ask(server, "/readyz")
    finally:
        server.stop()
    assert status == 503
    assert "KeyError" in json.loads(body)["reasons"][0]


def test_unknown_paths_and_methods(server: Server, worker: Worker) -> None:
    assert ask(server, "/")[0] == 404
    assert ask(server, "/metrics/../etc/passwd")[0] == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        status, headers, _ = ask(server, "/metrics", method)
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert worker.refusals.counts() == {"404": 2, "405": 6}


def test_head_has_the_length_and_no_body(server: Server) -> None:
    status, headers, body = ask(server, "/metrics", "HEAD")
    assert (status, headers["content-length"], body) == (200, "5", b"")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_is_refused(server: Server, worker: Worker, method: str) -> None:
    assert ask(server, "/metrics", method, body=b"x" * 3_000_000)[0] == 413
    assert ask(server, "/metrics", method, headers={"Content-Length": "-1"})[0] == 400
    assert (
        ask(server, "/metrics", method, headers={"Transfer-Encoding": "chunked"}, body=b"0\r\n\r\n")[0] == 400
    )
    assert worker.refusals.counts() == {"400": 2, "413": 1}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        bytes(range(256)) + b"\r\n\r\n",
    ],
)
def test_garbage_gets_an_error_and_the_server_lives(server: Server, request_bytes: bytes) -> None:
    try:
        answer = raw(server, request_bytes)
    except ConnectionResetError:
        answer = b""
    assert not answer.startswith(b"HTTP/1.1 200")
    assert b"<html" not in answer.lower()
    assert ask(server, "/healthz")[0] == 200


def test_a_client_that_drips_is_cut_off(server: Server, worker: Worker) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n")
        closed = False
        while not closed and time.monotonic() - began < 10 * REQUEST_SECONDS:
            time.sleep(REQUEST_SECONDS / 10)
            try:
                connection.sendall(b"X")
                connection.settimeout(0.01)
                closed = connection.recv(100) == b""
            except TimeoutError:
                pass
            except OSError:
                closed = True
        assert closed
    assert time.monotonic() - began < 5 * REQUEST_SECONDS
    assert worker.refusals.counts() == {"slow": 1}


def test_many_slow_clients_only_delay_the_others(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(20)]
    try:
        assert ask(server, "/healthz")[0] == 200
    finally:
        for connection in slow:
            connection.close()


def test_more_connections_than_can_wait_are_closed_at_once_and_nothing_grows(
    server: Server, worker: Worker
) -> None:
    threads = threading.active_count()
    flood = [
        socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(THREADS + WAITING + 80)
    ]
    try:
        deadline = time.monotonic() + REQUEST_SECONDS
        closed = 0
        while time.monotonic() < deadline and closed < 40:  # the kernel keeps some that were not accepted yet
            closed = sum(_is_closed(connection) for connection in flood)
        assert closed >= 40
        assert worker.refusals.counts()["busy"] >= 40
        assert threading.active_count() <= threads
    finally:
        for connection in flood:
            connection.close()
    assert ask(server, "/healthz")[0] == 200


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.001)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_client_that_does_not_read_is_cut_off(server: Server, worker: Worker) -> None:
    worker.body = b"x" * 50_000_000
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        time.sleep(3 * REQUEST_SECONDS)
        received = 0
        try:
            while part := connection.recv(1_000_000):
                received += len(part)
        except ConnectionResetError:
            pass
    assert received < len(worker.body)
    assert time.monotonic() - began < 20 * REQUEST_SECONDS


def test_the_number_of_threads_is_bounded(server: Server) -> None:
    before = threading.active_count()
    for _ in range(50):
        ask(server, "/healthz")
    assert threading.active_count() <= before
