"""``python -m tests.bench``: the product, the raw ceiling and a plain Faust app on one job, in interleaved rounds on a real Kafka.

CPU seconds (user and system, of the whole process tree) per million events are the figure to trust on a shared machine. What each
round came to is checked against what the generator knows to be right: a fast wrong answer is no answer.
"""

import argparse
import logging
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

import orjson

from stream.core.topics import Topics
from tests.bench import measure, report
from tests.bench.job import STREAMS, Job
from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.ports import free_ports

PLAIN_TICKETS = 2_000
"""The plain app needs minutes for what the others do in seconds: it gets a part of the job."""

SHARES = {"day": 1.0, "voice": 0.5, "long": 0.1}
"""Of the day's tickets: so that the streams are of some hundred thousand events each."""

PARTITIONS = 4
"""Of each source topic."""

EVERYTHING: Mapping[str, str] = {}
JOB_ONLY = {"STREAM_METRICS": "csat,first_reply_time", "STREAM_GROUPINGS": "team+channel"}


class Case(NamedTuple):
    """A contender's rounds."""

    name: str
    events: int
    costs: list[measure.Cost]

    def cpu(self) -> list[float]:
        """CPU seconds per million events, of each round."""
        return [cost.cpu_seconds / self.events * 1e6 for cost in self.costs]

    def rate(self) -> list[float]:
        """Events per elapsed second, of each round."""
        return [self.events / cost.wall_seconds for cost in self.costs]


class Bench:
    """One stream on one broker."""

    def __init__(
        self,
        kafka: Kafka,
        folder: Path,
        stream: str,
        tickets: int,
        *,
        partitions: int = PARTITIONS,
        name: str = "",
    ) -> None:
        """``name``: of one of several of the same stream and size."""
        self.kafka = kafka
        self.folder = folder
        self.prefix = f"{stream}{name}-{partitions}."
        self.job: Job = STREAMS[stream](tickets, topics=Topics(prefix=self.prefix))
        self.events = len(self.job.records)
        self._partitions = partitions
        self._rounds = 0
        self._create(self.prefix)

    def publish(self) -> Self:
        """Write the stream to its topics."""
        topics.write(self.kafka.bootstrap, [(one.topic, one.key, one.value) for one in self.job.records])
        return self

    def _create(self, prefix: str) -> None:
        env = {
            "STREAM_BROKERS": self.kafka.bootstrap,
            "STREAM_TOPIC_PREFIX": prefix,
            "STREAM_APP_ID": f"{prefix}bench",
            "STREAM_PARTITIONS": str(self._partitions),
        }
        measure.run(["-m", "stream", "topics", "create"], self.folder, env)

    def raw(self) -> measure.Cost:
        """The ceiling."""
        names = [f"{self.prefix}{name}" for name in ("tickets", "replies", "surveys")]
        cost = measure.run(["-m", "tests.bench.raw", self.kafka.bootstrap, *names], self.folder)
        assert int(cost.output.split()[-1]) == self.events, cost.output
        return cost

    def product(self, settings: Mapping[str, str], workers: int = 1) -> measure.Cost:
        """Workers from nothing to the end of the input: start, state, transactions, rollups, gauges scraped every second.

        Of several the sum of what they cost; elapsed time and memory of the one that had most.
        """
        self._rounds += 1
        env = self.env(self._rounds) | dict(settings)
        with ThreadPoolExecutor(workers) as pool:
            costs = list(pool.map(lambda _: self.drain(env), range(workers)))
        self.check(env["STREAM_APP_ID"])
        return measure.Cost(
            sum(cost.cpu_seconds for cost in costs),
            max(cost.wall_seconds for cost in costs),
            max(cost.peak_rss_bytes for cost in costs),
            costs[0].output,
        )

    def env(self, number: int) -> dict[str, str]:
        """Settings of a round: an application of its own."""
        return {
            "STREAM_BROKERS": self.kafka.bootstrap,
            "STREAM_TOPIC_PREFIX": self.prefix,
            "STREAM_APP_ID": f"{self.prefix}bench-{number}",
            "STREAM_PARTITIONS": str(self._partitions),
            "STREAM_CLOCK": "event",
        }

    def drain(self, env: Mapping[str, str]) -> measure.Cost:
        """One worker, to the end of what is there."""
        [port] = free_ports(1)
        more = {**env, "STREAM_HTTP_PORT": str(port)}
        return measure.run(["-m", "stream", "worker", "--drain"], self.folder, more, scrape_port=port)

    def check(self, app_id: str) -> None:
        """What was published is what the generator knows to be right."""
        source = b'"source":"/%s"' % app_id.encode()
        records = topics.read(self.kafka.bootstrap, [f"{self.prefix}rollups"])
        latest = topics.latest([one for one in records if source in (one.value or b"")])
        csat: Counter[tuple[str, str, int, str]] = Counter()
        first_reply: Counter[tuple[str, str, int, str]] = Counter()
        for key, value in latest.items():
            assert key is not None
            name = key.split(b"/", 2)[1]
            if name not in {b"csat", b"first_reply_time"} or not key.endswith(b"/60"):
                continue
            data = orjson.loads(value)["data"]
            labels = data["segment"]
            if labels.keys() != {"tenant", "team", "channel"}:
                continue
            minute = report.minute_of(data["window_start"])
            where = labels["team"], labels["channel"], minute
            if name == b"csat":
                csat[*where, "n"] += data["n"]
                csat[*where, "good"] += data["parts"]["satisfied"]
            else:
                first_reply[*where, "n"] += data["n"]
                first_reply[*where, "sum_ms"] += round(data["parts"]["sum"] * 1000)
        assert csat == self.job.csat, "csat differs from what is right"
        assert first_reply == self.job.first_reply, "first replies differ from what is right"

    def plain(self) -> tuple[int, measure.Cost]:
        """A plain Faust app on a part of the job; the events of the part, and what it cost."""
        prefix = f"plain-{self.prefix}"
        part = STREAMS["day"](PLAIN_TICKETS, topics=Topics(prefix=prefix))
        self._create(prefix)
        topics.write(self.kafka.bootstrap, [(one.topic, one.key, one.value) for one in part.records])
        events = len(part.records)
        arguments = ["-m", "tests.bench.plain_faust", self.kafka.bootstrap, prefix, str(events)]
        return events, measure.run(arguments, self.folder)


def main(arguments: Sequence[str]) -> int:
    """Measure, print a table, and write it into the documents if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--tickets",
        type=int,
        default=100_000,
        help="of the day; the other streams have half and a tenth of it",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", default="day", help=f"of {', '.join(STREAMS)}")
    parser.add_argument("--plain", action="store_true", help="a plain Faust app as well, once")
    parser.add_argument("--write", action="store_true", help="the table and the picture, into deploy/")
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        tables: dict[str, list[Case]] = {}
        for stream in chosen.streams.split(","):
            folder = Path(temporary) / stream
            folder.mkdir()
            with Kafka(lasting=True) as kafka:
                tables[stream] = _measure(kafka, folder, stream, chosen)
            print(report.table(stream, _rows(tables[stream])), flush=True)
    print(f"Python {platform.python_version()}, {platform.machine()}, {report.cores()}")
    if chosen.write:
        report.write({stream: _rows(cases) for stream, cases in tables.items()}, sys.argv[1:])
    return 0


def _measure(kafka: Kafka, folder: Path, stream: str, chosen: argparse.Namespace) -> list[Case]:
    bench = Bench(kafka, folder, stream, round(chosen.tickets * SHARES[stream])).publish()
    raw = Case("raw: fetch and parse", bench.events, [])
    everything = Case("everything on", bench.events, [])
    job_only = Case("the job's two metrics, one grouping set", bench.events, [])
    for number in range(chosen.rounds):
        raw.costs.append(bench.raw())
        everything.costs.append(bench.product(EVERYTHING))
        job_only.costs.append(bench.product(JOB_ONLY))
        print(f"{stream} round {number + 1}: " + ", ".join(
            f"{case.name} {case.cpu()[-1]:.1f}" for case in (raw, everything, job_only)
        ), flush=True)  # fmt: skip
    cases = [raw, everything, job_only]
    if chosen.plain and stream == "day":
        events, cost = bench.plain()
        cases.append(Case("plain Faust, the two metrics", events, [cost]))
    return cases


def _rows(cases: Sequence[Case]) -> list[report.Row]:
    ceiling = median(cases[0].cpu())
    return [
        report.Row(
            case.name,
            case.events,
            median(case.cpu()),
            (min(case.cpu()), max(case.cpu())),
            median(case.cpu()) / ceiling,
            median(case.rate()),
            max(cost.peak_rss_bytes for cost in case.costs),
        )
        for case in cases
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
