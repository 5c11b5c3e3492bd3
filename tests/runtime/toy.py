"""Two toy stages that count, on purpose not idempotent: any record lost or applied twice shows in the figures.

``python -m tests.runtime.toy JSON`` is a worker process of them.
"""

import asyncio
import json
import os
import signal
import sys
import zlib
from collections.abc import Mapping, Sequence

from stream.core.record import Flush, Output, Record, Shard
from stream.runtime.config import RuntimeConfig
from stream.runtime.stage import StageSpec
from stream.runtime.worker import EXIT_FAILED, Pipeline, serve

META = b"\0meta"


class CountShard:
    """Counts the records of each key and passes the increments on."""

    def __init__(self, app: str, deltas: str, delta_partitions: int, number: int) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.rows_missing = 0
        self.positions: dict[str, int] = {}
        self._deltas = deltas
        self._delta_partitions = delta_partitions
        self._number = number
        self._more: dict[bytes, int] = {}
        self._moved = False

    def ready(self) -> None:
        if META in self.rows:
            self.positions = json.loads(self.rows.pop(META))

    def apply(self, topic: str, records: Sequence[Record], end: int, now_ms: int) -> None:
        for record in records:
            key = record.key or b""
            if record.value == b"boom":
                raise ValueError("boom")
            self._more[key] = self._more.get(key, 0) + 1
        self.positions[topic] = end
        self._moved = True

    def tick(self, now_ms: int, at_end: Mapping[str, bool]) -> None:
        pass

    def close_input(self) -> None:
        self._moved = True

    def changed(self) -> bool:
        return self._moved

    def flush(self, now_ms: int) -> Flush:
        rows: list[tuple[bytes, bytes | None]] = []
        outputs: list[Output] = []
        for key, more in self._more.items():
            self.rows[key] = b"%d" % (int(self.rows.get(key, b"0")) + more)
            rows.append((key, self.rows[key]))
            outputs.append(
                Output(
                    self._deltas,
                    zlib.crc32(key) % self._delta_partitions,
                    key,
                    b"%d" % more,
                    [("from", b"%d" % self._number)],
                )
            )
        self._more = {}
        self._moved = False
        rows.append((META, json.dumps(self.positions).encode()))
        return Flush(rows, outputs)


class SumShard:
    """Adds increments up and publishes each key's total."""

    def __init__(self, totals: str) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.rows_missing = 0
        self.positions: dict[str, int] = {}
        self._totals = totals
        self._dirty: set[bytes] = set()
        self._moved = False

    def ready(self) -> None:
        if META in self.rows:
            self.positions = json.loads(self.rows.pop(META))

    def apply(self, topic: str, records: Sequence[Record], end: int, now_ms: int) -> None:
        for record in records:
            key = record.key or b""
            self.rows[key] = b"%d" % (int(self.rows.get(key, b"0")) + int(record.value or b"0"))
            self._dirty.add(key)
        self.positions[topic] = end
        self._moved = True

    def tick(self, now_ms: int, at_end: Mapping[str, bool]) -> None:
        pass

    def close_input(self) -> None:
        pass

    def changed(self) -> bool:
        return self._moved

    def flush(self, now_ms: int) -> Flush:
        rows: list[tuple[bytes, bytes | None]] = [(key, self.rows[key]) for key in self._dirty]
        outputs = [Output(self._totals, None, key, self.rows[key], []) for key in self._dirty]
        self._dirty = set()
        self._moved = False
        rows.append((META, json.dumps(self.positions).encode()))
        return Flush(rows, outputs)


def toy_pipeline(app: str, partitions: int, delta_partitions: int, commit_ms: int = 300) -> Pipeline:
    """Stage ``count`` over topics ``<app>.a`` and ``<app>.b``, stage ``sum`` over ``<app>-deltas``."""
    deltas = f"{app}-deltas"

    def count(number: int) -> Shard:
        return CountShard(app, deltas, delta_partitions, number)

    def total(number: int) -> Shard:
        return SumShard(f"{app}.totals")

    return Pipeline(
        [
            StageSpec(
                "count",
                (f"{app}.a", f"{app}.b"),
                f"{app}-count-changelog",
                partitions,
                count,
                commit_ms,
                lambda _: None,
                feeds=True,
            ),
            StageSpec("sum", (deltas,), f"{app}-sum-changelog", delta_partitions, total, 100, lambda _: None),
        ],
        first_topics=(deltas,),
    )


class Fault:
    """Ends or stops this process the ``count``-th time that a commit of ``stage`` reaches ``step``."""

    def __init__(self, stage: str, step: str, count: int, number: int) -> None:
        self.stage = stage
        self.step = step
        self.left = count
        self.number = number

    def __call__(self, part: str, step: str) -> None:
        if part.rsplit("-", 1)[0] == self.stage and step == self.step:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)


def main(options: dict[str, object]) -> int:
    app = str(options["app"])
    fault = options.get("fault")
    config = RuntimeConfig(
        brokers=tuple(options["brokers"]),  # type: ignore[arg-type]
        app_id=app,
        session_timeout_ms=int(options.get("session_ms", 2000)),  # type: ignore[call-overload]
        heartbeat_ms=300,
        rebalance_timeout_ms=6000,
        allow_volatile=bool(options.get("volatile")),
        instance_id=str(options.get("instance_id", "")),
    )

    async def run() -> None:
        await serve(
            config,
            toy_pipeline(app, int(options["partitions"]), int(options["delta_partitions"])),  # type: ignore[call-overload]
            draining=bool(options.get("drain")),
            fault=Fault(*fault) if fault else lambda _part, _step: None,  # type: ignore[misc]
        )

    try:
        asyncio.run(run())
    except Exception as exc:
        sys.stderr.write(f"error: {exc!r}\n")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(main(json.loads(sys.argv[1])))
