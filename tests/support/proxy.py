"""A TCP proxy that can stop forwarding, as a network does that was cut: connections stay open and nothing arrives. Or only slowly."""

import contextlib
import selectors
import socket
import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

CHUNK = 1 << 16


class Proxy(AbstractContextManager["Proxy"]):
    """Forwards ``port`` of 127.0.0.1 to ``target_port`` while it is entered and not cut."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self.delay_seconds = 0.0
        """How long everything that is forwarded waits, in either direction."""
        self._target_port = target_port
        self._flowing = threading.Event()
        self._flowing.set()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", port))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._flowing.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut(self) -> None:
        """From here on nothing is forwarded; what is sent waits."""
        self._flowing.clear()

    def mend(self) -> None:
        """Forward again, what waited first."""
        self._flowing.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._ended:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flowing.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target_port))
        except OSError:
            client.close()
            return
        self._sockets.append(server)
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._ended:
                for key, _ in selector.select(0.5):
                    source: socket.socket = key.fileobj  # type: ignore[assignment]  # what was registered
                    data = source.recv(CHUNK)
                    self._flowing.wait()
                    time.sleep(self.delay_seconds)
                    if not data:
                        raise ConnectionResetError
                    key.data.sendall(data)
        client.close()
        server.close()
