"""What one figure is made of, read from the rows of the windows partition that owns its segment. For ``stream explain``."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.live import LiveCounts
from stream.core.measure import Figure, Tally
from stream.core.metric import LiveSeries, Metric
from stream.core.pane import LIVE_KIND, META_KEY, levels, oldest_start, parse_key
from stream.core.progress import Progress, SourceProgress, stored_generation
from stream.core.publisher import figures, metric_for
from stream.core.rollup import FINAL, OPEN, REVISED, rollup_key
from stream.core.state_shape import shape
from stream.core.stock import with_stock
from stream.core.tally import FINAL_BIT, REVISED_BIT, REVISION_SHIFT, Window, decode_window, own_tallies


def window_name(window_ms: int) -> str:
    """``5m``, ``1h``, ``1d``: the shortest exact form of a length in whole minutes."""
    minutes = window_ms // MINUTE_MS
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


class ExplainError(ValueError):
    """There is no such figure; the message says which there are."""


class Earlier(NamedTuple):
    """The window of equal length directly before the one that is explained."""

    start_ms: int
    figures: tuple[Figure, ...]
    """The same figure, if there is one, or all of the metric's."""
    tally: Tally
    status: str
    revision: int


class Explanation(NamedTuple):
    """A figure and its circumstances. Times in milliseconds."""

    metric: Metric
    """The definition, with its source and null rule."""
    figures: tuple[Figure, ...]
    """The figure asked for, or all of the metric's."""
    tally: Tally
    """What the figures were computed from, in the metric's own slots."""
    key: str
    """Key of the rollup, for the first figure."""
    start_ms: int
    end_ms: int
    status: str
    """What the last rollup said: open, final or revised; before the first one what it would say."""
    revision: int
    """Of the last rollup; 0: none was published, nothing was ever measured in this window."""
    watermark_ms: int
    """-1 for none."""
    sources: Mapping[int, SourceProgress]
    """Source partition -> its progress: which one holds the watermark back."""
    expired: bool
    """The window's tallies are deleted: its last rollup is all that is left of it."""
    too_late: int | None = None
    """None: nothing can have come too late, the window still takes corrections from all sources. Else about how many measures of the metric
    did for windows of this length, each in every segment of the partition that it belongs to: all that is known of what was not taken."""
    before: Earlier | None = None
    """None where its tallies are deleted, or there is no such window."""


class LiveFigure(NamedTuple):
    """One live count, and since when its oldest is so."""

    series: LiveSeries
    n: int
    oldest_ms: int
    """To the pane's width: a minute, or a day where it is older than any horizon. -1 where n is 0."""


class LiveExplanation(NamedTuple):
    """Live counts of a segment and their circumstances, as in the rows."""

    metric: Metric
    figures: tuple[LiveFigure, ...]
    watermark_ms: int
    sources: Mapping[int, SourceProgress]


def live_series(name: str, metrics: Sequence[Metric]) -> tuple[Metric, tuple[LiveSeries, ...]] | None:
    """The live metric of that name with all its counts, or with the one that is called so (or its age); None if nothing is."""
    for metric in metrics:
        if metric.live:
            found = [one for one in metric.live_series if name in (metric.name, one.count_name, one.age_name)]
            if found:
                return metric, tuple(found)
    return None


def windowed_metric(name: str, metrics: Sequence[Metric], profile: str | None = None) -> Metric:
    """The metric that has figures of that name in windows, by the definition of a profile, else of the first that has it.

    Raises ExplainError naming those there are.
    """
    metric = metric_for(name, metrics, profile)
    if metric is None:
        if metric_for(name, metrics) is not None:
            profiles = ", ".join(one.profile for one in metrics if metric_for(name, (one,)) is not None)
            raise ExplainError(
                f"{name!r} is not computed under the profile {profile!r} (STREAM_PROFILES); it is under: {profiles}"
            )
        windowed = ", ".join(dict.fromkeys(one.name for one in metrics if not one.live))
        raise ExplainError(
            f"{name!r} is no configured metric with windows (STREAM_METRICS); there are: {windowed}"
        )
    return metric


def explain(
    rows: Mapping[bytes, bytes],
    config: CoreConfig,
    metrics: Sequence[Metric],
    name: str,
    segment: str,
    *,
    start_ms: int,
    window_ms: int,
    profile: str | None = None,
) -> Explanation:
    """Explain the figure ``name`` of a segment (``tenant=acme&team=billing``) in one rollup window.

    ``rows`` are those of the partition that :func:`stream.core.delta.segment_partition` gives. Raises ExplainError, and what reading
    the rows raises: DamagedRowError, ShapeChangedError.
    """
    metric = windowed_metric(name, metrics, profile)
    by_width = {level.width * MINUTE_MS: level for level in levels(config) if level.rollup}
    level = by_width.get(window_ms)
    if level is None:
        lengths = ", ".join(window_name(length) for length in by_width)
        raise ExplainError(
            f"no rollups of that window are kept (STREAM_ROLLUP_WINDOWS); there are: {lengths}"
        )
    if start_ms % window_ms:
        raise ExplainError(
            f"no window of {window_name(window_ms)} starts there: windows are aligned to the epoch in UTC"
        )
    config, progress = _progress(rows, config, metrics)
    live = _live(rows, config) if metric.stock is not None else None
    known = {one.id for one in metrics if not one.live}
    kept_from_ms = max(level.late_before(progress.watermark_ms) * MINUTE_MS, progress.floor_ms)

    def read(at_ms: int) -> Earlier:
        """One window of the figure, whichever."""
        start = at_ms // MINUTE_MS
        raw = rows.get(level.key(start, segment.encode()))
        window = Window() if raw is None else decode_window(raw)
        if window.generation < config.generation:
            window.renew(config.generation, known)
        own = own_tallies(window.tally, (metric.id,))[metric.id]
        if live is not None:
            own = with_stock(metric, own, live, segment.encode(), start)
        found = [one for one in figures(metric, own) if name in (metric.name, one.metric)]
        state = window.states.get(metric.id, 0)
        ended = at_ms + window_ms + metric.settle_ms <= progress.watermark_ms or progress.closed
        status = REVISED if state & REVISED_BIT else FINAL if state & FINAL_BIT or ended else OPEN
        return Earlier(at_ms, tuple(found), own, status, state >> REVISION_SHIFT)

    newest_ms = max(progress.watermark_ms, progress.newest_watermark_ms)
    takes_from_ms = max(level.late_before(newest_ms) * MINUTE_MS, progress.floor_ms)
    this = read(start_ms)
    if not this.figures:
        raise ExplainError(f"nothing was ever measured for {name!r} in this window; ask for {metric.name!r}")
    before_ms = start_ms - window_ms
    return Explanation(
        metric=metric,
        figures=this.figures,
        tally=this.tally,
        key=rollup_key(metric.profile, name, segment, start_ms // MINUTE_MS, level.width),
        start_ms=start_ms,
        end_ms=start_ms + window_ms,
        status=this.status,
        revision=this.revision,
        watermark_ms=progress.watermark_ms,
        sources=progress.sources,
        expired=start_ms < kept_from_ms,
        too_late=None
        if start_ms >= takes_from_ms
        else progress.too_late.get(metric.full_name, {}).get(window_ms, 0),
        before=read(before_ms) if before_ms >= max(kept_from_ms, 0) else None,
    )


def explain_live(
    rows: Mapping[bytes, bytes], config: CoreConfig, metrics: Sequence[Metric], name: str, segment: str
) -> LiveExplanation:
    """Explain live counts of a segment: all of a live metric, or the one called ``name``. ``rows`` and what is raised: as above."""
    found = live_series(name, metrics)
    if found is None:
        raise ExplainError(f"{name!r} is no configured live count (STREAM_METRICS)")
    metric, asked = found
    config, progress = _progress(rows, config, metrics)
    live = _live(rows, config)
    live.fold(progress.watermark_ms // MINUTE_MS)
    raw = segment.encode()
    figures = []
    for series in asked:
        count, oldest = live.count(raw, metric.slot(series.slot))
        figures.append(LiveFigure(series, count, oldest * MINUTE_MS if oldest >= 0 else -1))
    return LiveExplanation(metric, tuple(figures), progress.watermark_ms, progress.sources)


def _progress(
    rows: Mapping[bytes, bytes], config: CoreConfig, metrics: Sequence[Metric]
) -> tuple[CoreConfig, Progress]:
    """How far a partition has come, and the settings with its generation. Raises ExplainError while that is being built."""
    meta = rows.get(META_KEY)
    where = "the windows changelog"
    if meta is not None:
        config = msgspec.structs.replace(config, generation=stored_generation(meta, where))
    progress = Progress(config)
    if meta is not None:
        progress.load(meta, where, shape(config, metrics))
    if progress.building:
        done, sources = progress.complete_sources()
        raise ExplainError(
            f"generation {config.generation} is being built ({done} of {sources} partitions): ask again when the worker is ready"
        )
    return config, progress


def _live(rows: Mapping[bytes, bytes], config: CoreConfig) -> LiveCounts:
    """The partition's live counts and stocks."""
    live = LiveCounts(dict(rows), oldest_start(config))
    for key, raw in rows.items():
        if key[:1] == LIVE_KIND:
            _, width, row_start, name = parse_key(key)
            live.load(width, row_start, name, raw)
    return live
