"""Single faults at chosen moments. Each case runs a small stream and returns its report; the caller decides what has to hold."""

import math
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.chaos.ends import Treatment, reason
from tests.chaos.problems import Problem
from tests.chaos.traffic import Arrival, mixed
from tests.chaos.trial import NO_REPORT, PLAIN, SMALL, Publisher, Report, Trial
from tests.chaos.worker import STAGES, STEPS, Plan, Trap
from tests.support.kafka import Kafka
from tests.support.process import Process, wait_until
from tests.support.proxy import Proxy

EVENTS, CUSTOMERS = 250, 12
"""Of tickets that come before, and again during, each fault; and the customers whose events, some four each, come among them."""
PER_SECOND = 180.0
"""So slow that commits go on until the fault has struck."""

NTH = 2
"""The first of the commits that reach the step which may be struck."""

ENDS_SECONDS = 180
READING_PAUSE = 0.3
"""Between two looks at the whole state."""

NOTICED = {
    "barrier": ({"figures", "audit"},),
    "rekeying": ({"answers"},),
    "guard": ({"figures", "counts", "audit"}, {"state"}),  # counts below zero may end the worker before that
    "fencing": ({"state"}, {"figures", "audit"}),
}
"""Sabotage -> what it does wrong: one of these sets of kinds of problems must be found, whatever else is."""

CHECKPOINT = [(stage, step) for stage in STAGES for step in STEPS]


class Outcome(NamedTuple):
    """A case by its name, what it came to, and what else is worth knowing."""

    name: str
    report: Report
    note: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.note}{'; ' if self.note else ''}{self.report}"


Case = Callable[[], Outcome]


def run_all(cases: Sequence[Case], at_once: int = 4, tell: Callable[[str], None] = print) -> list[Outcome]:
    """Run cases side by side: most of their time is waiting for session time-outs."""
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = []
        for future in [pool.submit(case) for case in cases]:
            try:
                outcomes.append(future.result())
            except AssertionError as exc:  # a case that came to no end hides none of the others
                outcomes.append(Outcome("no end", NO_REPORT._replace(problems=(Problem("end", str(exc)),))))
            tell(str(outcomes[-1]))
        return outcomes


def noticed(outcome: Outcome, sabotage: str) -> bool:
    """Whether the checks found what the sabotage causes; that a case came to no end is none of it."""
    kinds = {problem.kind for problem in outcome.report.problems}
    return "end" not in kinds and any(wanted <= kinds for wanted in NOTICED[sabotage])


def death(
    kafka: Kafka, folder: Path, stages: Sequence[str], step: str, seed: int, sabotage: str | None = None
) -> Outcome:
    """SIGKILL at one step of a commit, in one stage after the other; the next worker goes on with the work."""
    name = f"death-{'-'.join(stages)}-{step}-{seed}{sabotage or ''}"
    first, *others = _parts(1 + len(stages), seed)
    with Trial(kafka.bootstrap, name, folder / name, **SMALL) as trial:
        trial.publish(first)
        for stage, arrivals in zip(stages, others, strict=True):
            victim = _started(trial, Plan(trap=Trap(stage, step, NTH, signal.SIGKILL), sabotage=sabotage))
            with Publisher(trial, arrivals, PER_SECOND):
                code = victim.wait(ENDS_SECONDS)
            assert code == -signal.SIGKILL, victim.output
            assert f"trap: {stage}-" in victim.output, victim.output
        return Outcome(name, trial.verify())


def zombie(
    kafka: Kafka, folder: Path, stage: str, step: str, seed: int, sabotage: str | None = None
) -> Outcome:
    """SIGSTOP at one step of a commit until another worker has taken over and caught up; then SIGCONT."""
    name = f"zombie-{stage}-{step}-{seed}{sabotage or ''}"
    before, during = _parts(2, seed)
    with Trial(kafka.bootstrap, name, folder / name, **SMALL) as trial:
        trial.publish(before)
        stopped = _started(trial, Plan(trap=Trap(stage, step, NTH, signal.SIGSTOP), sabotage=sabotage))
        with Publisher(trial, during, PER_SECOND):
            stopped.wait_for(f"trap: {stage}-", ENDS_SECONDS)
            successor = _started(trial, Plan(sabotage=sabotage))
        _caught_up(trial, len(before) + len(during), successor)
        readies = _readies(stopped)
        stopped.send(signal.SIGCONT)
        what = _after_waking(stopped, readies, sabotage)
        return Outcome(name, _finish(trial, stopped, successor), what)


def frozen_joiner(kafka: Kafka, folder: Path, seed: int) -> Outcome:
    """A worker stands still where it was given partitions and takes them over; when it wakes they are another's, who keeps them."""
    name = f"joiner-{seed}"
    before, during = _parts(2, seed)
    with Trial(kafka.bootstrap, name, folder / name, **SMALL) as trial:
        trial.publish(before)
        owner = _started(trial, PLAIN)
        joiner = trial.start(Plan(stops_joining=True))
        joiner.wait_for("trap: joining", ENDS_SECONDS)
        with Publisher(trial, during, PER_SECOND):
            _caught_up(trial, len(before), owner)
            wait_until(lambda: _readies(owner) > 1, ENDS_SECONDS, lambda: owner.output)
        _caught_up(trial, len(before) + len(during), owner)
        joiner.send(signal.SIGCONT)
        joiner.wait_for("worker.ready", ENDS_SECONDS)
        wait_until(lambda: _readies(owner) > 2 or not owner.running, ENDS_SECONDS, lambda: owner.output)
        assert owner.running, owner.output
        return Outcome(name, _finish(trial, owner, joiner), "joined late")


def _parts(number: int, seed: int) -> list[list[Arrival]]:
    """A stream of tickets and customers, cut into so many parts with events of all kinds in each."""
    arrivals = mixed(number * EVENTS, seed, number * CUSTOMERS)
    size = -(-len(arrivals) // number)
    return [arrivals[start : start + size] for start in range(0, len(arrivals), size)]


def cut_network(kafka: Kafka, proxy: Proxy, folder: Path, seed: int) -> Outcome:
    """A worker's network is cut until another one has taken over; then what it had sent arrives after all."""
    name = f"cut-{seed}"
    arrivals = mixed(2 * EVENTS, seed, 2 * CUSTOMERS)
    half = len(arrivals) // 2
    with Trial(kafka.bootstrap, name, folder / name, **SMALL) as trial:
        trial.publish(arrivals[: half // 2])
        lonely = trial.start(Plan(), STREAM_BROKERS=f"127.0.0.1:{proxy.port}")
        lonely.wait_for("worker.ready", ENDS_SECONDS)
        with Publisher(trial, arrivals[half // 2 : half], PER_SECOND):
            wait_until(lambda: trial.applied() > half // 2, ENDS_SECONDS, lambda: lonely.output)
            proxy.cut()
            successor = _started(trial, Plan())
        trial.publish(arrivals[half:])
        _caught_up(trial, len(arrivals), successor)
        before = _readies(lonely)
        proxy.mend()
        what = _after_waking(lonely, before)
        return Outcome(name, _finish(trial, lonely, successor), what)


def _started(trial: Trial, plan: Plan, tries: int = 3) -> Process:
    """A worker that is ready; one that gives up at its start is started again, as a supervisor would do it."""
    for _ in range(tries):
        worker = trial.start(plan)
        wait_until(
            lambda: "worker.ready" in worker.output or not worker.running,  # noqa: B023 - waited for at once
            ENDS_SECONDS,
            lambda: worker.output,  # noqa: B023
        )
        if worker.running:
            return worker
        print(worker.output)
    raise AssertionError(worker.output)


def _caught_up(trial: Trial, records: int, worker: Process) -> None:
    wait_until(
        lambda: trial.applied() >= records,
        ENDS_SECONDS,
        lambda: f"{trial.applied()} {worker.output}",
        pause=READING_PAUSE,
    )


def _readies(worker: Process) -> int:
    return worker.output.count("worker.ready")


def _after_waking(worker: Process, before: int, sabotage: str | None = None) -> str:
    """What a worker does that had been away: it ends by itself, or joins again, having been ready ``before`` times.

    How one ends of which a protection was taken out is not judged here: it may be refused what it has written itself.
    """
    wait_until(
        lambda: not worker.running or _readies(worker) > before,
        ENDS_SECONDS,
        lambda: worker.output,
    )
    if worker.running:
        return "rejoined"
    code = worker.wait(1)
    if sabotage is not None:
        return f"ended with {code}"
    why = reason(code, worker.output, Treatment(frozen_seconds=math.inf))
    assert why == "fenced", worker.output
    return why


def _finish(trial: Trial, *workers: Process) -> Report:
    for worker in workers:
        if worker.running:
            worker.stop()
    return trial.verify()


def unreliable(
    kafka: Kafka, folder: Path, seed: int, *, lose: int, repeat: int, guarded: bool = True
) -> Outcome:
    """Fetched batches are lost and handed over twice on their way to the shards, as was seen in rebalances."""
    name = f"unreliable-{lose}-{repeat}-{seed}{'' if guarded else '-guard'}"
    arrivals = mixed(4 * EVENTS, seed, 4 * CUSTOMERS)
    plan = Plan(sabotage=None if guarded else "guard", lose_every=lose, repeat_every=repeat)
    with Trial(kafka.bootstrap, name, folder / name, **SMALL) as trial:
        worker = _started(trial, plan)
        with Publisher(trial, arrivals, PER_SECOND) as publisher:
            wait_until(lambda: publisher.done, ENDS_SECONDS)
        wait_until(
            lambda: ("lost: " in worker.output or not lose) and ("repeated: " in worker.output or not repeat),
            ENDS_SECONDS,
            lambda: worker.output,
        )
        if guarded:
            _caught_up(trial, len(arrivals), worker)
        return Outcome(name, _finish(trial, worker))
