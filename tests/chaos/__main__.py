"""``python -m tests.chaos``: long runs against real brokers. Exit code 1 when anything did not hold.

Without options a storm of 100 kills. ``--zombies``, ``--deaths``, ``--sabotage``, ``--outages`` and ``--hand-over`` run single cases.
"""

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.chaos import cases, handover, outages
from tests.chaos.cases import CHECKPOINT, Outcome
from tests.chaos.storm import storm
from tests.chaos.trial import EVERY_METRIC
from tests.support.kafka import Kafka
from tests.support.proxy import Proxy

WALL = {"STREAM_CLOCK": "wall"}


def say(text: str) -> None:
    print(text, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="replay a run; a new one is drawn and printed")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--events", type=int, default=None, help="default: 3,000 per kill")
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    parser.add_argument(
        "--every-metric", action="store_true", help="of a storm: all metrics, by two profiles, with calendars"
    )
    parser.add_argument("--wall", action="store_true", help="of a storm: by the wall clock")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--deaths", action="store_true", help="a death at each step of a commit, in each stage"
    )
    modes.add_argument("--zombies", action="store_true", help="frozen and cut-off workers, 54 trials")
    modes.add_argument("--sabotage", choices=tuple(cases.NOTICED), help="must be noticed")
    modes.add_argument("--outages", type=float, metavar="SECONDS", help="brokers away for so long")
    modes.add_argument("--hand-over", action="store_true", help="measure how long partitions stand still")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if chosen.seed is None else chosen.seed
    say(f"seed {seed}")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are meant to be away
    with (
        Kafka(chosen.brokers, lasting=True) as kafka,
        tempfile.TemporaryDirectory(prefix="chaos-") as temporary,
    ):
        folder = Path(temporary)
        if chosen.deaths:
            return _verdict(
                cases.run_all(
                    [partial(cases.death, kafka, folder, [stage], step, seed) for stage, step in CHECKPOINT]
                )
            )
        if chosen.zombies:
            return _verdict(zombies(kafka, folder, seed))
        if chosen.sabotage:
            return sabotaged(kafka, folder, chosen.sabotage, seed)
        if chosen.outages:
            return _verdict(outages.all_of_them(kafka, folder, seed, chosen.outages, say))
        if chosen.hand_over:
            return handover.measure_all(kafka, folder, say) or handover.measure_static(kafka, folder, say)
        events = chosen.events or 3000 * chosen.kills
        settings = {**(EVERY_METRIC if chosen.every_metric else {}), **(WALL if chosen.wall else {})}
        result = storm(kafka, folder, seed, chosen.kills, events, say, settings)
        say(str(result))
        return bool(result.report.problems)


def zombies(kafka: Kafka, folder: Path, seed: int) -> list[Outcome]:
    """Every step in each stage twice, four that stand still as they take over, and the network cut twice."""
    outcomes = cases.run_all(
        [
            partial(cases.zombie, kafka, folder, *where, seed + number)
            for number, where in enumerate([*CHECKPOINT, *CHECKPOINT])
        ]
        + [partial(cases.frozen_joiner, kafka, folder, seed + number) for number in range(4)]
    )
    node = kafka.nodes[0]
    for number in range(2):
        with Proxy(node.advertised_port, node.detour_port) as proxy:
            outcomes.append(cases.cut_network(kafka, proxy, folder, seed + number))
            say(str(outcomes[-1]))
    return outcomes


TRIES = 5


def sabotaged(kafka: Kafka, folder: Path, what: str, seed: int) -> int:
    """Take one protection out and see how many tries it takes until the checks fail."""
    for number in range(TRIES):
        if what in ("barrier", "rekeying"):
            case = partial(cases.death, kafka, folder, ["tickets"], "between", seed + number, what)
        elif what == "fencing":
            case = partial(cases.zombie, kafka, folder, "tickets", "flushed", seed + number, what)
        else:
            case = partial(cases.unreliable, kafka, folder, seed + number, lose=5, repeat=7, guarded=False)
        [outcome] = cases.run_all([case], tell=say)
        if cases.noticed(outcome, what):
            say(f"noticed at try {number + 1}")
            return 0
    say(f"NOT noticed in {TRIES} tries")
    return 1


def _verdict(outcomes: Sequence[Outcome]) -> int:
    wrong = [outcome for outcome in outcomes if outcome.report.problems]
    say(f"{len(outcomes)} trials, {len(wrong)} with a wrong result")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
