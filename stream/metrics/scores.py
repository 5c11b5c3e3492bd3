"""Scores of surveys, counted one by one on each scale: what the means have in common."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stream.core.fact import SCALES
from stream.core.interval import Mean, mean_of
from stream.core.measure import EXCLUDED_SLOTS, Tally
from stream.core.metric import FigureName

SCORES_PER_SCALE: Final = 16
"""Slots per scale: one per score, from the scale's lowest."""


def score_slot(scale: int, score: int) -> int:
    """The slot that counts a score, ``scale`` being its position in ``SCALES``."""
    return EXCLUDED_SLOTS + scale * SCORES_PER_SCALE + score - SCALES[scale][0]


def scale_name(scale: tuple[int, int]) -> str:
    """``1-5``."""
    return f"{scale[0]}-{scale[1]}"


def figure_names(metric: str) -> tuple[str, ...]:
    """``csat_mean_1_5`` and its like, by the scale's position in ``SCALES``."""
    return tuple(f"{metric}_{low}_{high}" for low, high in SCALES)


def named(names: Iterable[str]) -> tuple[FigureName, ...]:
    """Figures on one scale each, in the order of ``SCALES``."""
    return tuple(FigureName(name, "score", scale) for name, scale in zip(names, SCALES, strict=True))


def parts_by_scale(tally: Tally) -> dict[int, dict[str, int | float]]:
    """Position in ``SCALES`` -> the parts of its figure: ``sum``, ``answered``, and how often each score was given."""
    found: dict[int, dict[str, int | float]] = {}
    for slot in sorted(tally):
        if slot < EXCLUDED_SLOTS:
            continue
        count = tally[slot]
        position, above = divmod(slot - EXCLUDED_SLOTS, SCORES_PER_SCALE)
        score = SCALES[position][0] + above
        parts = found.get(position)
        if parts is None:
            parts = found[position] = {"sum": 0, "answered": 0}
        parts["sum"] += count * score
        parts["answered"] += count
        parts[f"score_{score}"] = count
    return found


def sample(position: int, parts: Mapping[str, int | float]) -> Mean | None:
    """What the mean of one scale, ``position`` in ``SCALES``, was taken of."""
    return mean_of(dict(scored(position, parts)))


def scored(position: int, parts: Mapping[str, int | float]) -> Iterator[tuple[int, int]]:
    """Each score of a scale and how often it was given."""
    low, high = SCALES[position]
    for score in range(low, high + 1):
        count = int(parts.get(f"score_{score}", 0))
        if count:
            yield score, count
