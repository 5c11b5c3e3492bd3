"""Brokers that are away: stopped, frozen, down at start; leaders and coordinators that die in a cluster of three."""

import asyncio
import contextlib
import json
import resource
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka.admin import AIOKafkaAdminClient

from tests.broker.conftest import scrape
from tests.chaos.cases import ENDS_SECONDS, EXIT_FAILED, EXIT_REFUSED, READING_PAUSE, Outcome, _finish
from tests.chaos.traffic import traffic
from tests.chaos.trial import SMALL, Publisher, Trial
from tests.support.kafka import Kafka, Node
from tests.support.ports import free_ports
from tests.support.process import wait_until
from tests.support.proxy import Proxy

EVENTS_PER_SECOND = 200.0
SETTLE_SECONDS = 2.0
FULL_BYTES = 100_000


class Readiness(NamedTuple):
    """One answer of ``/readyz``."""

    at: float
    ready: bool
    reasons: tuple[str, ...]


class Watch(AbstractContextManager["Watch"]):
    """Asks a worker's ``/readyz`` and its lag several times a second."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._url = f"http://127.0.0.1:{port}/readyz"
        self.seen: list[Readiness] = []
        self.lags: list[float] = []
        """Records that wait, over all topics and partitions."""
        self.commits: list[float] = []
        """Seconds that the last commit took, of the slower stage."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            try:
                with urllib.request.urlopen(self._url, timeout=5) as answer:
                    body = json.load(answer)
            except urllib.error.HTTPError as exc:
                body = json.load(exc)
            except OSError:
                continue
            self.seen.append(Readiness(time.monotonic(), body["ready"], tuple(body["reasons"])))
            with contextlib.suppress(OSError):
                series = scrape(self._port)
                self.lags.append(sum(_named(series, "contact_centre_stream_lag_records")))
                self.commits.append(
                    max(_named(series, "contact_centre_stream_checkpoint_seconds"), default=0.0)
                )

    @property
    def ready(self) -> bool:
        """The last answer."""
        return bool(self.seen) and self.seen[-1].ready

    def tell(self, gone_at: float, back_at: float) -> str:
        """When it was not ready, relative to the outage, and why."""
        away = [one for one in self.seen if one.at >= gone_at and not one.ready]
        if not away:
            return "was ready all the time"
        why = sorted({reason.rstrip("0123456789 s") for one in away for reason in one.reasons})
        again = next((one.at for one in self.seen if one.at > away[-1].at and one.ready), None)
        after = f"{again - back_at:.1f} s after the end" if again is not None else "never"
        return f"not ready {away[0].at - gone_at:.1f} s after the beginning ({'; '.join(why)}), ready again {after}"


def _named(series: Mapping[str, float], name: str) -> list[float]:
    return [value for key, value in series.items() if key.startswith(name)]


def outage(
    kafka: Kafka,
    folder: Path,
    name: str,
    seed: int,
    strike: Callable[[Trial], float],
    seconds: float,
    slowest_commit: float = 0.0,
    **settings: str,
) -> Outcome:
    """Events come all the time; ``strike`` takes brokers away and back again and returns when it began.

    ``slowest_commit``: seconds that the gauge of commits must have passed, and come down from again.
    """
    more = {
        **SMALL,
        "STREAM_REPLICATION_FACTOR": str(min(3, len(kafka.nodes))),
        "STREAM_DELIVERY_TIMEOUT": f"{20 + seconds:.0f}s",  # in time to be started again
        **settings,
    }
    arrivals = traffic(round(EVENTS_PER_SECOND * (seconds + 4 * SETTLE_SECONDS)), seed)
    (port,) = free_ports(1)
    with Trial(kafka.bootstrap, f"{name}-{seed}", folder / f"{name}-{seed}", **more) as trial:
        worker = trial.worker(port=port)
        worker.wait_for("worker.ready", ENDS_SECONDS)
        with Watch(port) as watch:
            with Publisher(trial, arrivals, EVENTS_PER_SECOND):
                time.sleep(SETTLE_SECONDS)
                gone_at = strike(trial)
                back_at = time.monotonic()
            ended: list[str] = []

            def done() -> bool:
                """A commit that the outage has cut in two ends the worker with 70; a supervisor starts it again.

                It may end with 1 once more: a broker that is just back has not elected all its leaders.
                """
                nonlocal worker
                if not worker.running:
                    assert worker.wait(1) in {EXIT_REFUSED, EXIT_FAILED}, worker.output
                    ended.append(worker.error[:80])
                    worker = trial.worker(port=port)
                return trial.applied() >= len(arrivals)

            wait_until(done, ENDS_SECONDS, lambda: f"{trial.applied()} {worker.output}", pause=READING_PAUSE)
            caught_up = time.monotonic() - back_at
            wait_until(lambda: watch.ready and watch.lags[-1:] == [0], ENDS_SECONDS, lambda: worker.output)
        text = f"{watch.tell(gone_at, back_at)}, lag up to {max(watch.lags):.0f}, caught up {caught_up:.1f} s after the end"
        slowest = max(watch.commits)
        calmed = min(watch.commits[watch.commits.index(slowest) :])
        text += f", commits of up to {slowest:.1f} s, {calmed:.1f} s again after that"
        if slowest_commit:  # the gauge is of commits that came to an end
            assert calmed < slowest_commit < slowest, text
        if ended:
            text += f", ended and was started again {len(ended)} x ({ended[0]})"
        return Outcome(f"{name} {seconds:.0f} s", _finish(trial, worker), text)


def stopped(kafka: Kafka, folder: Path, seed: int, seconds: float) -> Outcome:
    """All brokers are stopped and started again on their disks."""

    def strike(_trial: Trial) -> float:
        began = time.monotonic()
        for node in kafka.nodes:
            node.end(signal.SIGKILL)
        time.sleep(seconds)
        for node in kafka.nodes:
            node.start()
        kafka.wait()
        return began

    return outage(kafka, folder, "stopped", seed, strike, seconds)


def frozen(kafka: Kafka, folder: Path, seed: int, seconds: float) -> Outcome:
    """All brokers are frozen and go on: connections stay open and nobody answers."""

    def strike(_trial: Trial) -> float:
        began = time.monotonic()
        for node in kafka.nodes:
            node.send(signal.SIGSTOP)
        time.sleep(seconds)
        for node in kafka.nodes:
            node.send(signal.SIGCONT)
        return began

    return outage(kafka, folder, "frozen", seed, strike, seconds)


def full_disk(kafka: Kafka, folder: Path, seed: int, seconds: float) -> Outcome:
    """The broker's writes fail, as those to a full disk do (by a limit on the size of its files); it halts, and is started with room."""

    def strike(_trial: Trial) -> float:
        began = time.monotonic()
        [node] = kafka.nodes
        assert node.process is not None
        _, hard = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
        limit = node.output.stat().st_size + FULL_BYTES  # it still has to say what happens
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (limit, hard))
        code = node.process.wait(ENDS_SECONDS)
        assert code == 1, f"a broker that cannot write halts, this one ended with {code}"
        assert "File too large" in node.output.read_text(), node.output.read_text()[-2000:]
        time.sleep(seconds)
        node.start()
        kafka.wait()
        return began

    return outage(kafka, folder, "full-disk", seed, strike, seconds)


def slow(kafka: Kafka, folder: Path, seed: int, seconds: float, delay_seconds: float = 0.4) -> Outcome:
    """Everything between the worker and the broker takes longer, in both directions."""
    [node] = kafka.nodes
    with Proxy(node.advertised_port, node.detour_port) as proxy:

        def strike(_trial: Trial) -> float:
            began = time.monotonic()
            proxy.delay_seconds = delay_seconds
            time.sleep(seconds)
            proxy.delay_seconds = 0.0
            time.sleep(2 * SETTLE_SECONDS)
            return began

        brokers = f"127.0.0.1:{proxy.port}"
        round_trips = 2 * 2 * delay_seconds  # a commit has more than two
        return outage(kafka, folder, "slow", seed, strike, seconds, round_trips, STREAM_BROKERS=brokers)


def down_at_start(kafka: Kafka, folder: Path, seed: int) -> Outcome:
    """A worker that finds no broker ends with one line and exit code 1; started again when there is one, it does its work."""
    arrivals = traffic(400, seed)
    with Trial(kafka.bootstrap, f"down-{seed}", folder / f"down-{seed}", **SMALL) as trial:
        trial.publish(arrivals)
        for node in kafka.nodes:
            node.end(signal.SIGKILL)
        early = trial.worker()
        code = early.wait(ENDS_SECONDS)
        for node in kafka.nodes:
            node.start()
        kafka.wait()
        assert code == EXIT_REFUSED, early.output
        assert "no broker answers" in early.error, early.output
        return Outcome("down at start", trial.verify(), f"exit {code}: {early.error}")


def fail_over(kafka: Kafka, folder: Path, seed: int, which: Collection[str], seconds: float) -> Outcome:
    """In a cluster of three: kill what ``which`` names (leader, coordinator, each), one after the other, and start it again.

    ``seconds``: how long each is away.
    """

    def strike(trial: Trial) -> float:
        began = time.monotonic()
        for name in which:
            for node in _targets(kafka, trial, name):
                node.end(signal.SIGKILL)
                time.sleep(seconds)
                node.start()
                kafka.wait()
                _wait_for_replicas(kafka, trial)
        return began

    long = 2 * seconds * len(which)  # one after the other, and each has to come back
    # A commit that no broker ends any more ends the worker in time for its supervisor.
    return outage(kafka, folder, "-".join(which), seed, strike, long, STREAM_DELIVERY_TIMEOUT="20s")


def _targets(kafka: Kafka, trial: Trial, name: str) -> list[Node]:
    if name == "each":
        return list(kafka.nodes)
    if name == "leader":
        topic, partition = trial.core.topics.tickets, 0
    else:
        topic = "__transaction_state"
        partition = _java_hash(f"{trial.core.topics.app_id}-tickets-0") % len(_partitions(kafka, topic))
    found = next(one for one in _partitions(kafka, topic) if one["partition"] == partition)
    return [node for node in kafka.nodes if node.number == found["leader"]]


def _java_hash(text: str) -> int:
    """As Kafka maps a transactional id to a partition of its log."""
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


def _partitions(kafka: Kafka, *names: str) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        try:
            return [
                partition
                for topic in await admin.describe_topics(list(names))
                for partition in topic["partitions"]
            ]
        finally:
            await admin.close()

    return asyncio.run(ask())


def _wait_for_replicas(kafka: Kafka, trial: Trial) -> None:
    """Until every copy is in sync again: the next broker to die may hold the only one otherwise."""
    names = [
        *trial.core.topics.sources,
        trial.core.topics.deltas,
        trial.core.topics.tickets_changelog,
        trial.core.topics.windows_changelog,
        "__transaction_state",
        "__consumer_offsets",
    ]
    wait_until(
        lambda: all(len(one["isr"]) == len(kafka.nodes) for one in _partitions(kafka, *names)), ENDS_SECONDS
    )


def all_of_them(
    kafka: Kafka, folder: Path, seed: int, seconds: float, tell: Callable[[str], None]
) -> list[Outcome]:
    """Every outage that this number of brokers can have."""
    if len(kafka.nodes) == 1:
        cases: list[Callable[[], Outcome]] = [
            lambda: stopped(kafka, folder, seed, seconds),
            lambda: frozen(kafka, folder, seed, seconds),
            lambda: full_disk(kafka, folder, seed, seconds),
            lambda: slow(kafka, folder, seed, seconds),
            lambda: down_at_start(kafka, folder, seed),
        ]
    else:
        cases = [
            lambda: fail_over(kafka, folder, seed, ["leader"], seconds),
            lambda: fail_over(kafka, folder, seed, ["coordinator"], seconds),
            lambda: fail_over(kafka, folder, seed, ["each"], seconds),
        ]
    outcomes = []
    for case in cases:
        outcomes.append(case())
        tell(str(outcomes[-1]))
    return outcomes
