"""Every vector, against the core and against ``stream backfill``: bytes in, figures out."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.core.config import CoreConfig
from stream.core.fold import CHUNK
from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.metrics import METRICS
from tests.support.histories import wire_time
from tests.support.pipeline import Pipeline
from tests.vectors.cases import COMMIT, SETTINGS, Case, cases
from tests.vectors.check import complaints
from tests.vectors.told import Told

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
"""When the events are read: after all of them."""
APART = [
    case
    for case in cases()
    if "correction_horizon" in case.settings or (case.settings and COMMIT in case.events)
]
"""Cases of which it matters when they were committed."""
TOGETHER = [case for case in cases() if case not in APART]
every_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.tenant)
"""Parametrised by name, so that ``-k csat`` runs those of one metric."""


def core_of(case: Case) -> CoreConfig:
    """Windows take what comes however late, as in a backfill, unless the case has a horizon."""
    config = case.load().core()
    if "correction_horizon" in case.settings:
        return config
    return msgspec.structs.replace(config, horizons_ms=dict.fromkeys(config.rollup_windows_ms, -1))


def records(batch: Iterable[Told], config: CoreConfig, offsets: Counter[str]) -> list[SourceRecord]:
    """A batch as it stands in the logs."""
    found = []
    for one in batch:
        topic = config.topics.prefix + one.topic
        partition = murmur2_partition(one.key, config.source_partitions)
        found.append(SourceRecord(topic, partition, offsets[topic], NOW_MS, one.key, one.value))
        offsets[topic] += 1
    return found


def run(config: CoreConfig, batches: Sequence[Sequence[Told]]) -> Pipeline:
    """Both stages over the batches, with a commit behind each."""
    pipeline = Pipeline(config)
    offsets: Counter[str] = Counter()
    for batch in batches:
        pipeline.feed(records(batch, config, offsets))
        pipeline.commit_tickets()
        pipeline.commit_windows()
    pipeline.close()
    return pipeline


def standing(pipeline: Pipeline) -> list[Mapping[str, Any]]:
    """The last rollup of each key."""
    last = {rollup.key: rollup.value for rollup in pipeline.rollups}
    return [json.loads(value or b"")["data"] for value in last.values()]


@every_case
def test_the_core_says_so(case: Case) -> None:
    pipeline = run(core_of(case), case.batches())
    assert complaints(case, standing(pipeline)) == []
    assert live_of(pipeline, case) == expected_live(case)
    outcomes: Counter[str] = Counter()
    too_late: Counter[str] = Counter()
    for shard in pipeline.tickets:
        too_late += Counter(shard.too_late)
        for counts in shard.counts.values():
            outcomes += Counter(counts)
    refused = {name.partition(":")[2]: n for name, n in outcomes.items() if name.startswith("dead_lettered:")}
    assert refused == case.refused
    assert too_late == case.too_late


@pytest.mark.parametrize(
    "case", [case for case in cases() if len(case.batches()) == 1], ids=lambda case: case.tenant
)
def test_the_core_says_so_of_events_that_come_backwards_one_by_one(case: Case) -> None:
    """Each is committed before the next one comes: what was published is revised on and on."""
    (events,) = case.batches()
    pipeline = run(core_of(case), [[one] for one in reversed(events)])
    assert complaints(case, standing(pipeline)) == []
    assert live_of(pipeline, case) == expected_live(case)


LIVE = {metric.slot(one.slot): one.count_name for metric in METRICS for one in metric.live_series}


def live_of(pipeline: Pipeline, case: Case) -> dict[str, dict[str, tuple[int, int]]]:
    """Segment -> series -> count, and since when in milliseconds, of the segments that a case names."""
    names = {
        f"{one.get('segment', '')}&tenant={case.tenant}".strip("&"): one.get("segment", "")
        for one in case.live
    }
    found = {segment: dict.fromkeys(LIVE.values(), (0, -1)) for segment in names.values()}
    for shard in pipeline.windows:
        for name, segment in shard.snapshot.segments.items():
            sorted_name = "&".join(sorted(name.split("&"), key=lambda pair: pair.startswith("tenant=")))
            if sorted_name in names:
                found[names[sorted_name]] |= {LIVE[slot]: count for slot, count in segment.live.items()}
    return found


def expected_live(case: Case) -> dict[str, dict[str, tuple[int, Any]]]:
    """The same as the case says it. Where it does not say since when, any instant is right."""
    found: dict[str, dict[str, tuple[int, Any]]] = {}
    for one in case.live:
        series: dict[str, tuple[int, Any]] = dict.fromkeys(LIVE.values(), (0, -1))
        for name, text in one.items():
            if name != "segment":
                count, _, since = text.partition(" since ")
                series[name] = (int(count), _instant_ms(since, case.day) if since else Anything())
        found[one.get("segment", "")] = series
    return found


class Anything:
    """Equal to whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def _instant_ms(text: str, day: str) -> int:
    stamp = text if "T" in text else f"{day}T{text}"
    return int(datetime.fromisoformat(f"{stamp}+00:00").timestamp()) * 1000


def backfill(folder: Path, lines: Sequence[bytes], case: Case) -> list[Mapping[str, Any]]:
    """The rollups of one run of the program."""
    archive, out = folder / "in.ndjson", folder / "out.ndjson"
    archive.write_bytes(b"".join(line + b"\n" for line in lines))
    environ = {name: text for name, text in os.environ.items() if not name.startswith("STREAM_")} | SETTINGS
    arguments = ["backfill", archive, "--rollups", out, "--now", wire_time(NOW_MS)]
    environ |= {f"STREAM_{name.upper()}": text for name, text in case.settings.items()}
    arguments += ["--horizon", "settings"] if "correction_horizon" in case.settings else []
    done = subprocess.run(
        [sys.executable, "-m", "stream", *map(str, arguments)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["data"] for line in out.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], list[Mapping[str, Any]]]:
    """The rollups of all cases of one commit that have the same settings: one archive, one run for all of them."""
    runs: dict[tuple[tuple[str, str], ...], list[Mapping[str, Any]]] = {}

    def of(case: Case) -> list[Mapping[str, Any]]:
        settings = tuple(sorted(case.settings.items()))
        if settings not in runs:
            alike = [one for one in TOGETHER if one.settings == case.settings]
            told = [one.value for like in alike for batch in like.batches() for one in batch]
            runs[settings] = backfill(tmp_path_factory.mktemp("backfill"), told, case)
        return runs[settings]

    return of


@pytest.mark.parametrize("case", TOGETHER, ids=lambda case: case.tenant)
def test_a_backfill_of_all_with_its_settings_says_so(
    case: Case, backfilled: Callable[[Case], list[Mapping[str, Any]]]
) -> None:
    assert complaints(case, backfilled(case)) == []


@pytest.mark.parametrize("case", APART, ids=lambda case: case.tenant)
def test_a_backfill_of_its_own_says_so(case: Case, tmp_path: Path) -> None:
    """A backfill passes its progress on every CHUNK records: a commit is made of repetitions, which change nothing."""
    lines: list[bytes] = []
    first, *more = case.batches()
    lines += [one.value for one in first]
    for batch in more:
        lines += [lines[-1]] * (-len(lines) % CHUNK)
        lines += [one.value for one in batch]
    assert complaints(case, backfill(tmp_path, lines, case)) == []
