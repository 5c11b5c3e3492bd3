"""Brokers that are away: stopped, frozen, down at start; leaders and coordinators that die in a cluster of three."""

import asyncio
import math
import resource
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.cases import ENDS_SECONDS, READING_PAUSE, Outcome, _finish
from tests.chaos.ends import EXIT_REFUSED, Treatment, has_begun, reason
from tests.chaos.traffic import mixed
from tests.chaos.trial import SMALL, Publisher, Trial
from tests.chaos.watch import Watch, aged_seconds
from tests.support.kafka import Kafka, Node
from tests.support.ports import free_ports
from tests.support.process import wait_until
from tests.support.proxy import Proxy

EVENTS_PER_SECOND = 200.0
SETTLE_SECONDS = 2.0
AFTERWARDS = 600
"""Events that are only published when the brokers are back, over some seconds: each stage has something to commit then, several times."""
FULL_BYTES = 100_000
PATIENCE_SECONDS = 10.0
"""The shortest STREAM_DELIVERY_TIMEOUT that there is."""
GAVE_UP = {"gave a commit up", "aiokafka gave a batch up"}
"""Both wait equally long: nearly always it is the first."""
SILENT, ANSWER = "brokers.silent", "brokers.answer"
"""What a worker's log says when they go and when they are back."""


class Scene(NamedTuple):
    """What is there when an outage begins."""

    trial: Trial
    publisher: Publisher
    watch: Watch


Strike = Callable[[Scene], float]
"""Takes brokers away and back again, and returns the monotonic time at which it began."""
Shown = Callable[[Watch, float, float], None]
"""Asserts what an operator has seen of an outage, by its beginning and its end."""


def outage(
    kafka: Kafka,
    folder: Path,
    name: str,
    seed: int,
    strike: Strike,
    seconds: float,
    shown: Shown,
    **settings: str,
) -> Outcome:
    """Events come all the time while ``strike`` does its work, and afterwards. ``seconds``: how long that may take."""
    more = {
        **SMALL,
        "STREAM_REPLICATION_FACTOR": str(min(3, len(kafka.nodes))),
        "STREAM_DELIVERY_TIMEOUT": f"{20 + seconds:.0f}s",  # in time to be started again
        **settings,
    }
    events = round(EVENTS_PER_SECOND * (seconds + 4 * SETTLE_SECONDS))
    arrivals = mixed(events, seed, customers=events // 20)
    (port,) = free_ports(1)
    with Trial(kafka.bootstrap, f"{name}-{seed}", folder / f"{name}-{seed}", **more) as trial:
        first = worker = trial.worker(port=port)
        worker.wait_for("worker.ready", ENDS_SECONDS)
        with Watch(port) as watch:
            with Publisher(trial, arrivals[:-AFTERWARDS], EVENTS_PER_SECOND) as publisher:
                wait_until(lambda: watch.last.ready and watch.last.age >= 0, ENDS_SECONDS)
                gone_at = strike(Scene(trial, publisher, watch))
                back_at = time.monotonic()
            with Publisher(trial, arrivals[-AFTERWARDS:], EVENTS_PER_SECOND) as publisher:
                wait_until(lambda: publisher.done, ENDS_SECONDS)
            ended: list[str] = []

            def done() -> bool:
                """A commit that the outage has cut in two ends the worker; a supervisor starts it again.

                It may end once more: a broker that is just back has not elected all its leaders.
                """
                nonlocal worker
                if not worker.running:
                    code, since = worker.wait(1), time.monotonic() - back_at
                    treatment = Treatment(away_seconds=since, began=has_begun(worker.output))
                    assert reason(code, worker.output, treatment) is not None, worker.output
                    ended.append(worker.error[:80])
                    worker = trial.worker(port=port)
                return trial.applied() >= len(arrivals)

            wait_until(done, ENDS_SECONDS, lambda: f"{trial.applied()} {worker.output}", pause=READING_PAUSE)
            caught_up = time.monotonic() - back_at
            wait_until(lambda: watch.last.ready and watch.last.lag == 0, ENDS_SECONDS, lambda: worker.output)
        seen = {reason for one in watch.seen for reason in one.reasons}
        if worker is first and any("brokers" in reason or "broker for" in reason for reason in seen):
            silent, answered = worker.output.find(SILENT), worker.output.find(ANSWER)
            assert -1 < silent < answered, worker.output  # the log has said it, too
        text = f"{watch.tell(gone_at, back_at)}, caught up {caught_up:.1f} s after the end"
        if ended:
            text += f", ended and was started again {len(ended)} x ({ended[0]})"
        shown(watch, gone_at, back_at)
        return Outcome(f"{name} {seconds:.0f} s", _finish(trial, worker), text)


def shows_absence(watch: Watch, gone_at: float, back_at: float) -> None:
    """While nobody answers a worker is not ready and the watermark ages with the clock; afterwards it is ready and younger again."""
    away = watch.between(gone_at, back_at)
    unready = [one for one in away if not one.ready]
    assert unready, "ready all the time"
    assert all(one.reasons for one in unready)
    assert aged_seconds(away) > 0.5, away
    assert watch.last.ready
    assert watch.last.age < away[-1].age, (watch.last, away)


def _stay_away(scene: Scene, began: float, seconds: float) -> None:
    """So long at least, and until the worker says that it is not ready."""
    wait_until(
        lambda: time.monotonic() - began > seconds and not scene.watch.last.ready, ENDS_SECONDS + seconds
    )


def stopped(kafka: Kafka, folder: Path, seed: int, seconds: float) -> Outcome:
    """All brokers are stopped and started again on their disks."""

    def strike(scene: Scene) -> float:
        began = time.monotonic()
        for node in kafka.nodes:
            node.end(signal.SIGKILL)
        _stay_away(scene, began, seconds)
        for node in kafka.nodes:
            node.start()
        kafka.wait()
        return began

    return outage(kafka, folder, "stopped", seed, strike, seconds, shows_absence)


def frozen(kafka: Kafka, folder: Path, seed: int, seconds: float) -> Outcome:
    """All brokers are frozen and go on: connections stay open and nobody answers."""

    def strike(scene: Scene) -> float:
        began = time.monotonic()
        for node in kafka.nodes:
            node.send(signal.SIGSTOP)
        _stay_away(scene, began, seconds)
        for node in kafka.nodes:
            node.send(signal.SIGCONT)
        return began

    return outage(kafka, folder, "frozen", seed, strike, seconds, shows_absence)


def away_for_long(kafka: Kafka, folder: Path, seed: int) -> Outcome:
    """All brokers are frozen for longer than STREAM_DELIVERY_TIMEOUT: who has a commit open gives up then and not before.

    Meanwhile it is not ready, and says why; the next one goes on from the last commit.
    """
    name = f"long-{seed}"
    arrivals = mixed(600, seed, customers=30)
    (port,) = free_ports(1)
    more = {**SMALL, "STREAM_DELIVERY_TIMEOUT": f"{PATIENCE_SECONDS:.0f}s", "STREAM_GRACE": "1s"}
    with Trial(kafka.bootstrap, name, folder / name, **more) as trial:
        worker = trial.worker(port=port)
        worker.wait_for("worker.ready", ENDS_SECONDS)
        with Watch(port) as watch, Publisher(trial, arrivals, EVENTS_PER_SECOND):
            wait_until(lambda: trial.applied() > 0, ENDS_SECONDS, lambda: worker.output, pause=READING_PAUSE)
            began = time.monotonic()
            for node in kafka.nodes:
                node.send(signal.SIGSTOP)
            code = worker.wait(ENDS_SECONDS)
            lasted = time.monotonic() - began
            for node in kafka.nodes:
                node.send(signal.SIGCONT)
        assert reason(code, worker.output, Treatment(away_seconds=0.0)) in GAVE_UP, worker.output
        assert lasted > PATIENCE_SECONDS / 2, worker.output  # the commit may have begun before
        reasons = {reason for one in watch.seen for reason in one.reasons}
        assert any("have not answered a heartbeat" in reason for reason in reasons), reasons
        note = f"ended {lasted:.1f} s after the beginning ({worker.error})"
        return Outcome(f"away for longer than {PATIENCE_SECONDS:.0f} s", trial.verify(), note)


def full_disk(kafka: Kafka, folder: Path, seed: int, seconds: float) -> Outcome:
    """The broker's writes fail, as those to a full disk do (by a limit on the size of its files); it halts, and is started with room."""

    def strike(scene: Scene) -> float:
        began = time.monotonic()
        [node] = kafka.nodes
        assert node.process is not None
        _, hard = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
        limit = node.output.stat().st_size + FULL_BYTES  # it still has to say what happens
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (limit, hard))
        code = node.process.wait(ENDS_SECONDS)
        assert code == 1, f"a broker that cannot write halts, this one ended with {code}"
        assert "File too large" in node.output.read_text(), node.output.read_text()[-2000:]
        _stay_away(scene, began, seconds)
        node.start()
        kafka.wait()
        return began

    return outage(kafka, folder, "full-disk", seed, strike, seconds, shows_absence)


def slow(kafka: Kafka, folder: Path, seed: int, seconds: float, delay_seconds: float = 0.4) -> Outcome:
    """Everything between the worker and the broker takes longer, in both directions."""
    [node] = kafka.nodes
    long = 2 * 2 * delay_seconds  # a commit has more than two round trips
    many = EVENTS_PER_SECOND * delay_seconds  # what comes while one answer is on its way waits
    with Proxy(node.advertised_port, node.detour_port) as proxy:

        def strike(scene: Scene) -> float:
            began = time.monotonic()
            proxy.delay_seconds = delay_seconds
            wait_until(
                lambda: (
                    time.monotonic() - began > seconds
                    and max((one.commit for one in scene.watch.between(began, math.inf)), default=0.0) > long
                    and max((one.lag for one in scene.watch.between(began, math.inf)), default=0.0) > many
                ),
                ENDS_SECONDS,
            )
            proxy.delay_seconds = 0.0
            return began

        def shown(watch: Watch, gone_at: float, back_at: float) -> None:
            """The gauges of commits, of age and of lag rise, and fall again."""
            before, during = watch.between(0, gone_at), watch.between(gone_at, back_at)
            assert min(one.commit for one in before) < long < max(one.commit for one in during), during
            assert aged_seconds(during) > long, during
            assert max(one.lag for one in during) > many > watch.last.lag, during
            after = [one for one in watch.seen if one.at > back_at]
            assert min(one.commit for one in after) < long, after
            assert watch.last.age < during[-1].age, (watch.last, during)

        brokers = f"127.0.0.1:{proxy.port}"
        return outage(kafka, folder, "slow", seed, strike, seconds, shown, STREAM_BROKERS=brokers)


def down_at_start(kafka: Kafka, folder: Path, seed: int) -> Outcome:
    """A worker that finds no broker ends with one line and exit code 1; started again when there is one, it does its work."""
    arrivals = mixed(400, seed, customers=20)
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

    def strike(scene: Scene) -> float:
        began = time.monotonic()
        for name in which:
            for node in _targets(kafka, scene.trial, name):
                gone_at = time.monotonic()
                node.end(signal.SIGKILL)
                _wait_for_others(kafka, scene, node)
                time.sleep(max(0.0, gone_at + seconds - time.monotonic()))
                node.start()
                kafka.wait()
                _wait_for_replicas(kafka, scene.trial)
        return began

    def shown(watch: Watch, _gone_at: float, _back_at: float) -> None:
        """Whether it was ready meanwhile is its own business: another broker takes over."""
        assert watch.last.ready

    long = 2 * seconds * len(which)  # one after the other, and each has to come back
    # A commit that no broker ends any more ends the worker in time for its supervisor.
    return outage(kafka, folder, "-".join(which), seed, strike, long, shown, STREAM_DELIVERY_TIMEOUT="20s")


def _wait_for_others(kafka: Kafka, scene: Scene, gone: Node) -> None:
    """Until others lead what the dead one led, and the work goes on: more is applied, if there is more."""
    names = _log_names(scene.trial)

    def led() -> bool:
        found = _partitions(kafka, *names)
        return bool(found) and all(one["leader"] not in {-1, gone.number} for one in found)

    wait_until(led, ENDS_SECONDS, pause=READING_PAUSE)
    before = scene.trial.applied()
    wait_until(
        lambda: scene.trial.applied() > before or scene.publisher.done, ENDS_SECONDS, pause=READING_PAUSE
    )


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
    """What the brokers say of the topics; nothing while the one that is asked has just died."""

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

    try:
        return asyncio.run(ask())
    except KafkaError:
        return []


def _wait_for_replicas(kafka: Kafka, trial: Trial) -> None:
    """Until every copy is in sync again: the next broker to die may hold the only one otherwise."""
    names = _log_names(trial)

    def copied() -> bool:
        found = _partitions(kafka, *names)
        return bool(found) and all(len(one["isr"]) == len(kafka.nodes) for one in found)

    wait_until(copied, ENDS_SECONDS, pause=READING_PAUSE)


def _log_names(trial: Trial) -> list[str]:
    """The topics without which no work goes on."""
    topics = trial.core.topics
    return [
        *trial.core.sources,
        topics.deltas,
        topics.answers,
        topics.tickets_changelog,
        topics.customers_changelog,
        topics.windows_changelog,
        "__transaction_state",
        "__consumer_offsets",
    ]


def all_of_them(
    kafka: Kafka, folder: Path, seed: int, seconds: float, tell: Callable[[str], None]
) -> list[Outcome]:
    """Every outage that this number of brokers can have."""
    if len(kafka.nodes) == 1:
        cases: list[Callable[[], Outcome]] = [
            lambda: stopped(kafka, folder, seed, seconds),
            lambda: frozen(kafka, folder, seed, seconds),
            lambda: away_for_long(kafka, folder, seed),
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
