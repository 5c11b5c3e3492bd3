"""How much customers do beyond being customers: a composite whose weights the operator chooses."""

from functools import cache
from math import inf
from typing import Final

from stream.core.config import CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS, Customer
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric
from stream.metrics.stays import START, customers_in, stay_measures

PARTS: Final = ("purchases", "referrals", "mentions")
"""What can be weighted. Their positions are slots, so new ones go to the end."""
_SCORE: Final = EXCLUDED_SLOTS + 3
_PARTS: Final = EXCLUDED_SLOTS + 4


def _measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    measures = stay_measures(customer, config)
    done = (
        [one.at for one in customer.purchases if one.amount >= 0],
        [one.at for one in customer.referrals],
        [one.at for one in customer.mentions],
    )
    for position, instants in enumerate(done):
        weight = config.engagement.get(PARTS[position], 0)
        if weight:
            for at_ms in instants:
                labels = customer.labels_at(at_ms, config)
                measures += ((at_ms, labels, _SCORE, weight), (at_ms, labels, _PARTS + position, 1))
    return measures


def _figures(tally: Tally) -> list[Figure]:
    customers = customers_in(tally)
    score = tally.get(_SCORE, 0)
    parts: dict[str, int | float] = {
        name: tally.get(_PARTS + position, 0) for position, name in enumerate(PARTS)
    }
    return [
        Figure(
            metric="engagement",
            n=customers,
            value=score / customers if customers > 0 else None,
            unit="score",
            parts={**parts, "sum": score, "customers": customers},
        )
    ]


def metric(config: CoreConfig) -> Metric:
    """Follows ``engagement``."""
    return _metric(
        "+".join(f"{name}:{weight}" for name, weight in sorted(config.engagement.items()) if weight)
    )


@cache
def _metric(weights: str) -> Metric:
    return Metric(
        id=31,
        name="engagement",
        title="Engagement",
        unit="score",
        definition=(
            "Sum of what customers did in the window, each purchase, referral and mention with the weight of STREAM_ENGAGEMENT / those who "
            "were customers in it. Refunds are no purchases. A part without a weight is left out."
        ),
        source="Ours: a weighted composite, whose parts and weights are the operator's own (STREAM_ENGAGEMENT)",
        null_rule="Null where nobody was a customer.",
        excluded_reasons=(),
        reads=CUSTOMER_ALWAYS | {"purchase", "referral", "mention"},
        entity="customer",
        stock=START,
        measures=_measures,
        figures=_figures,
        bounds=(0.0, inf),
        series=(
            Series("engagement_score", "Weighted acts per customer.", lambda figure: figure.value),
            Series(
                "engagement_score_customers",
                "Customers at the window's start, and who joined in it.",
                lambda figure: figure.n,
            ),
            Series("engagement_score_acts", "Weighted acts, added up.", lambda figure: figure.parts["sum"]),
        ),
        parameters=weights,
    )
