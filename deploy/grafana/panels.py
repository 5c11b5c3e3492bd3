"""The few kinds of panels that the dashboard is made of. A figure never stands without its n and, where it has one, its interval."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH = 24
HEIGHT = 7

Panel = stat.Panel | timeseries.Panel | table.Panel
Property = dashboard.DynamicConfigValue


class Line(NamedTuple):
    """A query and what it is called on the panel."""

    expr: str
    legend: str
    unit: str = "short"


def _queries(lines: Sequence[Line], *, instant: bool, as_table: bool = False) -> list[Builder[Dataquery]]:
    queries: list[Builder[Dataquery]] = []
    for number, line in enumerate(lines):
        query = (
            prometheus.Dataquery().expr(line.expr).legend_format(line.legend).ref_id(chr(ord("A") + number))
        )
        query = query.instant() if instant else query.range()
        queries.append(query.format(PromQueryFormat.TABLE) if as_table else query)
    return queries


def _steps(*steps: tuple[float | None, str]) -> list[dashboard.Threshold]:
    return [dashboard.Threshold(value=value, color=color) for value, color in steps]


def _thresholds(*steps: tuple[float | None, str]) -> builders.ThresholdsConfig:
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(_steps(*steps))


def _plain(unit: str) -> list[Property]:
    return [Property("unit", unit), Property("color", {"mode": "fixed", "fixedColor": "text"})]


def number(
    title: str,
    description: str,
    value: Line | Sequence[tuple[Line, str]],
    beside: Sequence[Line] = (),
    *,
    decimals: float | None = None,
    width: int = 6,
) -> stat.Panel:
    """The figure of this moment; beside it what it rests on.

    Several lines, each with a colour: one query per band, of which one finds the figure.
    """
    coloured = [(value, "text")] if isinstance(value, Line) else value
    lines = [line for line, _ in coloured]
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(width)
        .height(HEIGHT)
        .targets(_queries([*lines, *beside], instant=True))
        .unit(lines[0].unit)
        .thresholds(_thresholds((None, "text")))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .orientation(common.VizOrientation.HORIZONTAL if beside else common.VizOrientation.AUTO)
        .no_value("no data")
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    for position, (_, colour) in enumerate(coloured if len(coloured) > 1 else ()):
        panel = panel.override_by_query(
            chr(ord("A") + position), [Property("color", {"mode": "fixed", "fixedColor": colour})]
        )
    for position, line in enumerate(beside, start=len(lines)):
        ref = chr(ord("A") + position)
        properties = _plain(line.unit)
        if line.unit == "short":
            properties.append(Property("decimals", 0))
        panel = panel.override_by_query(ref, properties)
    return panel


def over_time(
    title: str,
    description: str,
    lines: Sequence[Line],
    *,
    band: tuple[Line, Line] | None = None,
    counts: Sequence[Line] = (),
    marks: Sequence[tuple[Line, str]] = (),
    width: int = 18,
    soft_max: float | None = None,
) -> timeseries.Panel:
    """Lines over time; ``band`` is an interval drawn as an area, ``counts`` are bars on an axis of their own.

    ``marks`` are thin broken lines of a colour each, to measure the others by.
    """
    every = [*lines, *(band or ()), *counts, *(line for line, _ in marks)]
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(width)
        .height(HEIGHT)
        .targets(_queries(every, instant=False))
        .unit(lines[0].unit)
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.NEVER)
        .span_nulls(False)
        .axis_soft_min(0)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if soft_max is not None:
        panel = panel.axis_soft_max(soft_max)
    if band is not None:
        low, high = band
        thin = [Property("custom.lineWidth", 0), Property("color", {"mode": "fixed", "fixedColor": "blue"})]
        panel = panel.override_by_name(low.legend, thin)
        panel = panel.override_by_name(
            high.legend,
            [*thin, Property("custom.fillBelowTo", low.legend), Property("custom.fillOpacity", 15)],
        )
    for line, colour in marks:
        broken = {"fill": "dash", "dash": [8, 8]}
        panel = panel.override_by_name(
            line.legend,
            [
                Property("custom.lineWidth", 1),
                Property("custom.lineStyle", broken),
                Property("color", {"mode": "fixed", "fixedColor": colour}),
            ],
        )
    for line in counts:
        panel = panel.override_by_name(
            line.legend,
            [
                Property("unit", "short"),
                Property("custom.axisPlacement", "right"),
                Property("custom.axisLabel", line.legend),
                Property("custom.drawStyle", "bars"),
                Property("custom.lineWidth", 0),
                Property("custom.fillOpacity", 20),
                Property("color", {"mode": "fixed", "fixedColor": "text"}),
            ],
        )
    return panel


def by_label(
    title: str, description: str, label: str, lines: Sequence[Line], *, width: int = WIDTH
) -> table.Panel:
    """One row per value of a label, one column per query, of this moment; sorted by the first column, lowest first."""
    columns = {f"Value #{chr(ord('A') + number)}": line.legend for number, line in enumerate(lines)}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(width)
        .height(HEIGHT)
        .targets(_queries(lines, instant=True, as_table=True))
        .no_value("")
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {label: 0, **{name: place for place, name in enumerate(columns, start=1)}},
                    "renameByName": columns,
                },
            )
        )
        .sort_by([common_builders.TableSortByFieldState().display_name(lines[0].legend).desc(False)])
    )
    for line in lines:
        panel = panel.override_by_name(line.legend, [Property("unit", line.unit)])
    return panel


def listing(
    title: str, description: str, line: Line, *, hidden: Sequence[str] = (), width: int = 12
) -> table.Panel:
    """The series of one query as they are now: labels, then the value."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(width)
        .height(HEIGHT)
        .targets(_queries([line], instant=True, as_table=True))
        .no_value("none")
        .unit(line.unit)
        .with_transformation(
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": dict.fromkeys(("Time", "__name__", "job", *hidden), True),
                    "indexByName": {},
                    "renameByName": {"Value": line.legend},
                },
            )
        )
    )
