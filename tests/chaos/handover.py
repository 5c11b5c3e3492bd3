"""How long a partition stands still when it changes hands: from the last batch that the old owner applied to the first of the new one.

Of the stages of tickets and customers these are events (or answers); of the windows stage deltas, which are in its gauges with the next
tick (0.25 s) and in its rollups with the next commit (0.2 s).
"""

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.chaos.traffic import Arrival, mixed, traffic
from tests.chaos.trial import ALL_STAGES, Publisher, Trial
from tests.chaos.worker import Plan
from tests.support.kafka import Kafka
from tests.support.process import Process, wait_until

ROWS = 100_000
PER_SECOND = 400.0
MEASURE_SECONDS = 200
CALM_SECONDS = 3.0
SESSION_SECONDS = 10

EVENTS_PER_CUSTOMER = 20
"""Of all events; some four are the customer's own, enough for each partition of that stage to have some every 0.1 s."""
STANDS_STILL_SECONDS = 0.25
"""Longer gaps than this are counted as standing still."""

PRODUCTION = {
    **ALL_STAGES,
    "STREAM_SESSION_TIMEOUT": f"{SESSION_SECONDS}s",
    "STREAM_HEARTBEAT_INTERVAL": "500ms",
    "STREAM_COMMIT_INTERVAL": "1s",
}


class Applied(NamedTuple):
    """One batch that a worker applied."""

    at: float
    stage: str
    partition: int
    worker: str


class Pauses(NamedTuple):
    """Seconds without an applied batch of a stage, per partition."""

    stage: str
    moved: list[float]
    stayed: list[float]
    """The longest of each partition that kept its owner: a rebalance stops all of them."""

    def __str__(self) -> str:
        parts = []
        for name, seconds in (("moved", self.moved), ("stayed", self.stayed)):
            if seconds:
                parts.append(
                    f"{name}: {len(seconds)} x, median {median(seconds):.2f} s, longest {max(seconds):.2f} s"
                )
        return f"{self.stage} {'; '.join(parts) or 'nothing'}"


class Crew:
    """Workers that write down what they apply."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._made = 0

    def start(self, name: str = "") -> Process:
        """Start one and wait until it is ready; with a name it is a static member of the group."""
        self._made += 1
        trace = self._trial.folder / f"trace-{self._made}"
        worker = self._trial.start(Plan(trace=str(trace)), STREAM_INSTANCE_ID=name)
        worker.wait_for("worker.ready", 60)
        return worker

    def applied(self) -> list[Applied]:
        """Everything that all of them applied, in order of time."""
        found = []
        for trace in self._trial.folder.glob("trace-*"):
            for line in trace.read_text().splitlines():
                at, stage, partition, _ = line.split()
                found.append(Applied(float(at), stage, int(partition), trace.name))
        return sorted(found)

    def pauses(self, since: float) -> str:
        """Pauses from ``since`` on, of all stages."""
        applied = self.applied()
        return "; ".join(
            str(_pauses([one for one in applied if one.stage == stage], stage, partitions, since))
            for stage, partitions in self._stages()
        )

    def standstill(self, since: float) -> str:
        """Per stage and partition: the sum of all pauses from ``since`` on."""
        found = []
        applied = [one for one in self.applied() if one.at >= since]
        for stage, partitions in self._stages():
            totals = []
            for partition in range(partitions):
                times = [one.at for one in applied if (one.stage, one.partition) == (stage, partition)]
                gaps = [b - a for a, b in itertools.pairwise(times)]
                totals.append(sum(gap for gap in gaps if gap > STANDS_STILL_SECONDS))
            found.append(f"{stage} {', '.join(f'{seconds:.1f} s' for seconds in totals)}")
        return f"standing still in all, per partition: {'; '.join(found)}"

    def _stages(self) -> tuple[tuple[str, int], ...]:
        core = self._trial.core
        return (
            ("tickets", core.source_partitions),
            ("customers", core.source_partitions),
            ("windows", core.delta_partitions),
        )


def _pauses(applied: Sequence[Applied], stage: str, partitions: int, since: float) -> Pauses:
    moved, stayed = [], []
    for partition in range(partitions):
        own = [one for one in applied if one.partition == partition]
        before = [one for one in own if one.at < since][-1:]
        now = [*before, *(one for one in own if one.at >= since)]
        steps = list(itertools.pairwise(now))
        changes = [b.at - a.at for a, b in steps if a.worker != b.worker]
        moved += changes
        if not changes:
            stayed.append(max((b.at - a.at for a, b in steps), default=0.0))
    return Pauses(stage, moved, stayed)


def measure_all(kafka: Kafka, folder: Path, tell: Callable[[str], None]) -> int:
    """Joined, graceful, killed, and a rolling restart of three, on top of 100,000 rows. Prints figures, judges nothing."""
    with Trial(kafka.bootstrap, "hand-over", folder / "hand-over", **PRODUCTION) as trial:
        crew = Crew(trial)
        trial.publish(_tickets(ROWS))
        first = crew.start()
        wait_until(lambda: trial.applied() >= ROWS, 90, lambda: first.output)
        tell(
            f"{ROWS} rows in {trial.core.source_partitions} partitions, {PER_SECOND:.0f} events/s, session {SESSION_SECONDS} s"
        )
        steady = _steady(MEASURE_SECONDS)
        with Publisher(trial, steady, PER_SECOND) as publisher:
            time.sleep(CALM_SECONDS)
            since = time.monotonic()
            second = crew.start()
            time.sleep(CALM_SECONDS)
            tell(f"joined (1 -> 2): {crew.pauses(since)}")
            since = time.monotonic()
            assert second.stop() == 0, second.output
            time.sleep(CALM_SECONDS)
            tell(f"graceful (2 -> 1): {crew.pauses(since)}")
            second = crew.start()
            time.sleep(CALM_SECONDS)
            since = time.monotonic()
            second.kill()
            time.sleep(SESSION_SECONDS + 2 * CALM_SECONDS)
            tell(f"killed (2 -> 1): {crew.pauses(since)}")
            workers = [first, crew.start(), crew.start()]
            time.sleep(CALM_SECONDS)
            since = time.monotonic()
            _roll(crew, workers)
            rolled = time.monotonic() - since
            time.sleep(CALM_SECONDS)
            tell(
                f"rolling restart of three (each ended by SIGTERM, the next one when its successor is ready), {rolled:.0f} s: "
                f"{crew.pauses(since)}; {crew.standstill(since)}"
            )
            assert not publisher.done, "the figures were taken while nothing came"
    return 0


def measure_static(kafka: Kafka, folder: Path, tell: Callable[[str], None]) -> int:
    """The same with static members: killed and started again, a rolling restart, gone for good, joined. Prints figures, judges nothing."""
    names = ("worker-a", "worker-b", "worker-c")
    with Trial(kafka.bootstrap, "hand-over-static", folder / "hand-over-static", **PRODUCTION) as trial:
        crew = Crew(trial)
        trial.publish(_tickets(ROWS))
        workers = [crew.start(name) for name in names]
        wait_until(lambda: trial.applied() >= ROWS, 90, lambda: workers[0].output)
        steady = _steady(MEASURE_SECONDS)
        with Publisher(trial, steady, PER_SECOND) as publisher:
            time.sleep(CALM_SECONDS)
            since = time.monotonic()
            workers[1].kill()
            workers[1] = crew.start(names[1])
            time.sleep(CALM_SECONDS)
            tell(f"static, killed and started again at once (one of three): {crew.pauses(since)}")
            since = time.monotonic()
            _roll(crew, workers, names)
            rolled = time.monotonic() - since
            time.sleep(CALM_SECONDS)
            tell(
                f"static, rolling restart of three, {rolled:.0f} s: {crew.pauses(since)}; {crew.standstill(since)}"
            )
            _, leaving, dying = workers
            since = time.monotonic()
            assert leaving.stop() == 0, leaving.output
            time.sleep(SESSION_SECONDS + 2 * CALM_SECONDS)
            tell(f"static, graceful and not back (3 -> 2): {crew.pauses(since)}")
            since = time.monotonic()
            dying.kill()
            time.sleep(SESSION_SECONDS + 2 * CALM_SECONDS)
            tell(f"static, killed and not back (2 -> 1): {crew.pauses(since)}")
            since = time.monotonic()
            crew.start("worker-d")
            time.sleep(CALM_SECONDS)
            tell(f"static, joined (1 -> 2): {crew.pauses(since)}")
            assert not publisher.done, "the figures were taken while nothing came"
    return 0


def _roll(crew: Crew, workers: list[Process], names: Sequence[str] = ("", "", "")) -> None:
    """End each and start its successor, which takes its place in the list."""
    for number, name in enumerate(names):
        assert workers[number].stop() == 0, workers[number].output
        workers[number] = crew.start(name)


def _steady(seconds: float) -> list[Arrival]:
    """What comes while it is measured, for so long."""
    events = round(PER_SECOND * seconds)
    return mixed(events, 1, customers=events // EVENTS_PER_CUSTOMER)


def _tickets(count: int) -> list[Arrival]:
    """The first event of each of ``count`` tickets."""
    one = next(arrival for arrival in traffic(100, 1) if b"ticket.created" in arrival.value)
    return [
        Arrival(one.short, ticket, one.value.replace(one.key, ticket))
        for ticket in (b"o-%06d" % number for number in range(count))
    ]
