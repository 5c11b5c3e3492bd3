"""How many customers were lost."""

from functools import cache
from math import inf

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS
from stream.core.interval import Sample
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import Metric, excluded_of
from stream.metrics.stays import EXCLUDED, OF_THE_START, START, base_measures, longest_window_ms, lost_of


def _figures(tally: Tally) -> list[Figure]:
    lost = lost_of(tally)
    start, left, perhaps_new = lost
    low, high = lost.interval or (None, None)
    return [
        Figure(
            metric="churn_rate",
            n=start,
            value=left / start if start > 0 else None,
            unit="ratio",
            parts={"lost": left, "start": start, "perhaps_new": perhaps_new},
            low=low,
            high=high,
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]


def _samples(tally: Tally) -> dict[str, Sample | None]:
    """None of a window in which new ones may be among the lost: their chances are others'."""
    lost = lost_of(tally)
    return {"churn_rate": lost.share} if lost.share or lost.start <= 0 else {}


def metric(config: CoreConfig) -> Metric:
    """Follows the length of the longest window."""
    return _metric(longest_window_ms(config) // MINUTE_MS)


@cache
def _metric(longest_minutes: int) -> Metric:
    return Metric(
        id=26,
        name="churn_rate",
        title="Customer churn",
        unit="ratio",
        definition=(
            "Customers who left in the window / customers at its start. Who joined in the same window counts as lost, too, and so does who "
            "came back in it. Leaves count under the segments of the join. Windows in which nobody joins or leaves have no figure. "
            f"{OF_THE_START}"
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
        samples=_samples,
        version=3,
        bounds=(0.0, inf),
        parameters=f"brief={longest_minutes}m",
        series=(
            Series("churn_ratio", "Customers lost / customers at the start.", lambda figure: figure.value),
            Series("churn_low_ratio", "Lower end of churn_ratio's 95 % interval.", lambda figure: figure.low),
            Series(
                "churn_high_ratio", "Upper end of churn_ratio's 95 % interval.", lambda figure: figure.high
            ),
            Series("churn_start_customers", "Customers at the window's start.", lambda figure: figure.n),
            Series(
                "churn_lost_customers",
                "Customers who left in the window.",
                lambda figure: figure.parts["lost"],
            ),
        ),
    )
