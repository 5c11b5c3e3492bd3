"""Panels of one figure as the dashboard shows it: with its n and its interval."""

from typing import NamedTuple

from deploy.grafana.panels import Line, Panel, by_label, number, over_time
from deploy.grafana.queries import by, figure

OPTIONAL = "Computed where STREAM_METRICS names it."


class Row(NamedTuple):
    """A titled row and its panels."""

    title: str
    panels: list[Panel]


def duration(title: str, description: str, series: str) -> list[Panel]:
    """Mean, median and 95th percentile, and how they went."""
    base = f"{series}_seconds"
    mean = Line(figure(f"{base}_mean"), "mean", "s")
    n = Line(figure(f"{base}_count"), "n")
    median, high = (
        Line(figure(base, more=f'quantile="{q}"'), name, "s")
        for q, name in (("0.5", "median"), ("0.95", "p95"))
    )
    every = [
        Line(figure(base, more=f'quantile="{q}"'), name, "s")
        for q, name in (("0.5", "median"), ("0.9", "p90"), ("0.95", "p95"), ("0.99", "p99"))
    ]
    return [
        number(title, description, median, [mean, high, n], decimals=1),
        over_time(f"{title} over time", description, [*every, mean], counts=[n]),
    ]


def one_duration(title: str, description: str, series: str) -> Panel:
    """Median with mean, 95th percentile and n."""
    return duration(title, f"{description} {OPTIONAL}", series)[0]


def interval(series: str) -> tuple[Line, Line]:
    """Both ends of a share's interval."""
    return (
        Line(figure(f"{series}_low_ratio"), "95 % interval from", "percentunit"),
        Line(figure(f"{series}_high_ratio"), "to", "percentunit"),
    )


def share(title: str, description: str, series: str, counts: tuple[tuple[str, str], ...]) -> Panel:
    """A share with its interval and its counts: (series without the prefix, what it is called)."""
    return number(
        title,
        f"{description} {OPTIONAL}",
        Line(figure(f"{series}_ratio"), title.lower(), "percentunit"),
        [
            *interval(series),
            *(Line(figure(f"{series}_{count}"), name) for count, name in counts),
        ],
        decimals=1,
    )


def shares_by(
    title: str, description: str, label: str, series: str, counts: tuple[tuple[str, str], ...]
) -> Panel:
    """As :func:`share`, one row per value of a label of the metric's own."""
    return by_label(
        title,
        f"{description} {OPTIONAL}",
        label,
        [
            Line(by(label, figure(f"{series}_ratio")), "share", "percentunit"),
            Line(by(label, figure(f"{series}_low_ratio")), "95 % interval from", "percentunit"),
            Line(by(label, figure(f"{series}_high_ratio")), "to", "percentunit"),
            *(Line(by(label, figure(f"{series}_{count}")), name) for count, name in counts),
        ],
        width=12,
    )
