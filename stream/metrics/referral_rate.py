"""How many new customers others have brought."""

from math import inf
from typing import Final

from stream.core.config import CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS, Customer
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import Metric

REFERRED: Final = EXCLUDED_SLOTS
NEW: Final = EXCLUDED_SLOTS + 1


def _measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    measures: list[Measure] = [
        (joined_ms, customer.labels_at(joined_ms, config), NEW, 1) for joined_ms, _ in customer.stays()
    ]
    measures += [(one.at, customer.labels_at(one.at, config), REFERRED, 1) for one in customer.referrals]
    return measures


def _figures(tally: Tally) -> list[Figure]:
    referred, new = tally.get(REFERRED, 0), tally.get(NEW, 0)
    return [
        Figure(
            metric="referral_rate",
            n=new,
            value=referred / new if new > 0 else None,
            unit="ratio",
            parts={"referred": referred, "new": new},
        )
    ]


METRIC: Final = Metric(
    id=27,
    name="referral_rate",
    title="Referral rate",
    unit="ratio",
    definition=(
        "Customers referred / customers who joined, each in the window of its own event. Whom one customer refers twice counts once, "
        "whom two refer, twice. Referrals count under the segments of who referred. Above 1 where more were referred than joined."
    ),
    source="Ours: the plain formula of marketing, referred / new customers; no one publication is meant",
    null_rule="Null where nobody joined.",
    excluded_reasons=(),
    reads=CUSTOMER_ALWAYS | {"referral"},
    entity="customer",
    measures=_measures,
    figures=_figures,
    bounds=(0.0, inf),
    series=(
        Series("referral_ratio", "Customers referred / customers who joined.", lambda figure: figure.value),
        Series("referral_new_customers", "Customers who joined.", lambda figure: figure.n),
        Series("referral_referred_customers", "Customers referred.", lambda figure: figure.parts["referred"]),
    ),
)
