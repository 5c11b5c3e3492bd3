"""How many customers were lost."""

from math import inf
from typing import Final

from stream.core.customer import CUSTOMER_ALWAYS
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import EXCLUDED, LEFT, START, base_measures


def _figures(tally: Tally) -> list[Figure]:
    start, left = tally.get(START, 0), tally.get(LEFT, 0)
    return [
        Figure(
            metric="churn_rate",
            n=start,
            value=left / start if start > 0 else None,
            unit="ratio",
            parts={"lost": left, "start": start},
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
        "under the segments of the join. Windows in which nobody joins or leaves have no figure."
    ),
    source="Ours: the plain textbook formula, lost / start; no one publication is meant",
    null_rule="Null where there was no customer at the start.",
    excluded_reasons=EXCLUDED,
    reads=CUSTOMER_ALWAYS,
    entity="customer",
    stock=START,
    measures=base_measures,
    figures=_figures,
    bounds=(0.0, inf),
    series=(
        Series("churn_ratio", "Customers lost / customers at the start.", lambda figure: figure.value),
        Series("churn_start_customers", "Customers at the window's start.", lambda figure: figure.n),
        Series(
            "churn_lost_customers",
            "Customers who left in the window.",
            lambda figure: figure.parts["lost"],
        ),
    ),
)
