"""How many first replies came within a target."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from stream.core.config import CoreConfig, window_label
from stream.core.interval import Sample, Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Tally, Wait
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket
from stream.metrics.durations import NEGATIVE_SLOT, length_ms
from stream.metrics.first_reply_time import first_reply
from stream.metrics.passed_over import EXCLUDED
from stream.metrics.shares import share_series

SECONDS_UP_TO_MS: Final = 15 * 60_000
MINUTES_UP_TO_MS: Final = 48 * 3_600_000
"""Targets are whole seconds up to the former, whole minutes up to the latter."""
REPLIES: Final = EXCLUDED_SLOTS

_SECONDS, _MINUTES = EXCLUDED_SLOTS + 1, 1000


def target_slot(target_ms: int) -> int:
    """The slot of a target, its own whatever others are configured."""
    return _SECONDS + target_ms // 1000 if target_ms <= SECONDS_UP_TO_MS else _MINUTES + target_ms // 60_000


def target_of(slot: int) -> int:
    """The target of a slot, in milliseconds."""
    return (slot - _MINUTES) * 60_000 if slot >= _MINUTES else (slot - _SECONDS) * 1000


def figure_name(target_ms: int) -> str:
    """``first_reply_within_10m``."""
    return f"first_reply_within_{window_label(target_ms)}"


def within_measures(waits: Sequence[Wait], config: CoreConfig, *, sooner_ms: int = 0) -> list[Measure]:
    """First replies against each target; ``sooner_ms``: by how much a reply must be sooner than its target."""
    measures: list[Measure] = []
    for instant_ms, labels, stretches in waits:
        if isinstance(stretches, int):
            measures.append((instant_ms, labels, stretches, 1))
            continue
        duration_ms = length_ms(stretches)
        if duration_ms < 0:
            measures.append((instant_ms, labels, NEGATIVE_SLOT, 1))
            continue
        met = [
            target_slot(target_ms)
            for target_ms in config.first_reply_within_ms
            if duration_ms <= target_ms - sooner_ms
        ]
        measures += [(instant_ms, labels, slot, 1) for slot in (REPLIES, *met)]
    return measures


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    return within_measures(first_reply(ticket, config), config)


def _figure(target_ms: int, tally: Tally) -> Figure:
    n, in_time = tally.get(REPLIES, 0), tally.get(target_slot(target_ms), 0)
    low, high = wilson(in_time, n) or (None, None)
    return Figure(
        metric=figure_name(target_ms),
        n=n,
        value=in_time / n if n > 0 else None,
        unit="ratio",
        parts={"in_time": in_time, "replies": n},
        low=low,
        high=high,
        excluded=excluded_of(tally, EXCLUDED),
    )


def metric(config: CoreConfig) -> Metric:
    """Follows ``first_reply_within_ms``."""
    return _metric(config.first_reply_within_ms)


@cache
def _metric(targets_ms: tuple[int, ...]) -> Metric:
    def targets_in(tally: Tally) -> list[int]:
        return sorted({target_of(slot) for slot in tally if slot > REPLIES}.union(targets_ms))

    def figures(tally: Tally) -> list[Figure]:
        return [_figure(target_ms, tally) for target_ms in targets_in(tally)]

    def samples(tally: Tally) -> dict[str, Sample | None]:
        n = tally.get(REPLIES, 0)
        return {
            figure_name(target_ms): Share(tally.get(target_slot(target_ms), 0), n) if n > 0 else None
            for target_ms in targets_in(tally)
        }

    labels = [window_label(target_ms) for target_ms in targets_ms]
    return Metric(
        id=24,
        name="first_reply_within",
        title="First reply within a target",
        unit="ratio",
        definition=(
            f"First replies that came within {', '.join(labels)} / first replies, one figure per target ({figure_name(targets_ms[0])}). "
            "What a first reply is, what is passed over before it, and their windows are those of first_reply_time. 95 % interval "
            "after Wilson."
        ),
        source="Ours: the share of first replies within a target, because a mean does not say how many customers waited too long",
        null_rule="Null without first replies; a ticket that still waits is not in it (see tickets_unanswered).",
        excluded_reasons=EXCLUDED,
        reads=ALWAYS | {"reply"},
        measures=_measures,
        figures=figures,
        samples=samples,
        interval=True,
        series=tuple(
            series
            for target_ms, label in zip(targets_ms, labels, strict=True)
            for series in share_series(
                "first_reply_within",
                "First replies within the target / first replies.",
                ("in_time", "First replies within the target."),
                ("replies", "First replies, for first_reply_within_ratio."),
                of=figure_name(target_ms),
                labels=(("within", label),),
            )
        ),
        parameters=f"within={'/'.join(labels)}",
    )
