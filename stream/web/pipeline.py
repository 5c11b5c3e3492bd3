"""The pipeline's own families, ``contact_centre_stream_``: what went in, how far it came, what it cost."""

import time
from collections.abc import Callable, Mapping

from stream.core.config import window_label
from stream.core.snapshot import Snapshot
from stream.web.status import SourceView, Status
from stream.web.text import Family, FamilyType, labels, sample

PREFIX = "contact_centre_stream_"

_FAMILIES: tuple[tuple[str, FamilyType, str], ...] = (
    ("events", "counter", "Source records by outcome and, where it has one, reason; kept over restarts"),
    ("consumed", "counter", "Records taken in since the process started, the stages' own topics included"),
    (
        "fetch_gaps",
        "counter",
        "Fetched batches with something missing before them: refused and fetched again",
    ),
    ("fetch_overlaps", "counter", "Fetched batches of which a part had been applied already"),
    ("too_late", "counter", "Measures that came after the last correction horizon and changed nothing"),
    (
        "windows_too_late",
        "counter",
        "Measures that came after the last correction horizon of these rollup windows, over all segments; longer windows may have them",
    ),
    (
        "first_replies_unwatched",
        "gauge",
        "First replies of authors beyond STREAM_MAX_LABEL_VALUES a day, of whom nobody looks whether they are bots",
    ),
    ("dead_letters_truncated", "counter", "Dead letters whose value was cut to what the brokers take"),
    ("label_values_overflowed", "gauge", "Label sets beyond the cardinality limit, shown as __other__"),
    ("watermark_age_seconds", "gauge", "How far a source partition's watermark is behind the wall clock"),
    ("event_clock_timestamp_seconds", "gauge", "Where running windows end, in seconds since the epoch"),
    ("lag_records", "gauge", "Records between the applied position and the end of the topic"),
    ("ready", "gauge", "1 when the worker is assigned, recovered and committing"),
    ("checkpoint_seconds", "gauge", "Duration of the stage's last commit"),
    ("checkpoints", "counter", "Commits of the stage since the process started"),
    ("state_rows", "gauge", "Rows of state that the partition holds"),
    ("state_bytes", "gauge", "Bytes of the partition's rows, estimated from a sample"),
    ("recovery_seconds", "gauge", "From assignment to readiness, the last time"),
    ("recovery_rows", "gauge", "Changelog records read by the current or last recovery"),
    (
        "http_refused",
        "counter",
        "Requests that the HTTP port did not serve: by status, or busy (too many waiting), or slow (took too long)",
    ),
    ("build", "info", "Version of the program and of what it runs on"),
)


def pipeline_families(
    status: Status,
    event_clock_ms: int,
    build: Mapping[str, str],
    refused: Mapping[str, int],
    *,
    ready: bool,
    now: Callable[[], float] = time.time,
) -> list[Family]:
    """The families of one status. ``event_clock_ms``: where running windows end, -1 for nowhere yet. ``refused``: of requests."""
    now_ms = int(now() * 1000)
    lines: dict[str, list[str]] = {name: [] for name, _, _ in _FAMILIES}

    def add(name: str, value: float, *pairs: tuple[str, str], suffix: str = "") -> None:
        lines[name].append(sample(f"{PREFIX}{name}{suffix}", labels(pairs), value))

    for part in status.parts.values():
        partition = ("partition", str(part.partition))
        add("state_rows", part.rows, ("stage", part.stage), partition)
        add("state_bytes", part.row_bytes, ("stage", part.stage), partition)
        view = part.view
        if isinstance(view, Snapshot):
            for metric, windows in view.too_late.items():
                for window_ms, number in windows.items():
                    window = ("window", window_label(window_ms))
                    add("windows_too_late", number, *_metric(metric), window, partition, suffix="_total")
            if view.unwatched:
                add("first_replies_unwatched", view.unwatched, partition)
        if not isinstance(view, SourceView):
            continue
        for topic, counts in view.counts.items():
            for outcome_reason, number in counts.items():
                outcome, _, reason = outcome_reason.partition(":")
                why = (("reason", reason),) if reason else ()
                add(
                    "events", number, ("topic", topic), partition, ("outcome", outcome), *why, suffix="_total"
                )
        # Partitions of the customers stage have the numbers of others.
        stage_label = () if part.stage == "tickets" else (("stage", part.stage),)
        if view.watermark_ms >= 0:
            add("watermark_age_seconds", max(0, now_ms - view.watermark_ms) / 1000, partition, *stage_label)
        for label, number in view.overflowed.items():
            add("label_values_overflowed", number, ("label", label), partition, *stage_label)
        for metric, number in view.too_late.items():
            add("too_late", number, *_metric(metric), partition, suffix="_total")
        for topic, number in view.truncated.items():
            add("dead_letters_truncated", number, ("topic", topic), partition, suffix="_total")
    for (topic, partition_number), behind in status.lag.items():
        add("lag_records", behind, ("topic", topic), ("partition", str(partition_number)))
    for stage, commits in status.commits.items():
        add("checkpoints", commits.count, ("stage", stage), suffix="_total")
        if commits.count:
            add("checkpoint_seconds", commits.seconds, ("stage", stage))
    for topic, number in status.consumed.items():
        add("consumed", number, ("topic", topic), suffix="_total")
    add("fetch_gaps", status.gaps, suffix="_total")
    add("fetch_overlaps", status.overlaps, suffix="_total")
    add("ready", int(ready))
    add("recovery_rows", status.recovery.rows)
    if status.recovery.seconds is not None:
        add("recovery_seconds", status.recovery.seconds)
    if event_clock_ms >= 0:
        add("event_clock_timestamp_seconds", event_clock_ms / 1000)
    for reason, number in refused.items():
        add("http_refused", number, ("reason", reason), suffix="_total")
    add("build", 1, *build.items(), suffix="_info")
    return [Family(f"{PREFIX}{name}", kind, text, lines[name]) for name, kind, text in _FAMILIES]


def _metric(full_name: str) -> tuple[tuple[str, str], ...]:
    """Labels of a metric by its full name: ``profile`` only where it is not the default one."""
    profile, _, name = full_name.rpartition("/")
    return (("metric", name), ("profile", profile)) if profile else (("metric", name),)
