"""How many of those who were customers at the start are still."""

from functools import cache
from math import inf

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS
from stream.core.interval import Sample, Share
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import (
    EXCLUDED,
    JOINED,
    OF_THE_START,
    START,
    base_measures,
    longest_window_ms,
    lost_of,
)


def _figures(tally: Tally) -> list[Figure]:
    lost = lost_of(tally)
    start, left, perhaps_new = lost
    joined = tally.get(JOINED, 0)
    end = start + joined - left
    low, high = lost.interval or (None, None)
    return [
        Figure(
            metric="retention_rate",
            n=start,
            value=(end - joined) / start if start > 0 else None,
            unit="ratio",
            parts={"start": start, "joined": joined, "end": end, "perhaps_new": perhaps_new},
            low=None if high is None else 1 - high,
            high=None if low is None else 1 - low,
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


def _samples(tally: Tally) -> dict[str, Sample | None]:
    """None of a window in which new ones may be among the lost: their chances are others'."""
    lost = lost_of(tally)
    if lost.share is None:
        return {"retention_rate": None} if lost.start <= 0 else {}
    return {"retention_rate": Share(lost.start - lost.left, lost.start)}


def metric(config: CoreConfig) -> Metric:
    """Follows the length of the longest window."""
    return _metric(longest_window_ms(config) // MINUTE_MS)


@cache
def _metric(longest_minutes: int) -> Metric:
    return Metric(
        id=25,
        name="retention_rate",
        title="Customer retention",
        unit="ratio",
        definition=(
            "(Customers at the window's end - those who joined in it) / customers at its start. Who joins and leaves within one window is "
            "in neither of both numbers, but their leaving lowers the end; who leaves and comes back counts as lost and as new. Joins and "
            "leaves count under the segments of the join. Windows in which nobody joins or leaves have no figure. "
            f"{OF_THE_START}"
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
        samples=_samples,
        version=3,
        bounds=(-inf, 1.0),
        parameters=f"brief={longest_minutes}m",
        series=(
            Series(
                "retention_ratio", "Customers at the start who did not leave.", lambda figure: figure.value
            ),
            Series(
                "retention_low_ratio",
                "Lower end of retention_ratio's 95 % interval.",
                lambda figure: figure.low,
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
