"""Internal quality score: what reviewers gave, weighted, and per criterion."""

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from math import lcm
from typing import Final

from stream.core.config import CoreConfig
from stream.core.interval import Mean, Sample
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Reasons, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket

SCALE: Final = 10**9
"""Scores of 0..1 are kept as whole billionths, rounded half up from the exact fraction: of 2**63 / SCALE reviews the sum is exact."""
EXCLUDED: Final = ("no_weight",)
SUM_SLOT: Final = EXCLUDED_SLOTS
COUNT_SLOT: Final = EXCLUDED_SLOTS + 1
CRITERIA_SLOT: Final = EXCLUDED_SLOTS + 2
"""Sum and count of the first configured criterion; two slots for each."""
SQUARES_SLOT: Final = 2048
"""Sum of the squares of scores, of reviews and then of each configured criterion: what the spread of a mean is known from."""

_NO_WEIGHT = 0
_OTHER = re.compile(r"[^a-z0-9]+")


def score_of(criteria: Sequence[tuple[str, int, int, int]]) -> int | None:
    """sum(weight x score / max) / sum(weight) of (name, score, max, weight), in billionths; None where nothing has a weight."""
    weights = sum(weight for _, _, _, weight in criteria)
    if not weights:
        return None
    common = lcm(*(most for _, _, most, _ in criteria))
    over = sum(weight * score * (common // most) for _, score, most, weight in criteria)
    return rounded(over, weights * common)


def rounded(over: int, under: int) -> int:
    """A share in billionths, half up."""
    return (2 * over * SCALE + under) // (2 * under)


@lru_cache(maxsize=1024)
def criterion_name(name: str) -> str:
    """A reviewer's name for a criterion as the setting writes it: ``Tone of voice`` is ``tone_of_voice``."""
    return _OTHER.sub("_", name.lower()).strip("_")


def squared(score: int) -> int:
    """The square of a share in billionths, in billionths, half up."""
    return (2 * score * score + SCALE) // (2 * SCALE)


Scoring = Callable[[Sequence[tuple[str, int, int, int]]], int | None]
"""The score of a review's (name, score, max, weight), in billionths; None where nothing has a weight."""


def review_measures(ticket: Ticket, config: CoreConfig, scoring: Scoring = score_of) -> list[Measure]:
    """A ticket's reviews, and their configured criteria."""
    rare = ticket.rare
    if rare is None or not rare.reviews or ticket.gone:
        return []
    known = config.quality_criteria
    measures: list[Measure] = []
    for review in rare.reviews:
        instant_ms = ticket.base_ms + review.at
        labels = ticket.labels_at(instant_ms, config)
        if review.agent is not None:
            labels = (*labels[:4], review.agent, *labels[5:])
        score = scoring(review.criteria)
        if score is None:
            measures.append((instant_ms, labels, _NO_WEIGHT, 1))
        else:
            measures += (
                (instant_ms, labels, SUM_SLOT, score),
                (instant_ms, labels, COUNT_SLOT, 1),
                (instant_ms, labels, SQUARES_SLOT, squared(score)),
            )
        for name, given, most, _ in review.criteria if known else ():
            criterion = criterion_name(name)
            if criterion in known:
                place = known.index(criterion)
                share = rounded(given, most)
                measures += (
                    (instant_ms, labels, CRITERIA_SLOT + 2 * place, share),
                    (instant_ms, labels, CRITERIA_SLOT + 2 * place + 1, 1),
                    (instant_ms, labels, SQUARES_SLOT + 1 + place, squared(share)),
                )
    return measures


def _figure(name: str, tally: Tally, slot: int, reasons: Reasons | None = None) -> Figure:
    total, n = tally.get(slot, 0), tally.get(slot + 1, 0)
    return Figure(
        metric=name,
        n=n,
        value=total / (SCALE * n) if n > 0 else None,
        unit="ratio",
        parts={"sum": total / SCALE, "reviews": n},
        excluded={} if reasons is None else excluded_of(tally, reasons),
    )


def _sample(tally: Tally, slot: int, squares_slot: int) -> Mean | None:
    """What a mean of scores was taken of. A spread as small as rounding squares can make it is none."""
    total, n, squares = (tally.get(one, 0) for one in (slot, slot + 1, squares_slot))
    if n <= 0:
        return None
    spread = n * squares * SCALE - total * total
    variance = spread / (SCALE * SCALE * n * (n - 1)) if 2 * spread > n * n * SCALE else 0.0
    return Mean(total / (SCALE * n), variance, n)


def _series(
    figure_name: str, name: str, what: str, labels: tuple[tuple[str, str], ...] = ()
) -> tuple[Series, Series]:
    def of(read: Callable[[Figure], float | None]) -> Callable[[Figure], float | None]:
        return lambda figure: read(figure) if figure.metric == figure_name else None

    return (
        Series(f"{name}_ratio", f"Mean {what}, 0..1.", of(lambda figure: figure.value), labels),
        Series(f"{name}_reviews", f"Reviews with a {what}.", of(lambda figure: figure.n), labels),
    )


def metric(config: CoreConfig) -> Metric:
    """Follows ``quality_criteria``."""
    return _metric(config.quality_criteria)


@cache
def _metric(criteria: tuple[str, ...]) -> Metric:
    names = tuple(f"quality_score_{criterion}" for criterion in criteria)

    def figures(tally: Tally) -> list[Figure]:
        return [
            _figure("quality_score", tally, SUM_SLOT, EXCLUDED),
            *(_figure(name, tally, CRITERIA_SLOT + 2 * place) for place, name in enumerate(names)),
        ]

    def samples(tally: Tally) -> dict[str, Sample | None]:
        own = {
            name: _sample(tally, CRITERIA_SLOT + 2 * place, SQUARES_SLOT + 1 + place)
            for place, name in enumerate(names)
        }
        return {"quality_score": _sample(tally, SUM_SLOT, SQUARES_SLOT), **own}

    own = f" (quality_score_{criteria[0]} and its like)" if criteria else ""
    return Metric(
        id=22,
        name="quality_score",
        title="Internal quality score",
        unit="ratio",
        definition=(
            "Mean over reviews of sum(weight x score / max) / sum(weight), in the window of the review; its latest scores count. Each "
            f"review is rounded to a billionth. The criteria of STREAM_QUALITY_CRITERIA{own} have the mean of their score / max. The "
            "agent is the one whom the review names, else who held the ticket."
        ),
        source="Ours: the weighted mean of a review's criteria, each as a share of its maximum, so that maxima may differ",
        null_rule="Null without reviews; one in which nothing has a weight is counted as no_weight.",
        excluded_reasons=EXCLUDED,
        reads=ALWAYS | {"review"},
        measures=review_measures,
        figures=figures,
        samples=samples,
        series=(
            *_series("quality_score", "quality_score", "weighted score"),
            *(
                series
                for name, criterion in zip(names, criteria, strict=True)
                for series in _series(
                    name, "quality_criterion", "score of this criterion", (("criterion", criterion),)
                )
            ),
        ),
        parameters=f"criteria={'+'.join(criteria) or 'none'};squares=kept",
    )
