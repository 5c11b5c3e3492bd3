"""One run of the program under faults: topics and a group of its own, traffic, workers, and what must hold at its end."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from time import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import orjson
from aiokafka import AIOKafkaProducer

from stream.commands.audit import _state
from stream.core.audit import audit
from stream.core.config import DEFAULT_METRICS
from stream.core.entity import kinds
from stream.core.live import decode_counts
from stream.core.pane import LIVE_KIND, ROLLUP_KIND, parse_key
from stream.core.record import Output, SourceRecord
from stream.core.tally import decode_window, drop_zeros
from stream.core.tickets_meta import take_meta
from stream.metrics import METRICS, selected
from stream.settings import load
from tests.broker.conftest import Product
from tests.chaos.problems import Problem, wrong_figures
from tests.chaos.traffic import Arrival
from tests.chaos.worker import Plan
from tests.support import topics
from tests.support.core import new_windows, oracle
from tests.support.pipeline import stable
from tests.support.process import Process

CALENDARS = Path(__file__).parents[2] / "deploy" / "calendars.toml"

SETTINGS = {
    "STREAM_ROLLUP_WINDOWS": "5m,1h,24h",
    "STREAM_CORRECTION_HORIZON": "35d",  # nothing comes too late: how much does is not the same in two runs
    "STREAM_SESSION_TIMEOUT": "3s",
    "STREAM_ALERTS": (
        '[{"name": "daily", "metric": "csat", "threshold": 0.75, "min_n": 1, "clear_margin": 0},'
        ' {"name": "hourly", "metric": "csat", "threshold": 0.75, "min_n": 1, "clear_margin": 0, "window": "1h",'
        '  "segment": "team=*"}]'
    ),
}

ALL_STAGES = {
    "STREAM_METRICS": ",".join(
        (*DEFAULT_METRICS, *(metric.name for metric in METRICS if metric.entity == "customer"))
    )
}
"""Customers' metrics are chosen too: they have a stage of their own."""

EVERY_METRIC = {
    "STREAM_METRICS": ",".join(metric.name for metric in METRICS),
    "STREAM_PROFILES": "default,zendesk",
    "STREAM_CALENDARS": str(CALENDARS),
    "STREAM_STATE_LIMIT": "64GiB",
}
"""With business hours, and with one vendor's definitions beside ours."""

SMALL = {**ALL_STAGES, "STREAM_PARTITIONS": "2", "STREAM_DELTA_PARTITIONS": "3"}
"""For short trials of everything: every partition costs transactions."""

PLAIN = Plan()


class Report(NamedTuple):
    """What one trial came to. ``problems`` is empty when everything held."""

    events: int
    rollups: int
    """Figures (windows x segments x metrics) that were compared with the oracle's."""
    revisions: int
    """Rollup records that a read_committed reader finds."""
    aborted: int
    """Rollup records that only a reader without read_committed finds."""
    repeated: int
    """Rollup records whose key and revision a read_committed reader has seen already."""
    counts: dict[str, int]
    """Outcome -> source records."""
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        head = (
            f"{self.events} events: {' '.join(f'{name}={n}' for name, n in sorted(self.counts.items()))}; "
            f"{self.rollups} figures in {self.revisions} revisions, {self.repeated} written twice, {self.aborted} aborted"
        )
        return "\n".join((head, *(f"WRONG: {problem}" for problem in self.problems)))


NO_REPORT = Report(0, 0, 0, 0, 0, {}, ())
EXIT_FAILED = 70


class Trial(Product):
    """Topics, traffic and workers of one run."""

    def __init__(self, bootstrap: str, name: str, folder: Path, **more: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(bootstrap, name, folder, **{**SETTINGS, **more})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, plan: Plan = PLAIN, *options: str, **more: str) -> Process:
        """Start a worker with traps or patches."""
        env = {**self._clean, **self.settings, **more}
        process = Process(
            self.folder, "-m", "tests.chaos.worker", msgspec.json.encode(plan).decode(), *options, env=env
        )
        return self._stack.enter_context(process)

    def publish(self, arrivals: Sequence[Arrival]) -> None:
        """Write traffic, all of it acknowledged when this returns."""
        with Publisher(self, arrivals):
            pass

    def applied(self) -> int:
        """Source records that committed state accounts for."""
        return sum(self.counts()[0].values())

    def counts(self) -> tuple[Counter[str], dict[tuple[str, int], int]]:
        """Outcome -> records, and (topic, partition) -> position, of the meta rows as a new owner would read them."""
        totals: Counter[str] = Counter()
        positions: dict[tuple[str, int], int] = {}
        changelogs = [kind.changelog(self.core.topics) for kind in kinds(self.core)]
        rows = topics.read(self.bootstrap, changelogs)
        by_partition: dict[tuple[str, int], dict[bytes, bytes]] = {}
        for row in rows:
            if row.key is not None and row.value is not None and row.key.startswith(b"\0"):
                by_partition.setdefault((row.topic, row.partition), {})[row.key] = row.value
        for (changelog, number), own in by_partition.items():
            found = take_meta(own, f"{changelog} partition {number}")
            assert found is not None
            meta, _ = found
            for topic, offset in meta.positions.items():
                positions[topic, number] = offset
            for outcomes in meta.counts.values():
                for outcome, n in outcomes.items():
                    totals[outcome.partition(":")[0]] += n
        return totals, positions

    def verify(self, *, drain: bool = True, seconds: float = 180) -> Report:
        """Drain, read everything that there is, and compare it with the fold of the log as the broker has it."""
        if drain:
            worker = self.stream("worker", "--drain")
            if worker.wait(seconds) == EXIT_FAILED and "--rebuild" in worker.error:
                return NO_REPORT._replace(problems=(Problem("state", worker.error),))
            assert worker.wait() == 0, f"a drain ended with {worker.wait()}: {worker.output}"
        log = topics.read(self.bootstrap, self.core.sources, committed=False)
        wall = self.core.clock == "wall"
        expected = oracle(self.core, log, now_ms=int(time() * 1000) if wall else 0)
        records = self.rollups()
        problems = [
            *wrong_figures(stable(expected.rollups), stable(records), self.core),  # type: ignore[arg-type]  # have key and value
            *self._accounts(log, expected.counts),
            *self._dead_letters([output.value or b"" for output in expected.dead_letters]),
            *([] if wall else self._alerts(expected.alerts)),
            *self._followups(expected.followups),
            *self._live(expected.windows.rows),
            *self._deltas(expected.windows.rows),
            *self._audit(),
        ]
        finals: Counter[bytes | None] = Counter()
        seen: dict[bytes | None, int] = {}
        repeated = 0
        for record in records:
            data = orjson.loads(record.value or b"")["data"]
            before = seen.get(record.key, -1)
            repeated += data["revision"] == before
            finals[record.key] += data["status"] == "final"
            if data["revision"] < before:
                problems.append(
                    Problem("revision", f"{record.key!r}: revision {data['revision']} after {before}")
                )
            seen[record.key] = max(before, data["revision"])
        if repeated:
            problems.append(Problem("revision", f"{repeated} revisions were written twice"))
        twice = [key for key, n in finals.items() if n > 1]
        if twice:
            problems.append(
                Problem("final", f"{len(twice)} windows have several final values, such as {twice[0]!r}")
            )
        latest = topics.latest(records)
        unclosed = sum(
            orjson.loads(value)["data"]["status"] not in ("final", "revised") for value in latest.values()
        )
        if unclosed:
            problems.append(Problem("final", f"{unclosed} of {len(latest)} windows have no final value"))
        everything = topics.read(self.bootstrap, [self.core.topics.rollups], committed=False)
        return Report(
            events=len(log),
            rollups=len(latest),
            revisions=len(records),
            aborted=len(everything) - len(records),
            repeated=repeated,
            counts=dict(self.counts()[0]),
            problems=tuple(problems),
        )

    def _accounts(self, log: Sequence[SourceRecord], expected: Any) -> Iterable[Problem]:
        counts, positions = self.counts()
        ends = Counter((record.topic, record.partition) for record in log)
        if counts.total() != len(log):
            yield Problem(
                "counts",
                f"{len(log)} records came in, the outcomes add up to {counts.total()}: {dict(counts)}",
            )
        for tp, end in ends.items():
            if positions.get(tp, 0) != end:
                yield Problem("position", f"{tp} ends at {end}, the state at {positions.get(tp, 0)}")
        wanted: Counter[str] = Counter()
        for outcomes in expected.values():
            for outcome, n in outcomes.items():
                wanted[outcome.partition(":")[0]] += n
        if wanted != counts:
            yield Problem("counts", f"outcomes are {dict(counts)}, the oracle says {dict(wanted)}")

    def _dead_letters(self, expected: Sequence[bytes]) -> Iterable[Problem]:
        names = [self.core.topics.dlq(topic) for topic in self.core.sources]
        found = [record.value or b"" for record in topics.read(self.bootstrap, names)]
        if Counter(found) != Counter(expected):
            yield Problem(
                "letters", f"{len(found)} dead letters, or others than the {len(expected)} expected"
            )

    def _alerts(self, expected: Sequence[Output]) -> Iterable[Problem]:
        """Each firing and each recovery stands there once, in turn, and of the day what fires at the end is what fires for the oracle.

        When one fires, and which come and go meanwhile, is not compared: a correction counts from the end of a pane on that follows it,
        and which that is depends on how far the other partitions have come. Of the hour nothing is left at the end, so that its alerts
        stay as they were.
        """
        revisions: dict[bytes | None, int] = {}
        states: dict[bytes | None, str] = {}
        for record in topics.read(self.bootstrap, [self.core.topics.alerts]):
            revision, state = _alert(record.value)
            if revision != revisions.get(record.key, 0) + 1 or state == states.get(record.key, "resolved"):
                yield Problem(
                    "alerts",
                    f"alert {record.key!r}: {state} with revision {revision} after {states.get(record.key)}",
                )
            revisions[record.key], states[record.key] = revision, state
        last = {output.key: _alert(output.value)[1] for output in expected}
        if not last:
            yield Problem("alerts", "the oracle has no alerts")
        wrong = _firing(last) ^ _firing(states)
        if wrong:
            yield Problem(
                "alerts",
                f"{len(wrong)} of the oracle's {len(_firing(last))} alerts fire at the end and should not, or the other way round: {wrong}",
            )

    def _followups(self, expected: Sequence[Output]) -> Iterable[Problem]:
        """What is open is what the oracle has open, and each opening and withdrawal stands there once."""
        found: dict[bytes | None, dict[str, Any]] = {}
        for record in topics.read(self.bootstrap, [self.core.topics.followups]):
            data = orjson.loads(record.value or b"")["data"]
            before = found.get(record.key)
            if data == before or not (data["open"] or (before and before["open"])):
                yield Problem("followups", f"follow-up {record.key!r}: {data} after {before}")
            found[record.key] = data
        wanted = {output.key: orjson.loads(output.value or b"")["data"] for output in expected}
        open_now = {key: data for key, data in found.items() if data["open"]}
        should = {key: data for key, data in wanted.items() if data["open"]}
        if not should:
            yield Problem("followups", "the oracle has no follow-ups")
        wrong = [key for key in open_now.keys() | should.keys() if open_now.get(key) != should.get(key)]
        if wrong:
            yield Problem(
                "followups",
                f"{len(wrong)} of {len(should)} follow-ups differ, such as {open_now.get(wrong[0])} for {should.get(wrong[0])}",
            )

    def _live(self, expected: Mapping[bytes, bytes]) -> Iterable[Problem]:
        """How many tickets are open, waiting and so on, per segment and the minute since when."""
        rows = topics.latest(topics.read(self.bootstrap, [self.core.topics.windows_changelog]))
        found = _live_counts({key: value for key, value in rows.items() if key is not None})
        wanted = _live_counts(expected)
        if not wanted:
            yield Problem("live", "the oracle has no live counts")
        wrong = [place for place in found.keys() | wanted.keys() if found[place] != wanted[place]]
        if wrong:
            yield Problem(
                "live",
                f"{len(wrong)} of {len(wanted)} live counts differ, such as {found[wrong[0]]} for {wanted[wrong[0]]} at {wrong[0]}",
            )

    def _deltas(self, expected: Mapping[bytes, bytes]) -> Iterable[Problem]:
        """The deltas that a read_committed reader finds, each taken once, come to the oracle's sums."""
        found = topics.read(self.bootstrap, [self.core.topics.deltas])
        name, single = self.core.topics.deltas, msgspec.structs.replace(self.core, delta_partitions=1)
        reader = new_windows(single, 0)
        reader.ready()
        reader.apply(
            name,
            [one._replace(partition=0, offset=number) for number, one in enumerate(found)],
            len(found),
            0,
        )
        reader.flush(0)
        sums, wanted = _sums(reader.rows), _sums(expected)
        if not wanted:
            yield Problem("deltas", "the oracle has no sums")
        wrong = [key for key in sums.keys() | wanted.keys() if sums.get(key) != wanted.get(key)]
        if wrong:
            yield Problem(
                "deltas",
                f"{len(found)} deltas come to other sums in {len(wrong)} of {len(wanted)} windows, such as {wrong[0]!r}: "
                f"{sums.get(wrong[0])} for {wanted.get(wrong[0])}",
            )

    def _audit(self) -> Iterable[Problem]:
        """The figures are what the facts in the state come to, as ``stream audit`` finds it out."""
        settings = load(self.settings)
        facts, windows, *ends = asyncio.run(_state(settings, self.core))
        found = audit(self.core, selected(self.core), facts, windows, *ends)
        if found.differences or not found.windows:
            yield Problem(
                "audit",
                f"audit of {found.windows} sums: {len(found.differences)} differ, such as {found.differences[:1]}",
            )
        if found.wrong_answers or (self.core.answers and not found.answers):
            yield Problem(
                "answers",
                f"audit of {found.answers} answers: {len(found.wrong_answers)} are not with their customers as they stand on tickets, "
                f"such as {found.wrong_answers[:1]}",
            )


def _live_counts(rows: Mapping[bytes, bytes]) -> Counter[tuple[bytes, int, int]]:
    """(Segment, minute, slot) -> count, of rows of the windows stage."""
    counts: Counter[tuple[bytes, int, int]] = Counter()
    for key, value in rows.items():
        if key[:1] == LIVE_KIND:
            _, _, start, segment = parse_key(key)
            for packed, count in decode_counts(value).items():
                counts[segment, start + packed % 64, packed // 64] += count
    return counts


def _sums(rows: Mapping[bytes, bytes]) -> dict[bytes, dict[int, int]]:
    """Row key -> what is in it of sums that are not 0, of the rows of windows."""
    sums: dict[bytes, dict[int, int]] = {}
    for key, value in rows.items():
        if key[:1] == ROLLUP_KIND:
            tally = decode_window(value).tally
            drop_zeros(tally)
            if tally:
                sums[key] = tally
    return sums


def _firing(states: Mapping[bytes | None, str]) -> set[bytes | None]:
    """Alerts about the day that fire."""
    return {key for key, state in states.items() if state == "firing" and key and b"/daily/" in key}


def _alert(value: bytes | None) -> tuple[int, str]:
    """Revision and state of an alert event."""
    event = orjson.loads(value or b"")
    return int(event["id"].rsplit("/", 1)[1]), event["data"]["state"]


class Publisher(AbstractContextManager["Publisher"]):
    """Writes traffic in a thread of its own while workers are tormented; leaving the block waits for its end."""

    def __init__(self, trial: Trial, arrivals: Sequence[Arrival], per_second: float | None = None) -> None:
        self._trial = trial
        self._arrivals = arrivals
        self._per_second = per_second
        self._failure: BaseException | None = None
        self._hurry = threading.Event()
        self.sent = 0
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hurry.set()
        if kind is None:
            self._thread.join()
            if self._failure is not None:
                raise self._failure

    @property
    def done(self) -> bool:
        """Whether everything is acknowledged."""
        return not self._thread.is_alive()

    def _guarded(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as exc:  # raised again where the block is left
            self._failure = exc

    async def _run(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._trial.bootstrap,
            enable_idempotence=True,
            acks="all",
            linger_ms=5,
            max_batch_size=1 << 17,
            request_timeout_ms=180_000,
        )
        await producer.start()
        prefix = self._trial.core.topics.prefix
        try:
            clock = asyncio.get_running_loop().time
            begun = clock()
            for arrival in self._arrivals:
                if self._per_second is not None and self.sent % 50 == 0 and not self._hurry.is_set():
                    await asyncio.sleep(max(0.0, begun + self.sent / self._per_second - clock()))
                await producer.send(prefix + arrival.short, arrival.value, arrival.key)
                self.sent += 1
            await producer.flush()
        finally:
            await producer.stop()
