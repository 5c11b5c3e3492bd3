"""The pipeline's own families, ``contact_centre_stream_``: what went in, how far it came, what it cost."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from stream.web.text import Family, FamilyType, labels, sample

PREFIX = "contact_centre_stream_"


class SourceStatus(NamedTuple):
    """One source partition (all co-partitioned topics of that number) that this worker owns. Times in milliseconds."""

    partition: int
    counts: Mapping[str, Mapping[str, int]]
    """Topic -> ``outcome`` or ``outcome:reason`` -> records, as persisted with the state: restarts do not reset them."""
    watermark_ms: int
    """-1 for none."""
    overflowed: Mapping[str, int]
    """Label -> label sets that the cardinality guard sent to ``__other__``."""
    too_late: Mapping[str, int] = {}
    """Metric -> differences that came after the last horizon."""


class StageStatus(NamedTuple):
    """One partition of one stage."""

    stage: str
    partition: int
    rows: int
    row_bytes: int


class PipelineStatus(NamedTuple):
    """What the runtime knows about itself at one instant."""

    ready: bool
    sources: Sequence[SourceStatus] = ()
    stages: Sequence[StageStatus] = ()
    lag: Mapping[tuple[str, int], int] = {}
    """(topic, partition) -> records behind the end."""
    checkpoint_seconds: Mapping[str, float] = {}
    """Stage -> duration of its last commit."""
    checkpoints: Mapping[str, int] = {}
    """Stage -> commits since start."""
    recovery_seconds: float | None = None
    """Duration of the last recovery; None while it runs or before the first."""
    build: Mapping[str, str] = {}


def pipeline_families(
    status: PipelineStatus, event_clock_ms: int, now: Callable[[], float] = time.time
) -> list[Family]:
    """The families of one status. ``event_clock_ms``: where running windows end, -1 for nowhere yet."""
    now_ms = int(now() * 1000)
    lines: dict[str, list[str]] = {name: [] for name, _, _ in _FAMILIES}

    def add(name: str, value: float, *pairs: tuple[str, str], suffix: str = "") -> None:
        lines[name].append(sample(f"{PREFIX}{name}{suffix}", labels(pairs), value))

    for source in status.sources:
        partition = ("partition", str(source.partition))
        for topic, counts in source.counts.items():
            for outcome_reason, number in counts.items():
                outcome, _, reason = outcome_reason.partition(":")
                pairs = (("topic", topic), partition, ("outcome", outcome), ("reason", reason))
                add("events", number, *pairs, suffix="_total")
        if source.watermark_ms >= 0:
            add("watermark_age_seconds", max(0, now_ms - source.watermark_ms) / 1000, partition)
        for label, number in source.overflowed.items():
            add("label_values_overflowed", number, ("label", label), partition)
        for metric, number in source.too_late.items():
            add("too_late", number, ("metric", metric), partition, suffix="_total")
    for (topic, number), behind in status.lag.items():
        add("lag_records", behind, ("topic", topic), ("partition", str(number)))
    for stage in status.stages:
        where = (("stage", stage.stage), ("partition", str(stage.partition)))
        add("state_rows", stage.rows, *where)
        add("state_bytes", stage.row_bytes, *where)
    for name, seconds in status.checkpoint_seconds.items():
        add("checkpoint_seconds", seconds, ("stage", name))
    for name, number in status.checkpoints.items():
        add("checkpoints", number, ("stage", name), suffix="_total")
    add("ready", int(status.ready))
    if status.recovery_seconds is not None:
        add("recovery_seconds", status.recovery_seconds)
    if event_clock_ms >= 0:
        add("event_clock_timestamp_seconds", event_clock_ms / 1000)
    add("build", 1, *status.build.items(), suffix="_info")
    return [Family(f"{PREFIX}{name}", kind, text, lines[name]) for name, kind, text in _FAMILIES]


_FAMILIES: tuple[tuple[str, FamilyType, str], ...] = (
    (
        "events",
        "counter",
        "Source records by outcome (applied, duplicate, skipped, dead_lettered) and reason",
    ),
    (
        "too_late",
        "counter",
        "Differences of a metric that came after the last correction horizon and changed nothing",
    ),
    ("label_values_overflowed", "gauge", "Label sets beyond the cardinality limit, shown as __other__"),
    ("watermark_age_seconds", "gauge", "How far a source partition's watermark is behind the wall clock"),
    ("event_clock_timestamp_seconds", "gauge", "Where running windows end, in seconds since the epoch"),
    ("lag_records", "gauge", "Records between the applied position and the end of the topic"),
    ("ready", "gauge", "1 when the worker is assigned, recovered and committing"),
    ("checkpoint_seconds", "gauge", "Duration of the stage's last commit"),
    ("checkpoints", "counter", "Commits of the stage since the process started"),
    ("state_rows", "gauge", "Rows of state that the partition holds"),
    ("state_bytes", "gauge", "Bytes of keys and values of the partition's rows"),
    ("recovery_seconds", "gauge", "Duration of the last recovery of state"),
    ("build", "info", "Version of the program and of what it runs on"),
)
