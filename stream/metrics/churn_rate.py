"""How many customers were lost."""

from math import inf
from typing import Final

from stream.core.customer import CUSTOMER_ALWAYS
from stream.core.interval import wilson
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import EXCLUDED, LEFT, START, base_measures, lost_of


def _figures(tally: Tally) -> list[Figure]:
    start, left = tally.get(START, 0), tally.get(LEFT, 0)
    share = lost_of(tally)
    low, high = (share and wilson(*share)) or (None, None)
    return [
        Figure(
            metric="churn_rate",
            n=start,
            value=left / start if start > 0 else None,
            unit="ratio",
            parts={"lost": left, "start": start},
            low=low,
            high=high,
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


METRIC: Final = Metric(
    id=26,
    name="churn_rate",
    title="Customer churn",
    unit="ratio",
    definition=(
        "Customers who left in the window / customers at its start. Who joined in the same window counts as lost, too. Leaves count "
        "under the segments of the join. Windows in which nobody joins or leaves have no figure. 95 % interval after Wilson, of those at "
        "the start; none where more left than had been there."
    ),
    source="Ours: the plain textbook formula, lost / start; no one publication is meant",
    null_rule="Null where there was no customer at the start.",
    excluded_reasons=EXCLUDED,
    reads=CUSTOMER_ALWAYS,
    entity="customer",
    stock=START,
    measures=base_measures,
    figures=_figures,
    interval=True,
    version=2,
    bounds=(0.0, inf),
    series=(
        Series("churn_ratio", "Customers lost / customers at the start.", lambda figure: figure.value),
        Series("churn_low_ratio", "Lower end of churn_ratio's 95 % interval.", lambda figure: figure.low),
        Series("churn_high_ratio", "Upper end of churn_ratio's 95 % interval.", lambda figure: figure.high),
        Series("churn_start_customers", "Customers at the window's start.", lambda figure: figure.n),
        Series(
            "churn_lost_customers",
            "Customers who left in the window.",
            lambda figure: figure.parts["lost"],
        ),
    ),
)
