"""Which figures of which windows are published at a flush, and as what: open, final or revised."""

from collections.abc import Sequence, Set

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.live import LiveCounts
from stream.core.loops import shares
from stream.core.measure import Figure
from stream.core.metric import Metric
from stream.core.record import Output
from stream.core.rollup import FINAL, OPEN, REVISED, Rendered, RollupWriter
from stream.core.stock import with_stock
from stream.core.tally import (
    FINAL_BIT,
    METRIC_SHIFT,
    REVISED_BIT,
    REVISION_SHIFT,
    REVISIONS_PER_GENERATION,
    own_tally,
)
from stream.core.window_store import Place, WindowStore

CATCHING_UP_MS = 60_000
"""This far behind its usual distance from the clock, the watermark is catching up with it ..."""
OPEN_INTERVAL_MS = 5_000
"""... and windows that are open, thus about to become final, are published this often and not at every flush."""

KEPT_FIGURES = 5_000
"""Rendered figures kept in mind, some 3 MB."""
SHORT = 1 + 2 * 8
"""Tallies of more slots than eight, thus shares longer than this, are hardly ever equal."""

FOREVER = 2**62
"""Minutes that no metric takes to settle."""

_NONE: Set[int] = frozenset()


class Publisher:
    """Turns touched and ended windows into rollups; the revision grows by 1 each time a metric of a window is published."""

    def __init__(
        self, config: CoreConfig, metrics: dict[int, Metric], store: WindowStore, live: LiveCounts
    ) -> None:
        """``metrics``: id -> metric, without live ones."""
        self._metrics = metrics
        self._store = store
        self._live = live
        self._settle = {metric_id: metric.settle_ms // MINUTE_MS for metric_id, metric in metrics.items()}
        self._usual_ms = config.lateness_ms + CATCHING_UP_MS
        self._writer = RollupWriter(config)
        self._rendered: dict[tuple[int, ...], Sequence[Rendered]] = {}
        """Metric's id, its slots and their sums -> its figures. Half of what is published has been rendered before: the one reply
        of a minute is that of its team, of its channel and of both."""
        self._revisions = (config.generation - 1) * REVISIONS_PER_GENERATION
        self._closed = False
        self._open_ms = 0

    def due(self, now_ms: int, watermark_ms: int) -> bool:
        """Whether figures of open windows that were put off may be published now."""
        return self.near(now_ms, watermark_ms) or now_ms - self._open_ms >= OPEN_INTERVAL_MS

    def near(self, now_ms: int, watermark_ms: int) -> bool:
        """Whether the watermark is as far behind the clock as it usually is."""
        return now_ms - watermark_ms <= self._usual_ms

    def publish(self, now_ms: int, watermark_ms: int, closed: bool) -> list[Output]:
        """Rollups of this instant: what the watermark has passed once, as final; then what changed."""
        store = self._store
        watermark = watermark_ms // MINUTE_MS
        publishes_open = self.due(now_ms, watermark_ms)
        if publishes_open:
            self._open_ms = now_ms
        ending = store.due(watermark, closed and not self._closed)
        self._closed = closed
        self._writer.begin(watermark_ms, now_ms)
        places = {**store.deferred, **store.dirty, **ending}
        store.deferred = {}
        outputs: list[Output] = []
        settle = self._settle
        settles = any(settle.values())
        for key in sorted(places):
            place = places[key]
            if len(self._rendered) > KEPT_FIGURES:
                self._rendered.clear()
            window = place.window
            over = closed or place.start + place.level.width <= watermark
            if over and not settles:
                ids: Set[int] = window.touched
                if key in ending:
                    ids = ids | {one for one, state in window.states.items() if not state & FINAL_BIT}
                ended = ids
            elif over:
                ids = window.touched | window.states.keys() if key in ending else window.touched
                past = FOREVER if closed else watermark - place.start - place.level.width
                ended = {one for one in ids if settle.get(one, 0) <= past}
                ids = {one for one in ended if not window.states[one] & FINAL_BIT} | window.touched
            else:
                ids = window.touched
                ended = _NONE
            if not publishes_open and not ids <= ended:
                ids = {one for one in ids if one in ended or window.states[one] & FINAL_BIT}
            if ids:
                store.dirty[key] = place
                self._write(place, ids, ended, outputs)
            if window.touched:
                store.deferred[key] = place
        return outputs

    def _write(self, place: Place, ids: Set[int], ended: Set[int], outputs: list[Output]) -> None:
        window = place.window
        window.tidy()
        own = shares(window.tally, METRIC_SHIFT)
        states = window.states
        write = self._writer.write
        render = self._render
        rendered = self._rendered
        self._writer.at(place)
        for metric_id in sorted(ids):
            metric = self._metrics.get(metric_id)
            if metric is None:
                continue
            state = states[metric_id]
            revision = max(state >> REVISION_SHIFT, self._revisions) + 1
            if state & FINAL_BIT:
                status = REVISED
                bits = FINAL_BIT | REVISED_BIT
            elif metric_id in ended:
                bits = FINAL_BIT | state & REVISED_BIT  # revised: an earlier generation said final
                status = REVISED if state & REVISED_BIT else FINAL
            else:
                status = OPEN
                bits = state & REVISED_BIT
            states[metric_id] = revision << REVISION_SHIFT | bits
            share = own.get(metric_id, (metric_id,))
            if metric.stock is not None or len(share) > SHORT:
                found = render(metric, share, place)
            else:
                if (known := rendered.get(share)) is None:
                    known = rendered[share] = render(metric, share, place)
                found = known
            for figure in found:
                outputs.append(write(figure, status, revision))  # noqa: PERF401 - mostly one: a comprehension is a call
        window.published(ids)

    def _render(self, metric: Metric, share: tuple[int, ...], place: Place) -> Sequence[Rendered]:
        own = own_tally(share)
        if metric.stock is not None:
            own = with_stock(metric, own, self._live, place.segment.raw, place.start)
        return [self._writer.render(metric, figure) for figure in figures(metric, own)]


def metric_for(name: str, metrics: Sequence[Metric], profile: str | None = None) -> Metric | None:
    """The metric of that name, or of a figure of it whose name adds parameters (``csat_mean_1_5``).

    ``profile``: by whose definition; None for the first that there is.
    """
    found = [
        one
        for one in metrics
        if not one.live and f"{name}_".startswith(f"{one.name}_") and profile in (None, one.profile)
    ]
    return max(found, key=lambda one: len(one.name), default=None)


def figures(metric: Metric, tally: dict[int, int]) -> list[Figure]:
    """A metric's figures of a tally in its own slots; a slot that is there with 0 was published once and is now empty."""
    if 0 not in tally.values():
        return metric.figures(tally)
    found = metric.figures({slot: total for slot, total in tally.items() if total})
    names = {figure.metric for figure in found}
    once = metric.figures({slot: total or 1 for slot, total in tally.items()})
    return [*found, *(emptied(figure) for figure in once if figure.metric not in names)]


def emptied(figure: Figure) -> Figure:
    """The same figure of nothing."""
    quantiles = figure.quantiles
    return Figure(
        metric=figure.metric,
        n=0,
        value=None,
        unit=figure.unit,
        parts=dict.fromkeys(figure.parts, 0),
        quantiles=None if quantiles is None else dict.fromkeys(quantiles),
    )
