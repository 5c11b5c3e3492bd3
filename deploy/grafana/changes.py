"""The row of figures beside those of the window directly before."""

from deploy.grafana.figures import Row
from deploy.grafana.panels import Line, Panel, by_label
from deploy.grafana.queries import by, figure

WHAT = (
    "The window against the one of equal length directly before: the difference with its 95 % interval where both have enough "
    "(STREAM_COMPARE_MIN_N). An interval without zero: chance alone hardly did it. For the windows of STREAM_COMPARE_WINDOWS."
)


def changes() -> Row:
    """Each unit in a table of its own, a row per figure."""
    return Row(
        "Against the window before",
        [
            _against("Shares before and now", "ratio", "percentunit"),
            _against("Times before and now", "seconds", "s"),
            _against("Scores before and now", "score", "none"),
            _against("NPS before and now", "points", "none"),
            _against("Money before and now", "minor", "none", interval=False),
        ],
    )


def _against(title: str, unit: str, shown: str, *, interval: bool = True) -> Panel:
    ends = (("low", "95 % interval from"), ("high", "to")) if interval else ()
    return by_label(
        title,
        WHAT if interval else f"{WHAT} Of money none is kept.",
        "metric",
        [
            Line(by("metric", figure(f"difference_{unit}")), "difference", shown),
            *(Line(by("metric", figure(f"difference_{end}_{unit}")), name, shown) for end, name in ends),
            Line(by("metric", figure(f"before_{unit}")), "before", shown),
            Line(by("metric", figure("before_n")), "n before"),
            Line(by("metric", figure("difference_n")), "smaller n"),
        ],
        width=12,
    )
