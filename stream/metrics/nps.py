"""Net Promoter Score."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import KINDS, SCALE_CODES
from stream.core.interval import mean_of, nps_interval
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Answer
from stream.metrics.answers import answer_measures

PROMOTERS: Final = EXCLUDED_SLOTS
PASSIVES: Final = EXCLUDED_SLOTS + 1
DETRACTORS: Final = EXCLUDED_SLOTS + 2
POINTS: Final = {PROMOTERS: 100, PASSIVES: 0, DETRACTORS: -100}
"""What an answer of each group weighs: the score is their mean."""
EXCLUDED: Final = ("other_scale",)

_KIND = KINDS["nps"]
_SCALES = frozenset((SCALE_CODES[0, 10], SCALE_CODES[1, 10]))
_OTHER_SCALE = 0


def _slot(answer: Answer) -> int:
    if answer.score is None or answer.scale not in _SCALES:  # without a score it is refused
        return _OTHER_SCALE
    if answer.score >= 9:
        return PROMOTERS
    return PASSIVES if answer.score >= 7 else DETRACTORS


def _measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
    return answer_measures(ticket, config, _KIND, _slot)


def _figures(tally: Tally) -> list[Figure]:
    promoters, passives, detractors = (
        tally.get(PROMOTERS, 0),
        tally.get(PASSIVES, 0),
        tally.get(DETRACTORS, 0),
    )
    n = promoters + passives + detractors
    low, high = nps_interval(promoters, passives, detractors) or (None, None)
    return [
        Figure(
            metric="nps",
            n=n,
            value=100 * (promoters - detractors) / n if n > 0 else None,
            unit="points",
            parts={"promoters": promoters, "passives": passives, "detractors": detractors},
            low=low,
            high=high,
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


METRIC: Final = Metric(
    id=3,
    name="nps",
    title="Net Promoter Score",
    unit="points",
    definition=(
        "100 x (promoters - detractors) / answers to the question whether one would recommend, -100..100. Promoters answer 9 or 10, "
        "passives 7 or 8, detractors 6 or less, on 0-10 (a scale of 1-10 is read the same way; other scales are excluded). The "
        "window is that of the survey's first answer. 95 % interval from the multinomial variance."
    ),
    source="F. F. Reichheld, Harvard Business Review 81/12 (2003); variance of a difference of multinomial shares",
    null_rule="Null without answers.",
    excluded_reasons=EXCLUDED,
    reads=ALWAYS | {"survey"},
    measures=_measures,
    figures=_figures,
    samples=lambda tally: {"nps": mean_of({points: tally.get(slot, 0) for slot, points in POINTS.items()})},
    interval=True,
    series=(
        Series("nps", "Net Promoter Score, -100..100.", lambda figure: figure.value),
        Series("nps_low", "Lower end of nps's 95 % interval.", lambda figure: figure.low),
        Series("nps_high", "Upper end of nps's 95 % interval.", lambda figure: figure.high),
        Series("nps_promoters", "Answers of 9 or 10.", lambda figure: figure.parts["promoters"]),
        Series("nps_passives", "Answers of 7 or 8.", lambda figure: figure.parts["passives"]),
        Series("nps_detractors", "Answers of 6 or less.", lambda figure: figure.parts["detractors"]),
    ),
)
