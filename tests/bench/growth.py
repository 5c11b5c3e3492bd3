"""``python -m tests.bench.growth``: what an event costs as the state, the partitions and the workers get more.

CPU seconds per million events of the benchmark's day, everything on, results checked as in ``python -m tests.bench``. Where rows are
there before the first event, what it takes to load them (the same worker once more, with nothing to do) is not among the cost.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.__main__ import EVERYTHING, Bench
from tests.bench.recovery import preload
from tests.support.kafka import Kafka

ROWS = (10_000, 100_000, 1_000_000, 3_000_000)
PARTITIONS = (1, 4, 16, 64)
WORKERS = (1, 2)


def main(arguments: Sequence[str]) -> int:
    """Print a line per case, and each cost as a multiple of the first of its kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--tickets", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS, help="tickets in the state before")
    parser.add_argument("--partitions", type=int, nargs="*", default=PARTITIONS, help="of each source topic")
    parser.add_argument("--workers", type=int, nargs="*", default=WORKERS)
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="growth-") as temporary:
        folder = Path(temporary)
        with Kafka(lasting=True) as kafka:
            day = Bench(kafka, folder, "day", chosen.tickets).publish()
            costs: dict[int, list[float]] = {count: [] for count in chosen.workers}
            for _ in range(chosen.rounds):
                for count in chosen.workers:
                    costs[count].append(day.product(EVERYTHING, count).cpu_seconds)
            _tell(day, "workers", costs)
            _tell(
                day,
                "rows before",
                {count: [_on_top_of(kafka, folder, chosen.tickets, count)] for count in chosen.rows},
            )
        with Kafka(lasting=True) as kafka:
            days = {
                number: Bench(kafka, folder, "day", chosen.tickets, partitions=number).publish()
                for number in chosen.partitions
            }
            costs = {number: [] for number in days}
            for _ in range(chosen.rounds):
                for number, day in days.items():
                    costs[number].append(day.product(EVERYTHING).cpu_seconds)
            _tell(day, "partitions", costs)
    return 0


def _on_top_of(kafka: Kafka, folder: Path, tickets: int, rows: int) -> float:
    """CPU seconds of all events on top of so many rows."""
    day = Bench(kafka, folder, "day", tickets, name=f"-on-{rows}")
    env = day.env(1)
    day.drain(env)  # makes the internal topics
    preload(kafka, rows, env)
    loading = day.drain(env)
    day.publish()
    everything = day.drain(env)
    day.check(env["STREAM_APP_ID"])
    return everything.cpu_seconds - loading.cpu_seconds


def _tell(day: Bench, what: str, costs: dict[int, list[float]]) -> None:
    first = 0.0
    for number, seconds in costs.items():
        millions = [one / day.events * 1e6 for one in seconds]
        first = first or median(millions)
        print(
            f"{what} {number:,}: {median(millions):.1f} CPU s per million ({min(millions):.1f}-{max(millions):.1f}), "
            f"{median(millions) / first:.2f} times the first",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
