"""Random faults over a long stream: kills, orderly stops, frozen workers, broker restarts, joins and leaves, by a seeded schedule."""

import math
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tests.chaos.cases import ENDS_SECONDS, EXIT_REFUSED
from tests.chaos.problems import Problem
from tests.chaos.traffic import traffic
from tests.chaos.trial import ALL_STAGES, EXIT_FAILED, Publisher, Report, Trial
from tests.support.kafka import Kafka, Node
from tests.support.process import Process, wait_until

Kind = Literal["kill", "term", "freeze", "broker", "join", "leave"]

PER_TEN_KILLS: dict[Kind, int] = {"term": 3, "freeze": 2, "broker": 1, "join": 2, "leave": 2}
"""Other faults that go with ten kills."""

SESSION_SECONDS = 3.0  # as in trial.SETTINGS
RECOVERS_SECONDS = 20.0
"""A broker that answers again has its leaders and coordinators back after that."""
WORKERS = (1, 3)
OLDEST_SECONDS = 600


class Fault(NamedTuple):
    """One thing that is done to the cluster. ``who`` chooses among those that are there, ``seconds`` is how long it lasts."""

    after_seconds: float
    kind: Kind
    who: int
    seconds: float


def schedule(seed: int, kills: int, pause: tuple[float, float] = (0.5, 3.5)) -> list[Fault]:
    """The faults of one run; a function of its arguments alone."""
    rng = random.Random(f"schedule-{seed}")
    kinds: list[Kind] = ["kill"] * kills
    for kind, per_ten in PER_TEN_KILLS.items():
        whole, rest = divmod(per_ten * kills, 10)
        kinds += [kind] * (whole + (rng.random() < rest / 10))
    rng.shuffle(kinds)
    faults = []
    for kind in kinds:
        seconds = {"freeze": (0.5, 3 * SESSION_SECONDS), "broker": (0.0, 6.0)}.get(kind, (0.0, 0.0))
        faults.append(Fault(rng.uniform(*pause), kind, rng.randrange(12), rng.uniform(*seconds)))
    return faults


class Fleet:
    """Workers that a supervisor keeps at a number, whatever is done to them."""

    def __init__(self, trial: Trial, target: int) -> None:
        self._trial = trial
        self.target = target
        self.running: list[Process] = []
        self._frozen: list[tuple[float, Process]] = []
        self.ends: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self._killed: set[int] = set()
        self._asked: set[int] = set()
        self._frozen_once: set[int] = set()
        self._cut_off: set[int] = set()
        """Workers that were at work while a broker was away."""
        self._leaving: list[Process] = []
        self._quiet_from = 0.0
        """When the last broker fault is over."""
        self._waiting: threading.Thread | None = None

    def restart_broker(self, kafka: Kafka, fault: Fault) -> None:
        """End a broker and start it again; until it has recovered workers may give up."""
        if self._waiting is not None:
            self._waiting.join()
        self._quiet_from = math.inf
        self._cut_off.update(process.pid for process in [*self.running, *self._leaving])
        restart(kafka.nodes, fault)
        self._waiting = threading.Thread(target=self._wait_for, args=(kafka,), daemon=True)
        self._waiting.start()

    def _wait_for(self, kafka: Kafka) -> None:
        kafka.wait()
        self._quiet_from = time.monotonic() + RECOVERS_SECONDS

    def look_after(self) -> None:
        """Wake who has been frozen long enough, count who has ended, start who is missing."""
        now = time.monotonic()
        for wake_at, process in list(self._frozen):
            if now >= wake_at:
                self._frozen.remove((wake_at, process))
                if process.running:
                    process.send(signal.SIGCONT)
        ended = [process for process in [*self.running, *self._leaving] if not process.running]
        for process in ended:
            self._note_end(process)
        self.running = [process for process in self.running if process not in ended]
        self._leaving = [process for process in self._leaving if process not in ended]
        while len(self.running) < self.target:
            self.running.append(self._trial.worker())
        if now < self._quiet_from:
            self._cut_off.update(process.pid for process in [*self.running, *self._leaving])

    def at_work(self) -> bool:
        """Look after them; whether at least one has its partitions, frozen or not."""
        self.look_after()
        return any("worker.ready" in process.output for process in self.running)

    def _note_end(self, process: Process) -> None:
        code = process.wait()
        self.ends["killed" if process.pid in self._killed else f"exit {code}"] += 1
        if not self._may_end(process, code):
            self.problems.append(
                Problem("end", f"a worker ended with {code}: {process.error or process.output[-500:]}")
            )
        for line in process.output.splitlines():
            if line.startswith("error: "):
                self.errors[line[:160]] += 1

    def _may_end(self, process: Process, code: int) -> bool:
        """Whether something was done to a worker that explains its end."""
        pid = process.pid
        if code == EXIT_FAILED:
            return pid in self._frozen_once | self._cut_off
        if code == EXIT_REFUSED:
            return pid in self._cut_off
        if code == -signal.SIGTERM:  # it had not begun
            return pid in self._asked and "worker.ready" not in process.output
        return pid in (self._asked if code == 0 else self._killed)

    def strike(self, fault: Fault) -> None:
        """Do one fault to one worker."""
        if fault.kind == "join":
            self.target = min(WORKERS[1], self.target + 1)
            return
        if fault.kind == "leave" and self.target == WORKERS[0]:
            return
        victim = self.running[fault.who % len(self.running)]
        if fault.kind == "kill":
            self._killed.add(victim.pid)
            victim.kill()
        elif fault.kind == "freeze":
            self._frozen_once.add(victim.pid)
            victim.send(signal.SIGSTOP)
            self._frozen.append((time.monotonic() + fault.seconds, victim))
        else:
            if fault.kind == "leave":
                self.target -= 1
            self.running.remove(victim)
            self._leaving.append(victim)
            self._end(victim)

    def _end(self, process: Process) -> None:
        self._asked.add(process.pid)
        process.send(signal.SIGTERM)

    def stop(self) -> None:
        """Wake and end everybody in order."""
        for _, process in self._frozen:
            if process.running:
                process.send(signal.SIGCONT)
        for process in self.running:
            if process.running:
                self._end(process)
        for process in [*self.running, *self._leaving]:
            self._note_end(process)


class Storm(NamedTuple):
    """What a run came to."""

    seed: int
    report: Report
    faults: Counter[str]
    ends: Counter[str]
    errors: Counter[str]
    seconds: float
    drain_and_check_seconds: float

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {dict(self.faults)} in {self.seconds:.0f} s, drained and checked in "
            f"{self.drain_and_check_seconds:.0f} s; workers ended: {dict(self.ends)}\n{self.report}"
            + "".join(f"\n{count:4} x {line}" for line, count in self.errors.most_common())
        )


def storm(
    kafka: Kafka, folder: Path, seed: int, kills: int, events: int, tell: Callable[[str], None] = print
) -> Storm:
    """Run one schedule over one stream and check everything at its end."""
    faults = schedule(seed, kills)
    more = {**ALL_STAGES, "STREAM_REPLICATION_FACTOR": str(min(3, len(kafka.nodes)))}
    with Trial(kafka.bootstrap, f"storm-{seed}-{kills}", folder / f"storm-{seed}", **more) as trial:
        seconds = sum(fault.after_seconds for fault in faults)
        arrivals = traffic(events, seed, customers=events // 50)
        tell(f"seed {seed}: {len(faults)} faults, {len(arrivals)} events over some {seconds:.0f} s")
        fleet = Fleet(trial, 2)
        done: Counter[str] = Counter()
        started = time.monotonic()
        with Publisher(trial, arrivals, len(arrivals) / seconds) as publisher:
            for number, fault in enumerate(faults, 1):
                until = time.monotonic() + fault.after_seconds
                while time.monotonic() < until:
                    fleet.look_after()
                    time.sleep(0.05)
                fleet.look_after()
                wait_until(fleet.at_work, ENDS_SECONDS)  # a storm over workers that never begin shows nothing
                tell(f"{number:4} {time.monotonic() - started:6.1f} s  {fault.kind} {fault.seconds:.1f}")
                if fault.kind == "broker":
                    fleet.restart_broker(kafka, fault)
                else:
                    fleet.strike(fault)
                done[fault.kind] += 1
            while not publisher.done:
                fleet.look_after()
                time.sleep(0.05)
        kafka.wait()
        fleet.stop()
        ended = time.monotonic()
        report = trial.verify(seconds=OLDEST_SECONDS)
        report = report._replace(problems=(*report.problems, *fleet.problems))
        return Storm(seed, report, done, fleet.ends, fleet.errors, ended - started, time.monotonic() - ended)


def restart(nodes: Sequence[Node], fault: Fault) -> None:
    """End one broker, by SIGKILL or SIGTERM, and start it again on its disk."""
    node = nodes[fault.who % len(nodes)]
    node.end(signal.SIGKILL if fault.who % 2 else signal.SIGTERM)
    time.sleep(fault.seconds)
    node.start()
