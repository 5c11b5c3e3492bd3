"""Mean satisfaction score: on each scale of its own, and joined on 0..1."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import KINDS, SCALES
from stream.core.interval import Sample, mean_of
from stream.core.measure import Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Answer
from stream.metrics.answers import answer_measures
from stream.metrics.scores import figure_names, named, parts_by_scale, sample, scale_name, score_slot, scored

EXCLUDED: Final = ("no_score",)
_KIND = KINDS["csat"]
_NO_SCORE = 0
_COMMON = 180
"""Every known scale's length (1, 2, 3, 4, 5, 6, 9, 10) divides it: rescaled scores add up as integers."""


_NAMES = figure_names("csat_mean")


def _slot(answer: Answer) -> int:
    return _NO_SCORE if answer.score is None else score_slot(answer.scale, answer.score)


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    return answer_measures(ticket, config, _KIND, _slot)


def _figures(tally: Tally) -> list[Figure]:
    by_scale = parts_by_scale(tally)
    n = rescaled = 0
    for position, parts in by_scale.items():
        lowest, highest = SCALES[position]
        answered = int(parts["answered"])
        n += answered
        rescaled += (int(parts["sum"]) - answered * lowest) * (_COMMON // (highest - lowest))
    figures = [
        Figure(
            metric="csat_mean",
            n=n,
            value=rescaled / (_COMMON * n) if n > 0 else None,
            unit="ratio",
            parts={"sum": rescaled / _COMMON, "answered": n},
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]
    for position, parts in by_scale.items():
        answered = int(parts["answered"])
        value = parts["sum"] / answered if answered > 0 else None
        figures.append(Figure(metric=_NAMES[position], n=answered, value=value, unit="score", parts=parts))
    return figures


def _samples(tally: Tally) -> dict[str, Sample | None]:
    joined: dict[float, int] = {}
    samples: dict[str, Sample | None] = {}
    for position, parts in parts_by_scale(tally).items():
        lowest, highest = SCALES[position]
        samples[_NAMES[position]] = sample(position, parts)
        for score, count in scored(position, parts):
            rescaled = (score - lowest) / (highest - lowest)
            joined[rescaled] = joined.get(rescaled, 0) + count
    return {"csat_mean": mean_of(joined), **samples}


def _scale_series(name: str, scale: tuple[int, int]) -> tuple[Series, Series]:
    labels = (("scale", scale_name(scale)),)
    return (
        Series(
            "csat_mean_score",
            "Mean score on the survey's own scale.",
            lambda figure: figure.value if figure.metric == name else None,
            labels,
        ),
        Series(
            "csat_mean_score_answers",
            "Scored answers on this scale.",
            lambda figure: figure.n if figure.metric == name else None,
            labels,
        ),
    )


METRIC: Final = Metric(
    id=2,
    name="csat_mean",
    title="Mean satisfaction score",
    unit="ratio",
    definition=(
        "Sum of the scores / scored answers of satisfaction surveys. Scales are never mixed: csat_mean_1_5 and its like are means "
        "on one scale; csat_mean joins them after each score was rescaled to 0..1 as (score - lowest) / (highest - lowest). The "
        "window is that of the survey's first answer."
    ),
    source="Ours: the plain mean, and each score's place on its own scale, so that scales can be put together",
    null_rule="Null without scored answers.",
    excluded_reasons=EXCLUDED,
    reads=ALWAYS | {"survey"},
    measures=_measures,
    figures=_figures,
    samples=_samples,
    others=named(_NAMES),
    series=(
        Series(
            "csat_mean_ratio",
            "Mean score of all scales, rescaled to 0..1.",
            lambda figure: figure.value if figure.metric == "csat_mean" else None,
        ),
        Series(
            "csat_mean_answers",
            "Scored answers.",
            lambda figure: figure.n if figure.metric == "csat_mean" else None,
        ),
        *(
            series
            for name, scale in zip(_NAMES, SCALES, strict=True)
            for series in _scale_series(name, scale)
        ),
    ),
)
