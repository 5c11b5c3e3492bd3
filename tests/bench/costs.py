"""``python -m tests.bench.costs``: what each further metric and each further grouping set costs, in one process and without Kafka.

CPU microseconds per event of the benchmark's day, all stages of the core together, beside those of the smallest worker that there is:
one metric, figures per tenant only. Interleaved rounds, medians.
"""

import argparse
import gc
import sys
from collections.abc import Sequence
from statistics import median

from stream.core.config import DEFAULT_METRICS, CoreConfig
from stream.settings import load
from tests.bench.job import generate
from tests.bench.stages import RAW, one_round

TICKETS = 4_000
ROUNDS = 3
FIRST = "csat"
GROUPINGS = ("all", "team", "channel", "team+channel", "queue")


def core_of(metrics: Sequence[str], groupings: Sequence[str]) -> CoreConfig:
    """Settings of one case."""
    chosen = {"STREAM_METRICS": ",".join(metrics), "STREAM_GROUPINGS": ";".join(groupings)}
    return load({"STREAM_CLOCK": "event", "STREAM_PARTITIONS": "4", **chosen}).core()


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.costs", description=__doc__)
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args(arguments)
    cases = {f"{FIRST}, per tenant": core_of([FIRST], ["all"])}
    cases |= {f"and {name}": core_of([FIRST, name], ["all"]) for name in DEFAULT_METRICS if name != FIRST}
    cases |= {f"and per {name}": core_of([FIRST], ["all", name]) for name in GROUPINGS[1:]}
    cases["all default metrics, per tenant"] = core_of(DEFAULT_METRICS, ["all"])
    cases["all default metrics, all default grouping sets"] = core_of(DEFAULT_METRICS, GROUPINGS)
    records = generate(chosen.tickets, topics=next(iter(cases.values())).topics).records
    gc.freeze()
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(chosen.rounds):
        for name, core in cases.items():
            seconds = one_round(core, records)
            apart = seconds[RAW] + seconds["decode and check"]  # the stages have it in them once more
            found[name].append((sum(seconds.values()) - apart) / len(records) * 1e6)
    first, *_ = found.values()
    print("| worker | us per event | more than the first |\n|---|---|---|")
    for name, values in found.items():
        print(f"| {name} | {median(values):.1f} | {median(values) - median(first):+.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
