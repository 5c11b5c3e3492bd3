"""What all shares of a count have in common: figure with a Wilson interval, and series beside their counts."""

from collections.abc import Callable
from typing import Final

from stream.core.interval import Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Reasons, Series, Tally
from stream.core.metric import excluded_of

IN: Final = EXCLUDED_SLOTS
"""Those that the share is about."""
OUT: Final = EXCLUDED_SLOTS + 1
"""The others of the whole."""


def share_figure(
    metric: str,
    tally: Tally,
    counted: str,
    whole: str,
    reasons: Reasons | None = (),
    slots: tuple[int, int] = (IN, OUT),
) -> Figure:
    """IN / (IN + OUT). Parts: ``counted`` and ``whole``, by their names.

    What a metric excludes stands in its first figure; ``reasons`` None for another one.
    """
    inside = tally.get(slots[0], 0)
    n = inside + tally.get(slots[1], 0)
    low, high = wilson(inside, n) or (None, None)
    return Figure(
        metric=metric,
        n=n,
        value=inside / n if n > 0 else None,
        unit="ratio",
        parts={counted: inside, whole: n},
        low=low,
        high=high,
        excluded={} if reasons is None else excluded_of(tally, reasons),
    )


def share_sample(tally: Tally, slots: tuple[int, int] = (IN, OUT)) -> Share | None:
    """What the share was taken of."""
    inside = tally.get(slots[0], 0)
    n = inside + tally.get(slots[1], 0)
    return Share(inside, n) if n > 0 else None


def share_series(
    name: str,
    what: str,
    counted: tuple[str, str],
    whole: tuple[str, str],
    *,
    of: str | None = None,
    labels: tuple[tuple[str, str], ...] = (),
) -> tuple[Series, ...]:
    """``<name>_ratio`` with its interval and its counts; ``counted`` and ``whole``: the part's name, and its help.

    ``of``: the figure that is read, with the ``labels`` that tell it from others of its metric; None: every one.
    """
    part, part_help = counted
    all_of, all_help = whole
    return tuple(
        Series(name, help_, _of(of, read), labels)
        for name, help_, read in (
            (f"{name}_ratio", what, lambda figure: figure.value),
            (f"{name}_low_ratio", f"Lower end of {name}_ratio's 95 % interval.", lambda figure: figure.low),
            (f"{name}_high_ratio", f"Upper end of {name}_ratio's 95 % interval.", lambda figure: figure.high),
            (f"{name}_{all_of}", all_help, lambda figure: figure.n),
            (f"{name}_{part}", part_help, lambda figure: figure.parts[part]),
        )
    )


def _of(metric: str | None, read: Callable[[Figure], float | None]) -> Callable[[Figure], float | None]:
    """``read``, but of one figure only."""
    if metric is None:
        return read
    return lambda figure: read(figure) if figure.metric == metric else None
