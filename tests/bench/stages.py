"""``python -m tests.bench.stages``: where the time goes, stage by stage, in one process and without Kafka.

Each figure is CPU time per event, and as a multiple of parsing the same events with orjson in the same round, which is what can be
compared between machines. ``--check`` fails when a stage needs twice its kept multiple; ``--keep`` writes the multiples anew.
"""

import argparse
import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import orjson

from stream.core.config import CoreConfig
from stream.core.decode import Decoder
from stream.core.record import Flush, SourceRecord
from stream.settings import load
from tests.bench.job import generate
from tests.support.core import new_tickets, new_windows

TICKETS = 4_000
ROUNDS = 5
EVENTS_PER_COMMIT = 10_000
KEPT = Path(__file__).with_name("stages.json")
RAW = "parse with orjson (the measure)"
TOO_MUCH = 2.0

Seconds = dict[str, float]


class Clock:
    """Adds up the CPU time between two looks under a stage's name."""

    def __init__(self) -> None:
        self.seconds: Seconds = defaultdict(float)
        self._last = time.process_time()

    def stage(self, name: str) -> None:
        """What ran since the last look belongs to this stage."""
        now = time.process_time()
        self.seconds[name] += now - self._last
        self._last = now

    def skip(self) -> None:
        """What ran since the last look is the benchmark's own."""
        self._last = time.process_time()


def one_round(core: CoreConfig, records: Sequence[SourceRecord]) -> Seconds:
    """CPU seconds of each stage on all records."""
    tickets = [new_tickets(core, number) for number in range(core.source_partitions)]
    windows = [new_windows(core, number) for number in range(core.delta_partitions)]
    for shard in tickets:
        shard.ready()
    for owner in windows:
        owner.ready()
    decode = Decoder(core).decode
    offsets = [0] * len(windows)
    gc.collect()
    clock = Clock()
    for record in records:
        orjson.loads(record.value or b"")
    clock.stage(RAW)
    for record in records:
        decode(record)
    clock.stage("decode and check")
    now_ms = 0
    for batches in _fetches(records):
        now_ms += 1_000
        clock.skip()
        for (topic, number), batch in batches.items():
            tickets[number].apply(topic, batch, batch[-1].offset + 1, now_ms)
        clock.stage("decode, facts and measures")
        flushes = [shard.flush(now_ms) for shard in tickets]
        clock.stage("deltas and ticket rows")
        deltas = _deltas(core, flushes, offsets, now_ms)
        clock.skip()
        for owner, own in zip(windows, deltas, strict=True):
            owner.apply(core.topics.deltas, own, own[-1].offset + 1, now_ms)
        clock.stage("deltas into windows")
        for owner in windows:
            owner.flush(now_ms)
        clock.stage("window rows, rollups, gauges, alerts")
    return clock.seconds


def _fetches(records: Sequence[SourceRecord]) -> Iterator[dict[tuple[str, int], list[SourceRecord]]]:
    for start in range(0, len(records), EVENTS_PER_COMMIT):
        batches: dict[tuple[str, int], list[SourceRecord]] = defaultdict(list)
        for record in records[start : start + EVENTS_PER_COMMIT]:
            batches[record.topic, record.partition].append(record)
        yield batches


def _deltas(
    core: CoreConfig, flushes: Sequence[Flush], offsets: list[int], now_ms: int
) -> list[list[SourceRecord]]:
    found: list[list[SourceRecord]] = [[] for _ in offsets]
    for flush in flushes:
        for output in flush.outputs:
            if output.topic == core.topics.deltas and output.partition is not None:
                number = output.partition
                found[number].append(
                    SourceRecord(output.topic, number, offsets[number], now_ms, None, output.value)
                )
                offsets[number] += 1
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the table; judge or keep it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stages", description=__doc__)
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--check", action="store_true", help="fail when a stage has become twice as slow")
    parser.add_argument("--keep", action="store_true", help="write the multiples anew")
    chosen = parser.parse_args(arguments)
    core = load({"STREAM_CLOCK": "event", "STREAM_PARTITIONS": "4"}).core()
    records = generate(chosen.tickets, topics=core.topics).records
    gc.freeze()
    rounds = [one_round(core, records) for _ in range(ROUNDS)]
    multiples = {name: median(one[name] / one[RAW] for one in rounds) for name in rounds[0]}
    print("| stage | us per event | times parsing |")
    print("|---|---|---|")
    for name, multiple in multiples.items():
        seconds = median(one[name] for one in rounds)
        print(f"| {name} | {seconds / len(records) * 1e6:.2f} | {multiple:.1f} |")
    if chosen.keep:
        KEPT.write_text(json.dumps(multiples, indent=1) + "\n", encoding="ascii")
    if chosen.check:
        kept = json.loads(KEPT.read_text(encoding="ascii"))
        slow = [name for name, multiple in multiples.items() if multiple > TOO_MUCH * kept[name]]
        for name in slow:
            print(f"{name}: {multiples[name]:.1f} times parsing, kept are {kept[name]:.1f}", file=sys.stderr)
        return bool(slow)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
