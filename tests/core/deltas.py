"""Deltas as the tickets stage would write them, and a windows shard that is fed with them, for tests of the windows stage."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stream.core.config import DAY_MS, MINUTE_MS, CoreConfig
from stream.core.delta import DeltaBatch, encode_delta
from stream.core.record import Flush, Output, SourceRecord
from stream.metrics import BY_NAME
from tests.support.core import new_windows

DAY = 20_000
T0 = DAY * 1440
"""A midnight in 2024, in minutes."""
T0_MS = T0 * MINUTE_MS
NOW_MS = T0_MS + 900 * DAY_MS
"""A processing time far from every event: nothing may depend on it."""

ALL = "tenant=acme"
BILLING = "team=billing&tenant=acme"

GOOD = BY_NAME["csat"].slot(16)
BAD = BY_NAME["csat"].slot(17)
OPEN = BY_NAME["live"].slot(16)
UNANSWERED = BY_NAME["live"].slot(17)

Minutes = dict[int, dict[int, int]]


class Delta(NamedTuple):
    """One commit of one source partition; ``watermark`` in minutes."""

    source: int
    watermark: int
    segments: Mapping[str, Minutes]
    idle: bool = False
    closed: bool = False


def config(**changes: Any) -> CoreConfig:
    """One source partition, event clock."""
    return msgspec.structs.replace(CoreConfig(source_partitions=1, clock="event"), **changes)


class Feed:
    """A windows shard with the outputs and the changelog that came of it."""

    def __init__(self, core: CoreConfig) -> None:
        self.config = core
        self.shard = new_windows(core, 0)
        self.shard.ready()
        self.offset = 0
        self.outputs: list[Output] = []
        self.changelog: dict[bytes, bytes] = {}
        self.now_ms = NOW_MS
        self.step_ms = 200

    def apply(self, *deltas: Delta, generation: int = 1) -> None:
        records = []
        for delta in deltas:
            batch = DeltaBatch(
                generation,
                delta.source,
                self.config.source_partitions,
                delta.watermark * MINUTE_MS if delta.watermark >= 0 else -1,
                delta.idle,
                delta.closed,
                -1,
                {
                    segment: {
                        minute: [number for pair in tally.items() for number in pair]
                        for minute, tally in minutes.items()
                    }
                    for segment, minutes in delta.segments.items()
                },
            )
            records.append(SourceRecord("deltas", 0, self.offset, 0, None, encode_delta(batch)))
            self.offset += 1
        self.shard.apply("deltas", records, self.offset, self.now_ms)

    def flush(self) -> Flush:
        self.now_ms += self.step_ms
        flush = self.shard.flush(self.now_ms)
        self.outputs += flush.outputs
        for key, value in flush.rows:
            if value is None:
                assert key in self.changelog, "a tombstone for a row that was never written"
                del self.changelog[key]
            else:
                self.changelog[key] = value
        assert self.shard.rows == self.changelog
        return flush

    def give(self, *deltas: Delta) -> list[dict[str, Any]]:
        """Apply and flush; the rollups that came of it."""
        self.apply(*deltas)
        return rollups(self.flush().outputs)

    def close(self) -> list[dict[str, Any]]:
        return self.give(
            *(Delta(source, -1, {}, closed=True) for source in range(self.config.source_partitions))
        )

    def restart(self) -> None:
        """A new process: everything from the changelog."""
        self.shard = new_windows(self.config, 0)
        self.shard.rows = dict(self.changelog)
        self.shard.ready()


def rollups(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """Data of the rollups among the outputs, with their key."""
    return [
        {**json.loads(output.value)["data"], "key": (output.key or b"").decode()}
        for output in outputs
        if output.value is not None and output.topic.endswith("rollups")
    ]


def alerts(outputs: Iterable[Output]) -> list[dict[str, Any]]:
    """Data of the alerts among the outputs."""
    return [
        json.loads(output.value)["data"]
        for output in outputs
        if output.value is not None and output.topic.endswith("alerts")
    ]


def answers(good: int, bad: int) -> dict[int, int]:
    """A tally of CSAT answers."""
    return {slot: amount for slot, amount in ((GOOD, good), (BAD, bad)) if amount}


def last_by_key(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a reader of the compacted topic ends with, without what may differ between runs."""
    varying = ("revision", "watermark", "emitted_at", "status")
    return {one["key"]: {name: value for name, value in one.items() if name not in varying} for one in found}
