"""What all shares of a count have in common: figure with a Wilson interval, and series beside their counts."""

from collections.abc import Sequence
from typing import Final

from stream.core.interval import wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Series, Tally
from stream.core.metric import excluded_of

IN: Final = EXCLUDED_SLOTS
"""Those that the share is about."""
OUT: Final = EXCLUDED_SLOTS + 1
"""The others of the whole."""


def share_figure(
    metric: str, tally: Tally, counted: str, whole: str, reasons: tuple[str, ...] = ()
) -> Figure:
    """IN / (IN + OUT). Parts: ``counted`` and ``whole``, by their names."""
    inside = tally.get(IN, 0)
    n = inside + tally.get(OUT, 0)
    low, high = wilson(inside, n) or (None, None)
    return Figure(
        metric=metric,
        n=n,
        value=inside / n if n > 0 else None,
        unit="ratio",
        parts={counted: inside, whole: n},
        low=low,
        high=high,
        excluded=excluded_of(tally, reasons),
    )


def share_series(name: str, what: str, counted: tuple[str, str], whole: tuple[str, str]) -> Sequence[Series]:
    """``<name>_ratio`` with its interval and its counts; ``counted`` and ``whole``: the part's name, and its help."""
    part, part_help = counted
    all_of, all_help = whole
    return (
        Series(f"{name}_ratio", what, lambda figure: figure.value),
        Series(f"{name}_low_ratio", f"Lower end of {name}_ratio's 95 % interval.", lambda figure: figure.low),
        Series(
            f"{name}_high_ratio", f"Upper end of {name}_ratio's 95 % interval.", lambda figure: figure.high
        ),
        Series(f"{name}_{all_of}", all_help, lambda figure: figure.n),
        Series(f"{name}_{part}", part_help, lambda figure: figure.parts[part]),
    )
