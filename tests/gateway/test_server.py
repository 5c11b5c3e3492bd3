"""The gateway's port from a platform's side, over real sockets."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from stream.gateway.files import Line
from stream.gateway.server import Bounds, Gateway, NotTakenError, TooLargeError
from stream.gateway.webhook import Door
from tests.gateway.signing import OTHER_SECRET, SECRET, signed
from tests.gateway.test_webhook import BODY, event
from tests.support.process import wait_until

BOUNDS = Bounds(body_bytes=20_000, request_seconds=1.0, connections=20)


class Running:
    """A gateway on an event loop of its own, and the brokers' side of it."""

    def __init__(self) -> None:
        self.taken: list[Line] = []
        self.broken = ""
        self.most = 10_000
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.gateway = Gateway(Door([SECRET]), self, BOUNDS)
        asyncio.run_coroutine_threadsafe(self.gateway.start("127.0.0.1", 0), self._loop).result(10)

    async def send(self, lines: Sequence[Line]) -> None:
        if self.broken:
            raise NotTakenError(self.broken)
        if any(len(line.value) > self.most for line in lines):
            raise TooLargeError("too large for these brokers")
        self.taken.extend(lines)

    async def trouble(self) -> str:
        return self.broken

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.gateway.stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
        status, _, answer = self.ask("/events", "POST", body, signed(body) if headers is None else headers)
        return status, json.loads(answer)["outcome"]

    def counted(self, outcome: str) -> float:
        return (
            self.gateway.registry.get_sample_value(
                "contact_centre_gateway_requests_total", {"outcome": outcome}
            )
            or 0.0
        )


@pytest.fixture
def running() -> Iterator[Running]:
    started = Running()
    yield started
    started.close()


def test_a_signed_body_is_with_the_brokers_when_it_is_answered(running: Running) -> None:
    both = json.dumps([event(1), event(2)]).encode()
    assert running.post(both) == (202, "accepted")
    assert [line.key for line in running.taken] == [b"t-1", b"t-2"]
    text = running.ask("/metrics")[2].decode()
    assert 'contact_centre_gateway_requests_total{outcome="accepted"} 1.0' in text
    assert 'contact_centre_gateway_events_total{topic="tickets"} 2.0' in text


def test_a_wrong_signature_an_old_one_and_none_are_refused_and_counted(running: Running) -> None:
    for headers in (signed(BODY, secret=OTHER_SECRET), signed(BODY, age_seconds=400), {}):
        assert running.post(BODY, headers) == (401, "unsigned")
    assert running.counted("unsigned") == 3
    assert running.taken == []


def test_a_webhook_that_comes_again_is_answered_and_not_sent_again(running: Running) -> None:
    headers = signed(BODY)
    assert running.post(BODY, headers) == (202, "accepted")
    assert running.post(BODY, headers) == (200, "repeated")
    assert running.post(BODY, signed(BODY, age_seconds=10)) == (200, "repeated")
    assert len(running.taken) == 1
    assert running.counted("repeated") == 2


def test_what_the_brokers_did_not_take_is_asked_for_again(running: Running) -> None:
    running.broken = "the brokers have not answered"
    status, headers, _ = running.ask("/events", "POST", BODY, signed(BODY))
    assert (status, headers["retry-after"]) == (503, "5")
    status, _, body = running.ask("/readyz")
    assert (status, json.loads(body)["reasons"]) == (503, ["the brokers have not answered"])
    running.broken = ""
    assert running.ask("/readyz")[0] == 200, "ready again though nobody has sent anything"
    assert running.post(BODY) == (202, "accepted")


def test_what_the_brokers_will_never_take_is_not_asked_for_again(running: Running) -> None:
    body = json.dumps(event(note="x" * running.most)).encode()
    assert running.post(body) == (413, "too_large")
    assert running.ask("/readyz")[0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"nonsense\r\n\r\n",
        b"GET /events HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
    ],
    ids=["encoding", "chunks", "line", "headers"],
)
def test_a_broken_request_is_refused_and_counted(running: Running, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", running.gateway.port), timeout=10) as connection:
        connection.sendall(request_)
        assert b" 400 " in _rest(connection).split(b"\r\n")[0]
    wait_until(lambda: running.counted("broken") + running.counted("400") == 1, 10)  # behind the answer
    assert running.post(BODY) == (202, "accepted")


def test_an_oversized_body_is_refused_whether_or_not_it_says_so(running: Running) -> None:
    large = b"[" + b" " * BOUNDS.body_bytes + b"]"
    assert running.post(large) == (413, "too_large")
    status, _, _ = running.ask("/events", "POST", iter([large]), signed(large))  # in chunks
    assert status == 413
    assert running.counted("too_large") == 2


def test_events_that_are_not_ours_are_refused_as_a_whole(running: Running) -> None:
    assert running.post(json.dumps([event(), {}]).encode()) == (422, "unroutable")
    assert running.post(b"{") == (400, "no_json")
    assert running.post(BODY, signed(BODY) | {"content-type": "text/plain"}) == (415, "content_type")
    assert running.taken == []


def test_other_paths_and_methods_are_refused(running: Running) -> None:
    assert running.ask("/events")[0] == 405
    assert running.ask("/", "POST", BODY, signed(BODY))[0] == 404
    wait_until(lambda: (running.counted("405"), running.counted("404")) == (1, 1), 10)  # behind the answer
    assert running.ask("/healthz")[0] == 200


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /ev",
        b"POST /events HTTP/1.1\r\nHost: x\r\n",
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ],
    ids=["nothing", "line", "headers", "body"],
)
def test_a_slow_client_is_sent_away_and_hurts_nobody(running: Running, beginning: bytes) -> None:
    with socket.create_connection(("127.0.0.1", running.gateway.port), timeout=10) as slow:
        slow.sendall(beginning)
        assert running.post(BODY) == (202, "accepted")
        began = time.monotonic()
        answer = _rest(slow)
        assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0]
        assert time.monotonic() - began < 8
    assert running.counted("slow") == beginning.endswith(
        b"{"
    )  # before its headers are there it is no request


def test_connections_are_bounded(running: Running) -> None:
    silent = [
        socket.create_connection(("127.0.0.1", running.gateway.port), timeout=10)
        for _ in range(2 * BOUNDS.connections)
    ]
    try:
        assert running.post(BODY) == (202, "accepted")
        for one in silent:
            assert _rest(one) == b""
    finally:
        for one in silent:
            one.close()
    assert running.counted("busy") >= BOUNDS.connections


def test_a_request_at_work_ends_before_the_gateway_does(running: Running) -> None:
    connection = socket.create_connection(("127.0.0.1", running.gateway.port), timeout=10)
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
    connection.sendall(
        f"POST /events HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(BODY)}\r\n\r\n".encode()
    )
    time.sleep(0.2)
    stopping = threading.Thread(target=running.close)
    connection.sendall(BODY)
    stopping.start()
    assert b" 202 " in connection.recv(1000).split(b"\r\n")[0]
    stopping.join(20)
    connection.close()
    running.close = lambda: None  # type: ignore[method-assign]  # it is closed


def _rest(connection: socket.socket) -> bytes:
    received = b""
    try:
        while part := connection.recv(65_536):
            received += part
    except ConnectionResetError:
        pass
    return received
