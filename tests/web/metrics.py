"""Metrics in the registry's form, small enough to check an exposition by hand, and snapshots of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stream.core.measure import EXCLUDED_SLOTS, Figure, Series, Tally
from stream.core.metric import LiveSeries, Metric
from stream.core.snapshot import AlertSnapshot, SegmentSnapshot, Snapshot
from stream.web.status import SourceView

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
GOOD = EXCLUDED_SLOTS
BAD = EXCLUDED_SLOTS + 1


def _share(tally: Tally) -> list[Figure]:
    good, bad = tally.get(GOOD, 0), tally.get(BAD, 0)
    n = good + bad
    return [Figure("share", n, good / n if n else None, "ratio", {"good": good})]


def _time(tally: Tally) -> list[Figure]:
    n, total = tally.get(GOOD, 0), tally.get(BAD, 0)
    quantiles: dict[str, float | None] | None = {"p50": total / n, "p90": 2 * total / n} if n else None
    return [Figure("time", n, total / n if n else None, "seconds", {"sum": total}, quantiles=quantiles)]


def _quantile(name: str) -> Series:
    def read(figure: Figure) -> float | None:
        return None if figure.quantiles is None else figure.quantiles[name]

    return Series("wait_seconds", "Time waited", read, (("quantile", f"0.{name[1:]}"),))


def _metric(number: int, name: str, series: tuple[Series, ...], figures, live=()) -> Metric:  # type: ignore[no-untyped-def]  # a test's shorthand
    return Metric(
        id=number,
        name=name,
        title=name,
        unit="ratio",
        definition="",
        source="",
        null_rule="",
        excluded_reasons=("no_team", "negative_duration"),
        reads=frozenset(),
        measures=lambda ticket, config: [],
        series=series,
        figures=figures,
        live=bool(live),
        live_series=live,
    )


SHARE = _metric(
    1,
    "share",
    (
        Series("share_ratio", "Share of good ones", lambda figure: figure.value),
        Series("share_answers", "Answers", lambda figure: figure.n),
    ),
    _share,
)
TIME = _metric(
    5,
    "time",
    (
        Series("wait_seconds_count", "Number of waits", lambda figure: figure.n),
        _quantile("p50"),
        Series("wait_seconds_mean", "Mean of waits", lambda figure: figure.value),
        _quantile("p90"),
        Series("wait_seconds_sum", "Sum of waits", lambda figure: figure.parts["sum"] if figure.n else None),
    ),
    _time,
)
LIVE = _metric(
    8, "live", (), lambda tally: [], (LiveSeries(16, "open_now", "oldest_open_age_seconds", "Open"),)
)
METRICS = (SHARE, TIME, LIVE)


class Part(NamedTuple):
    stage: str
    partition: int
    view: object
    rows: int = 0
    row_bytes: int = 0


@dataclass(frozen=True)
class Commits:
    count: int
    seconds: float


class Recovery(NamedTuple):
    rows: int = 0
    expected: int = 0
    seconds: float | None = None


class Status(NamedTuple):
    """A status in the runtime's shape."""

    parts: Mapping[tuple[str, int], Part] = {}
    state: str = "running"
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    generation: int = 1
    lag: Mapping[tuple[str, int], int] = {}
    commits: Mapping[str, Commits] = {}
    recovery: Recovery = Recovery()
    consumed: Mapping[str, int] = {}
    gaps: int = 0
    overlaps: int = 0


def segment(
    labels: Mapping[str, str],
    windows: Mapping[int, Mapping[int, int]] | None = None,
    seen: Iterable[int] | None = None,
    live: Mapping[int, tuple[int, int]] | None = None,
) -> SegmentSnapshot:
    windows = windows or {}
    ids = {
        window: frozenset(seen if seen is not None else {slot // 4096 for slot in windows[window]})
        for window in windows
    }
    name = "&".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return SegmentSnapshot(name, tuple(labels.items()), windows, ids, live or {})


def snapshot(
    *segments: SegmentSnapshot,
    now_ms: int = -1,
    alerts: Sequence[AlertSnapshot] = (),
    too_late: Mapping[str, Mapping[int, int]] | None = None,
) -> Snapshot:
    return Snapshot(now_ms, now_ms, {one.segment: one for one in segments}, tuple(alerts), too_late or {})


def status(*views: Snapshot | SourceView, **more: object) -> Status:
    parts = {}
    for number, view in enumerate(views):
        stage = "windows" if isinstance(view, Snapshot) else "tickets"
        parts[stage, number] = Part(stage, number, view, rows=10, row_bytes=1000)
    return Status(parts, **more)  # type: ignore[arg-type]  # fields by name
