"""Whether the windows say what the facts say: all facts folded once more, compared with the sums that are stored.

Compared is what facts and sums must agree on exactly: windows into which nothing can have come too late, and of which no ticket has
been forgotten. Older ones are right, too, but cannot be recomputed. Answers that customers' facts have from tickets are compared with
the tickets' (:mod:`stream.core.audit_answers`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from stream.core.audit_answers import AnswerDifference, Rekeyed
from stream.core.author_days import DAY, decode_day
from stream.core.config import DAY_MS, MINUTE_MS, CoreConfig
from stream.core.customer import Customer
from stream.core.entity import Entity, Kind, kinds
from stream.core.first_replies import OTHER, WHAT_BITS, WHAT_MASK, first_replies, is_watched
from stream.core.labels import LabelBook
from stream.core.live import decode_counts
from stream.core.loops import add
from stream.core.measure import Labels
from stream.core.metric import Metric
from stream.core.pane import (
    ALERT_KIND,
    AUTHORS_KIND,
    FOREVER,
    LIVE_KIND,
    META_KEY,
    levels,
    parse_key,
    too_late_before_ms,
)
from stream.core.progress import Progress, stored_generation
from stream.core.state_shape import shape
from stream.core.tally import decode_window, drop_zeros, metric_ids, own_tallies
from stream.core.ticket import Ticket
from stream.core.tickets_meta import Meta, take_meta

Rows = Mapping[bytes, bytes]
"""The surviving rows of one changelog partition."""

Place = tuple[bytes, int, int, str]
"""Kind of row, width and start in minutes, segment."""

_LIVE_BITS = 6

STOCK_KIND = b"s"
FOR_EVER = 1 << 40
"""Width in minutes under which a stock is compared as a whole: what it has come to by now."""


class AuditError(Exception):
    """The state cannot be audited as it is; the message says what to do."""


class Difference(NamedTuple):
    """One metric's sums in one window where they are not what the facts come to."""

    segment: str
    start_ms: int
    window_ms: int
    metric: Metric | None
    """None: first replies by author."""
    live: bool
    stored: Mapping[int, int]
    """The metric's own slot -> sum; slots of 0 are left out."""
    recomputed: Mapping[int, int]

    @property
    def name(self) -> str:
        """The metric's full name, or ``first_replies``."""
        return "first_replies" if self.metric is None else self.metric.full_name


class Audit(NamedTuple):
    """What was compared, and where it differs."""

    rows: int
    """Entities whose facts were folded."""
    windows: int
    """Sums that were compared, of all levels, live counts per day included."""
    skipped: int
    """Sums that are stored, but too old to be recomputed."""
    differences: Sequence[Difference]
    answers: int = 0
    """Answers on tickets that were compared with what customers have heard of them."""
    wrong_answers: Sequence[AnswerDifference] = ()


def audit(
    config: CoreConfig,
    metrics: Sequence[Metric],
    entities: Mapping[str, Sequence[Rows]],
    windows: Sequence[Rows],
    delta_ends: Sequence[int],
    answer_ends: Sequence[int] = (),
) -> Audit:
    """Fold and compare; one mapping of rows per partition, ``entities`` by the stage that keeps them.

    ``delta_ends``: the ends of the deltas topic's partitions; ``answer_ends``: of the answers topic's, where there is one.

    Raises AuditError, and what reading the rows raises: DamagedRowError, UnknownRowError, RowVersionError, GenerationError,
    ShapeChangedError.
    """
    config = _at_rest(config, metrics, windows, delta_ends)
    metas: list[Meta] = []
    sums: dict[Place, dict[int, int]] = {}
    count = 0
    rekeyed = Rekeyed(config)
    for kind in kinds(config):
        asked = [metric for metric in metrics if metric.entity == kind.entity]
        for partition, rows in enumerate(entities[kind.name]):
            where = f"{kind.name} partition {partition}"
            own = dict(rows)
            found = take_meta(own, where)
            if found is None:
                raise AuditError(f"{where} has no state yet: run `stream worker` first")
            meta, admitted = found
            if meta.generation != config.generation or meta.scanned_to is not None:
                raise AuditError(
                    f"{where} is building generation {config.generation}: ask again when the worker is ready"
                )
            for topic in kind.rekeyed(config):
                _taken_in(where, topic, meta.positions.get(topic, 0), answer_ends[partition])
            metas.append(meta)
            count += len(own)
            for key, entity in _fold(config, kind, asked, own, LabelBook(config, admitted), sums):
                if config.answers and isinstance(entity, Ticket):
                    rekeyed.say(entity, key)
                elif config.answers and isinstance(entity, Customer):
                    rekeyed.hear(entity, key, partition)
    bounds = _bounds(config, metas)
    stored, skipped = _stored(config, metrics, windows, bounds)
    differences = sorted(
        _differences(metrics, stored, {p: t for p, t in sums.items() if p[2] >= bounds[p[:2]]}),
        key=lambda one: (one.start_ms, one.window_ms, one.segment, one.name),
    )
    answers, wrong_answers = rekeyed.compare(max(meta.watermark_ms for meta in metas))
    return Audit(count, len(stored.keys() | sums.keys()), skipped, differences, answers, wrong_answers)


def _at_rest(
    config: CoreConfig, metrics: Sequence[Metric], windows: Sequence[Rows], delta_ends: Sequence[int]
) -> CoreConfig:
    """The configuration with the stored generation. Raises AuditError where the windows have not taken in everything."""
    for partition, rows in enumerate(windows):
        where = f"windows partition {partition}"
        raw = rows.get(META_KEY)
        if raw is None:
            raise AuditError(f"{where} has no state yet: run `stream worker` first")
        config = msgspec.structs.replace(config, generation=stored_generation(raw, where))
        progress = Progress(config)
        progress.load(raw, where, shape(config, metrics))
        if progress.building:
            done, sources = progress.complete_sources()
            raise AuditError(
                f"{where} is building generation {config.generation} ({done} of {sources} source partitions): ask again when the "
                "worker is ready"
            )
        position = progress.positions.get(config.topics.deltas, 0)
        _taken_in(where, config.topics.deltas, position, delta_ends[partition])
    return config


def _taken_in(where: str, topic: str, position: int, end: int) -> None:
    if position < end:
        raise AuditError(
            f"{where} has taken in {topic} up to offset {position} of {end}: let a worker come to the end (`stream worker --drain`), "
            "and audit while no worker runs"
        )


def _fold(
    config: CoreConfig,
    kind: Kind,
    metrics: Sequence[Metric],
    rows: Rows,
    book: LabelBook,
    sums: dict[Place, dict[int, int]],
) -> Iterator[tuple[bytes, Entity]]:
    """Add all measures of one partition's facts to the sums of every level, at the end; the entities as they are read."""
    windowed: dict[tuple[Labels, int], dict[int, int]] = {}
    live: dict[tuple[Labels, int], dict[int, int]] = {}
    stocks: dict[tuple[Labels, int], dict[int, int]] = {}
    watched = is_watched(metrics)
    for key, row in rows.items():
        entity = kind.decode(row, key)
        yield key, entity
        if watched and isinstance(entity, Ticket):
            segment, _ = book.tenant_segment(entity.tenant)
            for instant_ms, slot, amount in first_replies(entity, config):
                add(
                    sums.setdefault((AUTHORS_KIND, DAY, instant_ms // DAY_MS * DAY, segment), {}),
                    {slot: amount},
                )
        for metric in metrics:
            for instant_ms, labels, slot, amount in metric.says(entity, config):
                into = stocks if slot == metric.stock else live if metric.live else windowed
                tally = into.setdefault((labels, instant_ms // MINUTE_MS), {})
                slot += metric.slot(0)  # noqa: PLW2901 - the metric's own slot becomes the row's
                tally[slot] = tally.get(slot, 0) + amount
    for level in levels(config):
        _spread(windowed, book, level.kind, level.width, sums)
    _spread(live, book, LIVE_KIND, DAY, sums)
    _spread(stocks, book, STOCK_KIND, FOR_EVER, sums)


def _spread(
    tallies: Mapping[tuple[Labels, int], Mapping[int, int]],
    book: LabelBook,
    kind: bytes,
    width: int,
    sums: dict[Place, dict[int, int]],
) -> None:
    for (labels, minute), tally in tallies.items():
        for segment, _ in book.segments(labels):
            add(sums.setdefault((kind, width, minute - minute % width, segment), {}), tally)


def _bounds(config: CoreConfig, metas: Sequence[Meta]) -> dict[tuple[bytes, int], int]:
    """(Kind, width) -> the first start from which all sources' facts are there, and none was too late for any of them."""
    newest_ms = max(meta.watermark_ms for meta in metas)
    forgotten_ms = max(meta.forgotten_ms for meta in metas)

    def after(level_width: int) -> int:
        return (
            -(-(forgotten_ms + 1) // (level_width * MINUTE_MS)) * level_width
            if forgotten_ms >= 0
            else FOREVER
        )

    bounds = {
        (level.kind, level.width): max(level.late_before(newest_ms), after(level.width))
        for level in levels(config)
    }
    # Whole days of which every first reply was in time for some window: it is counted as long as there is one.
    first_day = -(-too_late_before_ms(config, newest_ms) // DAY_MS) * DAY if newest_ms >= 0 else FOREVER
    # What is forgotten has left: it is in no stock, whatever else cannot be recomputed.
    return {
        **bounds,
        (LIVE_KIND, DAY): after(DAY),
        (STOCK_KIND, FOR_EVER): FOREVER,
        (AUTHORS_KIND, DAY): max(first_day, after(DAY)),
    }


def _stored(
    config: CoreConfig,
    metrics: Sequence[Metric],
    windows: Sequence[Rows],
    bounds: Mapping[tuple[bytes, int], int],
) -> tuple[dict[Place, dict[int, int]], int]:
    """The sums that are kept and can be compared, and how many cannot."""
    ids = {metric.id for metric in metrics if not metric.live}
    stocks = {metric.slot(metric.stock) for metric in metrics if metric.stock is not None}
    found: dict[Place, dict[int, int]] = {}
    skipped = 0
    for rows in windows:
        for key, row in rows.items():
            if key == META_KEY or key[:1] == ALERT_KIND:
                continue
            kind, width, start, name = parse_key(key)
            tally: dict[int, int] = {}
            if kind == AUTHORS_KIND:
                tally = decode_day(row).sums
            elif kind == LIVE_KIND:
                width, start = DAY, start - start % DAY
                stock: dict[int, int] = {}
                for packed, amount in decode_counts(row).items():
                    slot = packed >> _LIVE_BITS
                    into = stock if slot in stocks else tally
                    into[slot] = into.get(slot, 0) + amount
                if stock:
                    add(found.setdefault((STOCK_KIND, FOR_EVER, 0, name.decode()), {}), stock)
                if not tally:
                    continue
            else:
                window = decode_window(row)
                if window.generation != config.generation:
                    window.renew(config.generation, ids)
                tally = window.tally
            if start < bounds.get((kind, width), start + 1):
                skipped += 1
            else:
                add(found.setdefault((kind, width, start, name.decode()), {}), tally)
    return found, skipped


def _differences(
    metrics: Sequence[Metric], stored: Mapping[Place, dict[int, int]], sums: Mapping[Place, dict[int, int]]
) -> Iterator[Difference]:
    by_id = {metric.id: metric for metric in metrics}
    for place in stored.keys() | sums.keys():
        kept = dict(stored.get(place, {}))
        right = dict(sums.get(place, {}))
        kind, width, start, segment = place
        if kind == AUTHORS_KIND and any(slot >> WHAT_BITS == OTHER for slot in kept):
            # Who has an entry depends on who came first.
            kept = _all_authors(kept)
            right = _all_authors(right)
        drop_zeros(kept)
        drop_zeros(right)
        if kept == right:
            continue
        if kind == AUTHORS_KIND:
            yield Difference(segment, start * MINUTE_MS, width * MINUTE_MS, None, False, kept, right)
            continue
        ids = (metric_ids(kept) | metric_ids(right)) & by_id.keys()
        ours = own_tallies(kept, ids)
        theirs = own_tallies(right, ids)
        for metric_id in ids:
            if ours[metric_id] != theirs[metric_id]:
                yield Difference(
                    segment,
                    start * MINUTE_MS,
                    width * MINUTE_MS,
                    by_id[metric_id],
                    kind in (LIVE_KIND, STOCK_KIND),
                    ours[metric_id],
                    theirs[metric_id],
                )


def _all_authors(tally: Mapping[int, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for slot, amount in tally.items():
        found[slot & WHAT_MASK] = found.get(slot & WHAT_MASK, 0) + amount
    return found
