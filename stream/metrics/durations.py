"""What all durations share: slots, figure and series. Integer milliseconds in; seconds at the edge."""

from collections.abc import Callable

from stream.core.config import CoreConfig
from stream.core.histogram import MIDDLES, bucket, bucket_range, middle
from stream.core.interval import Mean, mean_of
from stream.core.loops import count_buckets, quantiles_of
from stream.core.measure import (
    EXCLUDED_SLOTS,
    SLOTS_PER_METRIC,
    Figure,
    Labels,
    Measure,
    Reasons,
    Series,
    Tally,
)
from stream.core.metric import Waits, excluded_of
from stream.core.ticket import Ticket

SUM_SLOT = EXCLUDED_SLOTS
"""Sum in milliseconds."""
BUCKET_SLOT = EXCLUDED_SLOTS + 1
"""First of the histogram's buckets; their counts add up to n."""
NEGATIVE_SLOT = 0
EXCLUDED = ("negative_duration",)
PERCENTS = (50, 90, 95, 99)

_NAMES = {percent: f"p{percent}" for percent in PERCENTS}
_PARTS = [f"bucket_{bucket_range(index)[0]}_ms" for index in range(SLOTS_PER_METRIC - BUCKET_SLOT)]


def duration_measures(instant_ms: int, labels: Labels, duration_ms: int) -> tuple[Measure, ...]:
    """A duration that ended at an instant; a negative one (clock skew) is excluded and counted, never clamped."""
    if duration_ms < 0:
        return ((instant_ms, labels, NEGATIVE_SLOT, 1),)
    return (
        (instant_ms, labels, SUM_SLOT, duration_ms),
        (instant_ms, labels, BUCKET_SLOT + bucket(duration_ms), 1),
    )


def length_ms(stretches: tuple[int, ...]) -> int:
    """How long a wait's stretches are together."""
    if len(stretches) == 2:  # nearly all
        return stretches[1] - stretches[0]
    return sum(stretches[1::2]) - sum(stretches[::2])


def measured(waits: Waits) -> Callable[[Ticket, CoreConfig], list[Measure]]:
    """The measures of waits, as long as they were."""

    def measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
        found: list[Measure] = []
        for instant_ms, labels, stretches in waits(ticket, config):
            if isinstance(stretches, int):
                found.append((instant_ms, labels, stretches, 1))
            else:
                found += duration_measures(instant_ms, labels, length_ms(stretches))
        return found

    return measures


def duration_figure(metric: str, tally: Tally, reasons: Reasons = EXCLUDED) -> Figure:
    """Mean in seconds with quantiles; parts: n, sum in seconds, and counts by the bucket's lower bound in ms."""
    sum_ms = tally.get(SUM_SLOT, 0)
    parts: dict[str, int | float] = {"n": 0, "sum": sum_ms / 1000}
    parts["n"] = n = count_buckets(tally, BUCKET_SLOT, parts, _PARTS)
    return Figure(
        metric,
        n,
        sum_ms / n / 1000 if n > 0 else None,
        "seconds",
        parts,
        quantiles=_quantiles(tally),
        excluded=excluded_of(tally, reasons),
    )


def _quantiles(tally: Tally) -> dict[str, float | None]:
    found = quantiles_of(tally, BUCKET_SLOT, PERCENTS, MIDDLES)
    return {
        name: None if value_ms is None else value_ms / 1000
        for name, value_ms in zip(_NAMES.values(), found, strict=True)
    }


def duration_sample(tally: Tally) -> Mean | None:
    """Mean in seconds, exact; its variance as the histogram has it, where each duration is known within 1/64."""
    counts: dict[float, int] = {
        middle(slot - BUCKET_SLOT) / 1000: count for slot, count in tally.items() if slot >= BUCKET_SLOT
    }
    n = sum(counts.values())
    return mean_of(counts, tally.get(SUM_SLOT, 0) / n / 1000) if n > 0 else None


def duration_series(name: str, what: str) -> tuple[Series, ...]:
    """Series of a duration: ``<name>_seconds`` by quantile, with mean, sum and count."""

    def quantile(percent: int) -> Series:
        key = _NAMES[percent]
        return Series(
            f"{name}_seconds",
            f"{what}, quantiles.",
            lambda figure: figure.quantiles[key] if figure.quantiles else None,
            (("quantile", f"{percent / 100:g}"),),
        )

    return (
        *(quantile(percent) for percent in PERCENTS),
        Series(f"{name}_seconds_mean", f"{what}, mean.", lambda figure: figure.value),
        Series(f"{name}_seconds_sum", f"{what}, sum.", lambda figure: figure.parts["sum"]),
        Series(f"{name}_seconds_count", f"{what}, how many.", lambda figure: figure.n),
    )
