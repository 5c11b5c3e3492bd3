"""Random faults over a long stream: kills, orderly stops, frozen workers, broker restarts, joins and leaves, by a seeded schedule."""

import math
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from tests.chaos.cases import ENDS_SECONDS
from tests.chaos.ends import SESSION_SECONDS, Treatment, has_begun, last_line, reason
from tests.chaos.problems import Problem
from tests.chaos.traffic import traffic
from tests.chaos.trial import ALL_STAGES, Publisher, Report, Trial
from tests.support.kafka import Kafka, Node
from tests.support.process import Process, wait_until

Kind = Literal["kill", "term", "freeze", "broker", "join", "leave"]

PER_TEN_KILLS: dict[Kind, int] = {"term": 3, "freeze": 2, "broker": 1, "join": 2, "leave": 2}
"""Other faults that go with ten kills."""

WORKERS = (1, 3)
TAIL = 3_000
"""So many characters of an output are shown where nothing explains its end."""
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


class Freeze(NamedTuple):
    """Since when a worker is frozen, and until when."""

    since: float
    wake_at: float


class Fleet:
    """Workers that a supervisor keeps at a number, whatever is done to them."""

    def __init__(self, trial: Trial, target: int) -> None:
        self._trial = trial
        self.target = target
        self.running: list[Process] = []
        self._frozen: dict[Process, Freeze] = {}
        self.ends: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self._killed: set[int] = set()
        self._asked: set[int] = set()
        self._frozen_seconds: dict[int, float] = {}
        self._cut_off: dict[int, float] = {}
        """Worker -> when it was last at work while a broker was away."""
        self._leaving: list[Process] = []
        self._away = False
        self._waiting: threading.Thread | None = None

    def restart_broker(self, kafka: Kafka, fault: Fault) -> None:
        """End a broker and start it again; until it has recovered workers may give up."""
        if self._waiting is not None:
            self._waiting.join()
        self._away = True
        self._feel()
        restart(kafka.nodes, fault)
        self._waiting = threading.Thread(target=self._wait_for, args=(kafka,), daemon=True)
        self._waiting.start()

    def _wait_for(self, kafka: Kafka) -> None:
        kafka.wait()
        self._away = False

    def _feel(self) -> None:
        """Whoever is at work while a broker is away feels it."""
        if self._away:
            now = time.monotonic()
            self._cut_off.update({process.pid: now for process in [*self.running, *self._leaving]})

    def look_after(self) -> None:
        """Wake who has been frozen long enough, count who has ended, start who is missing."""
        now = time.monotonic()
        for process in [process for process, freeze in self._frozen.items() if now >= freeze.wake_at]:
            self._wake(process)
        ended = [process for process in [*self.running, *self._leaving] if not process.running]
        for process in ended:
            self._note_end(process)
        self.running = [process for process in self.running if process not in ended]
        self._leaving = [process for process in self._leaving if process not in ended]
        while len(self.running) < self.target:
            self.running.append(self._trial.worker())
        self._feel()

    def at_work(self) -> bool:
        """Look after them; whether at least one has its partitions, frozen or not."""
        self.look_after()
        return any("worker.ready" in process.output for process in self.running)

    def _note_end(self, process: Process) -> None:
        code, pid = process.wait(), process.pid
        done = Treatment(
            killed=pid in self._killed,
            asked=pid in self._asked,
            frozen_seconds=self._frozen_seconds.get(pid, 0.0),
            away_seconds=time.monotonic() - self._cut_off.get(pid, -math.inf),
            began=has_begun(process.output),
        )
        why = reason(code, process.output, done)
        if why is None:
            said = f"{last_line(process.output)}\n{process.output[-TAIL:]}"
            self.problems.append(Problem("end", f"a worker ended with {code} after {done}: {said}"))
        self.ends[why or f"unexplained: {code}"] += 1

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
            self._freeze(victim, fault.seconds)
        else:
            if fault.kind == "leave":
                self.target -= 1
            self.running.remove(victim)
            self._leaving.append(victim)
            self._end(victim)

    def _freeze(self, victim: Process, seconds: float) -> None:
        """Or longer, if it is frozen already."""
        now = time.monotonic()
        victim.send(signal.SIGSTOP)
        known = self._frozen.get(victim, Freeze(now, now))
        self._frozen[victim] = known._replace(wake_at=max(known.wake_at, now + seconds))

    def _wake(self, process: Process) -> None:
        since = self._frozen.pop(process).since
        if process.running:
            process.send(signal.SIGCONT)
            seconds = time.monotonic() - since
            self._frozen_seconds[process.pid] = max(seconds, self._frozen_seconds.get(process.pid, 0.0))

    def _end(self, process: Process) -> None:
        self._asked.add(process.pid)
        process.send(signal.SIGTERM)

    def stop(self) -> None:
        """Wake and end everybody in order."""
        for process in list(self._frozen):
            self._wake(process)
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
    seconds: float
    drain_and_check_seconds: float

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {dict(self.faults)} in {self.seconds:.0f} s, drained and checked in "
            f"{self.drain_and_check_seconds:.0f} s; workers ended: {dict(self.ends)}\n{self.report}"
        )


def storm(
    kafka: Kafka,
    folder: Path,
    seed: int,
    kills: int,
    events: int,
    tell: Callable[[str], None] = print,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Storm:
    """Run one schedule over one stream and check everything at its end."""
    faults = schedule(seed, kills)
    more = {**ALL_STAGES, "STREAM_REPLICATION_FACTOR": str(min(3, len(kafka.nodes))), **settings}
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
        return Storm(seed, report, done, fleet.ends, ended - started, time.monotonic() - ended)


def restart(nodes: Sequence[Node], fault: Fault) -> None:
    """End one broker, by SIGKILL or SIGTERM, and start it again on its disk."""
    node = nodes[fault.who % len(nodes)]
    node.end(signal.SIGKILL if fault.who % 2 else signal.SIGTERM)
    time.sleep(fault.seconds)
    node.start()
