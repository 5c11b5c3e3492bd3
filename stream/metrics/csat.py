"""Customer satisfaction: the share of answers in the top box of their scale."""

from typing import Final

from schemas.base import SATISFIED_FROM
from stream.core.config import CoreConfig
from stream.core.fact import KINDS, LABELS, SCALES
from stream.core.interval import Sample, Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Answer
from stream.metrics.answers import answer_measures

SATISFIED: Final = EXCLUDED_SLOTS
NOT_SATISFIED: Final = EXCLUDED_SLOTS + 1

_KIND = KINDS["csat"]
_TOP_BOX = tuple(SATISFIED_FROM[scale] for scale in SCALES)
_GOOD_LABELS = frozenset(LABELS[label] for label in ("good", "very_satisfied", "satisfied"))


def slot_of(answer: Answer) -> int:
    """Whether an answer is in the top box of its scale."""
    if answer.score is None:
        return SATISFIED if answer.label in _GOOD_LABELS else NOT_SATISFIED
    return SATISFIED if answer.score >= _TOP_BOX[answer.scale] else NOT_SATISFIED


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    return answer_measures(ticket, config, _KIND, slot_of)


def _figures(tally: Tally) -> list[Figure]:
    satisfied = tally.get(SATISFIED, 0)
    n = satisfied + tally.get(NOT_SATISFIED, 0)
    low, high = wilson(satisfied, n) or (None, None)
    return [
        Figure(
            metric="csat",
            n=n,
            value=satisfied / n if n > 0 else None,
            unit="ratio",
            parts={"satisfied": satisfied, "answered": n},
            low=low,
            high=high,
            excluded=excluded_of(tally),
        )
    ]


def _samples(tally: Tally) -> dict[str, Sample | None]:
    satisfied = tally.get(SATISFIED, 0)
    n = satisfied + tally.get(NOT_SATISFIED, 0)
    return {"csat": Share(satisfied, n) if n > 0 else None}


METRIC: Final = Metric(
    id=1,
    name="csat",
    title="Customer satisfaction",
    unit="ratio",
    definition=(
        "Satisfied answers / answers of satisfaction surveys. Satisfied is the top box of the survey's own scale "
        "(1-5: 4 and 5; 1-3: 3; 1-7: 6 and 7; up to 10: 8 to 10; good or bad: good; five words: the two best). The window is "
        "that of the survey's first answer; a changed score replaces the old one there. 95 % interval after Wilson."
    ),
    source="Ours: the top box of each scale, as satisfaction surveys are usually reported; interval: E. B. Wilson, JASA 22 (1927)",
    null_rule="Null without answers.",
    excluded_reasons=(),
    reads=ALWAYS | {"survey"},
    measures=_measures,
    figures=_figures,
    samples=_samples,
    interval=True,
    series=(
        Series("csat_ratio", "Satisfied answers / answers.", lambda figure: figure.value),
        Series("csat_low_ratio", "Lower end of csat_ratio's 95 % interval.", lambda figure: figure.low),
        Series("csat_high_ratio", "Upper end of csat_ratio's 95 % interval.", lambda figure: figure.high),
        Series("csat_answers", "Answers of satisfaction surveys.", lambda figure: figure.n),
        Series("csat_satisfied", "Satisfied answers.", lambda figure: figure.parts["satisfied"]),
    ),
)
