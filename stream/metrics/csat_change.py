"""How much happier a customer is than the last time they were asked."""

from typing import Final

from stream.core.config import PAIR_WITHIN_MS, CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS, Customer
from stream.core.fact import SCALES
from stream.core.interval import Mean, Sample, mean_interval, mean_of
from stream.core.measure import EXCLUDED_SLOTS, GONE_SLOT, Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of

STEPS: Final = 180
"""Every known scale's length divides it: rescaled scores are whole numbers of steps, and so are their differences."""
SAME: Final = EXCLUDED_SLOTS + STEPS
"""A slot per difference, from -180 to 180 steps: this one counts pairs of equal scores."""
EXCLUDED: Final = ("no_score", "no_recent_answer")

_NO_SCORE, _NO_RECENT_ANSWER = range(2)


def _measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    measures: list[Measure] = []
    before_ms, before = -PAIR_WITHIN_MS - 1, 0  # before all answers, and too far
    for one in customer.answers:
        if one.generation != config.generation:  # whoever said it has not said it again: it does not stand
            continue
        labels = (customer.tenant, *one.labels)
        if one.gone:
            measures.append((one.at, labels, GONE_SLOT + one.gone - 1, 1))
            continue
        if one.score is None:
            measures.append((one.at, labels, _NO_SCORE, 1))
            continue
        low, high = SCALES[one.scale]
        steps = (one.score - low) * (STEPS // (high - low))
        recent = one.at - before_ms <= PAIR_WITHIN_MS
        measures.append((one.at, labels, SAME + steps - before if recent else _NO_RECENT_ANSWER, 1))
        before_ms, before = one.at, steps
    return measures


def _differences(tally: Tally) -> dict[float, int]:
    return {
        (slot - SAME) / STEPS: tally[slot] for slot in sorted(tally) if slot >= EXCLUDED_SLOTS and tally[slot]
    }


def _mean(tally: Tally) -> Mean | None:
    steps = sum((slot - SAME) * count for slot, count in tally.items() if slot >= EXCLUDED_SLOTS)
    counts = _differences(tally)
    n = sum(counts.values())
    return mean_of(counts, steps / (STEPS * n)) if n > 0 else None


def _figures(tally: Tally) -> list[Figure]:
    mean = _mean(tally)
    counts = _differences(tally)
    low, high = (mean and mean_interval(mean)) or (None, None)
    return [
        Figure(
            metric="csat_change",
            n=mean.n if mean is not None else 0,
            value=mean.value if mean is not None else None,
            unit="score",
            parts={
                "pairs": mean.n if mean is not None else 0,
                "better": sum(count for change, count in counts.items() if change > 0),
                "worse": sum(count for change, count in counts.items() if change < 0),
            },
            low=max(-1.0, low) if low is not None else None,
            high=min(1.0, high) if high is not None else None,
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


def _samples(tally: Tally) -> dict[str, Sample | None]:
    return {"csat_change": _mean(tally)}


METRIC: Final = Metric(
    id=32,
    name="csat_change",
    title="Change of a customer's satisfaction",
    unit="score",
    definition=(
        "Mean of (score - the same customer's previous score), -1..1, over satisfaction answers on whatever ticket; each score is "
        "rescaled to 0..1 by its own scale first. An answer that has no other one in the 90 days before it, be it the first or be the one "
        "before it older, makes no pair and is counted as no_recent_answer; one without a score, or whose ticket is gone, is passed over "
        "and counted. The customer is the survey's, else the ticket's requester. The window, team and queue are those of the later "
        "answer, at its first coming. 95 % interval after Student, cut to -1..1."
    ),
    source="Arithmetic mean of paired differences; interval: Student, Biometrika 6 (1908)",
    null_rule="Null without two answers of one customer.",
    excluded_reasons=EXCLUDED,
    reads=CUSTOMER_ALWAYS | {"answer"},
    entity="customer",
    measures=_measures,
    figures=_figures,
    samples=_samples,
    interval=True,
    bounds=(-1.0, 1.0),
    series=(
        Series(
            "csat_change_score",
            "Mean change of a customer's rescaled score, between answers at most 90 days apart.",
            lambda figure: figure.value,
        ),
        Series(
            "csat_change_score_low",
            "Lower end of csat_change_score's 95 % interval.",
            lambda figure: figure.low,
        ),
        Series(
            "csat_change_score_high",
            "Upper end of csat_change_score's 95 % interval.",
            lambda figure: figure.high,
        ),
        Series(
            "csat_change_score_pairs",
            "Answers that have a previous one, at most 90 days before.",
            lambda figure: figure.n,
        ),
        Series("csat_change_score_better", "Pairs that went up.", lambda figure: figure.parts["better"]),
        Series("csat_change_score_worse", "Pairs that went down.", lambda figure: figure.parts["worse"]),
    ),
)
