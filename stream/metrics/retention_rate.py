"""How many of those who were customers at the start are still."""

from math import inf
from typing import Final

from stream.core.customer import CUSTOMER_ALWAYS
from stream.core.interval import Share, wilson
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import EXCLUDED, JOINED, LEFT, START, base_measures, lost_of


def _figures(tally: Tally) -> list[Figure]:
    start, joined, left = tally.get(START, 0), tally.get(JOINED, 0), tally.get(LEFT, 0)
    end = start + joined - left
    share = _stayed(tally)
    low, high = (share and wilson(*share)) or (None, None)
    return [
        Figure(
            metric="retention_rate",
            n=start,
            value=(end - joined) / start if start > 0 else None,
            unit="ratio",
            parts={"start": start, "joined": joined, "end": end},
            low=low,
            high=high,
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


def _stayed(tally: Tally) -> Share | None:
    lost = lost_of(tally)
    return None if lost is None else Share(lost.n - lost.successes, lost.n)


METRIC: Final = Metric(
    id=25,
    name="retention_rate",
    title="Customer retention",
    unit="ratio",
    definition=(
        "(Customers at the window's end - those who joined in it) / customers at its start. Who joins and leaves within one window is "
        "in neither of both numbers, but their leaving lowers the end. Joins and leaves count under the segments of the join. Windows "
        "in which nobody joins or leaves have no figure. 95 % interval after Wilson, of those at the start; "
        "none where more left than had been there."
    ),
    source="Ours: the plain textbook formula, (end - new) / start; no one publication is meant",
    null_rule="Null where there was no customer at the start.",
    excluded_reasons=EXCLUDED,
    reads=CUSTOMER_ALWAYS,
    entity="customer",
    stock=START,
    measures=base_measures,
    figures=_figures,
    interval=True,
    version=2,
    bounds=(-inf, 1.0),
    series=(
        Series("retention_ratio", "Customers at the start who are still.", lambda figure: figure.value),
        Series(
            "retention_low_ratio", "Lower end of retention_ratio's 95 % interval.", lambda figure: figure.low
        ),
        Series(
            "retention_high_ratio",
            "Upper end of retention_ratio's 95 % interval.",
            lambda figure: figure.high,
        ),
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
