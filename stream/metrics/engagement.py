"""How much customers do beyond being customers: a composite whose weights the operator chooses."""

from functools import cache
from math import inf
from typing import Final

from stream.core.config import CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS, Customer
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import EXCLUDED, START, customers_in, stay_measures, stay_of

PARTS: Final = ("purchases", "referrals", "mentions")
"""What can be weighted. Their positions are slots, so new ones go to the end."""
_GUEST: Final = 0
_SCORE: Final = EXCLUDED_SLOTS + 3
_PARTS: Final = EXCLUDED_SLOTS + 4


def _measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    """Of what was done only what was done as a customer, under the labels of that stay: so are customers counted."""
    measures = stay_measures(customer, config)
    stays = customer.stays()
    done = (
        [one.at for one in customer.purchases if one.amount >= 0],
        [one.at for one in customer.referrals],
        [one.at for one in customer.mentions],
    )
    for position, instants in enumerate(done):
        weight = config.engagement.get(PARTS[position], 0)
        if weight:
            for at_ms in instants:
                stay = stay_of(stays, at_ms)
                labels = customer.labels_at(at_ms if stay is None else stay.joined_ms, config)
                if stay is None:
                    measures.append((at_ms, labels, _GUEST, 1))
                else:
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
            excluded=excluded_of(tally, EXCLUDED),
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
            "were customers in it. Refunds are no purchases. A part without a weight is left out. "
            "What somebody does who is no customer at that time is left out and counted as not_a_customer; who joins again counts again."
        ),
        source="Ours: a weighted composite, whose parts and weights are the operator's own (STREAM_ENGAGEMENT)",
        null_rule="Null where nobody was a customer.",
        excluded_reasons=EXCLUDED,
        reads=CUSTOMER_ALWAYS | {"purchase", "referral", "mention"},
        entity="customer",
        stock=START,
        measures=_measures,
        figures=_figures,
        version=2,
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
