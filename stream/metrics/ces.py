"""Customer effort score: the mean, on each scale of its own."""

from collections.abc import Callable
from functools import cache

from stream.core.config import CoreConfig
from stream.core.fact import KINDS, SCALE_CODES, SCALES
from stream.core.interval import Sample
from stream.core.measure import Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Answer
from stream.metrics.answers import answer_measures
from stream.metrics.scores import figure_names, named, parts_by_scale, sample, scale_name, score_slot

_KIND = KINDS["ces"]
_USUAL = SCALE_CODES[1, 7]
_NAMES = tuple("ces" if position == _USUAL else name for position, name in enumerate(figure_names("ces")))
_GOOD = {
    "low_is_good": "a low score is good: the question asks how much effort it took",
    "high_is_good": "a high score is good: the question asks how far one agrees that it was easy",
}


def _slot(answer: Answer) -> int:
    return score_slot(answer.scale, answer.score or 0)  # without a score it is refused


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    return answer_measures(ticket, config, _KIND, _slot)


def _figures(tally: Tally) -> list[Figure]:
    by_scale = parts_by_scale(tally)
    usual = by_scale.pop(_USUAL, {"sum": 0, "answered": 0})
    figures = []
    for position, parts in ((_USUAL, usual), *by_scale.items()):
        answered = int(parts["answered"])
        figures.append(
            Figure(
                metric=_NAMES[position],
                n=answered,
                value=parts["sum"] / answered if answered > 0 else None,
                unit="score",
                parts=parts,
                excluded=excluded_of(tally) if position == _USUAL else {},
            )
        )
    return figures


def _samples(tally: Tally) -> dict[str, Sample | None]:
    return {_NAMES[position]: sample(position, parts) for position, parts in parts_by_scale(tally).items()}


def _series(name: str, scale: tuple[int, int], direction: str) -> tuple[Series, Series]:
    def of(read: Callable[[Figure], float | None]) -> Callable[[Figure], float | None]:
        return lambda figure: read(figure) if figure.metric == name else None

    labels = (("direction", direction), ("scale", scale_name(scale)))
    return (
        Series(
            "ces_score",
            "Mean effort score on the survey's own scale; direction says which end is good.",
            of(lambda figure: figure.value),
            labels,
        ),
        Series(
            "ces_score_answers",
            "Answers of effort surveys on this scale.",
            of(lambda figure: figure.n),
            labels,
        ),
    )


def metric(config: CoreConfig) -> Metric:
    """Follows ``ces_direction``."""
    return _metric(config.ces_direction)


@cache
def _metric(direction: str) -> Metric:
    return Metric(
        id=21,
        name="ces",
        title="Customer effort score",
        unit="score",
        definition=(
            "Sum of the scores / answers of effort surveys on a scale of 1-7; other scales have figures of their own (ces_1_5 and "
            f"its like) and are never mixed. Direction {direction}: {_GOOD[direction]}. The window is that of the survey's first answer."
        ),
        source="M. Dixon, K. Freeman, N. Toman, Harvard Business Review (2010): low is good; CES 2.0 (2013), 1-7: high is good",
        null_rule="Null without answers on that scale.",
        excluded_reasons=(),
        reads=ALWAYS | {"survey"},
        measures=_measures,
        figures=_figures,
        samples=_samples,
        bounds=SCALES[_USUAL],
        counts_each=True,
        others=named(_NAMES),
        series=tuple(
            series
            for name, scale in zip(_NAMES, SCALES, strict=True)
            for series in _series(name, scale, direction)
        ),
        parameters=f"direction={direction}",
        labels=(("direction", direction),),
    )
