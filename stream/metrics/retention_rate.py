"""How many of those who were customers at the start are still."""

from math import inf
from typing import Final

from stream.core.customer import CUSTOMER_ALWAYS
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import EXCLUDED, JOINED, LEFT, START, base_measures


def _figures(tally: Tally) -> list[Figure]:
    start, joined, left = tally.get(START, 0), tally.get(JOINED, 0), tally.get(LEFT, 0)
    end = start + joined - left
    return [
        Figure(
            metric="retention_rate",
            n=start,
            value=(end - joined) / start if start > 0 else None,
            unit="ratio",
            parts={"start": start, "joined": joined, "end": end},
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


METRIC: Final = Metric(
    id=25,
    name="retention_rate",
    title="Customer retention",
    unit="ratio",
    definition=(
        "(Customers at the window's end - those who joined in it) / customers at its start. Who joins and leaves within one window is "
        "in neither of both numbers, but their leaving lowers the end. Joins and leaves count under the segments of the join. Windows "
        "in which nobody joins or leaves have no figure."
    ),
    source="Ours: the plain textbook formula, (end - new) / start; no one publication is meant",
    null_rule="Null where there was no customer at the start.",
    excluded_reasons=EXCLUDED,
    reads=CUSTOMER_ALWAYS,
    entity="customer",
    stock=START,
    measures=base_measures,
    figures=_figures,
    bounds=(-inf, 1.0),
    series=(
        Series("retention_ratio", "Customers at the start who are still.", lambda figure: figure.value),
        Series("retention_start_customers", "Customers at the window's start.", lambda figure: figure.n),
        Series(
            "retention_joined_customers",
            "Customers who joined in the window.",
            lambda figure: figure.parts["joined"],
        ),
        Series(
            "retention_end_customers",
            "Customers at the window's end.",
            lambda figure: figure.parts["end"],
        ),
    ),
)
