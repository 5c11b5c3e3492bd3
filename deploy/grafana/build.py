"""Writes the dashboard ``deploy/grafana/dashboards/service-quality.json``.

``python -m deploy.grafana.build`` writes, ``--check`` only compares (exit 1 when the file is not what the code says).
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from deploy.grafana.changes import changes
from deploy.grafana.customers import customers
from deploy.grafana.now import live, pipeline
from deploy.grafana.panels import DATASOURCE
from deploy.grafana.queries import AGGREGATED
from deploy.grafana.satisfaction import satisfaction
from deploy.grafana.service import business_hours, calls, queues, replies, resolution
from deploy.grafana.teams import teams
from stream.metrics.profiles import BY_NAME as PROFILES
from stream.web.figures import PREFIX

FILE = Path(__file__).with_name("dashboards") / "service-quality.json"

ROWS = (
    satisfaction,
    replies,
    resolution,
    queues,
    calls,
    business_hours,
    customers,
    changes,
    teams,
    live,
    pipeline,
)


def _variable(name: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


def _variables() -> Iterator[builders.DatasourceVariable | builders.QueryVariable | builders.CustomVariable]:
    everything = f'__name__=~"segment:{PREFIX}.+"'
    yield builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    yield _variable("tenant", f"label_values({{{everything}}}, tenant)")
    for name in ("team", "channel"):
        every = dashboard.VariableOption(selected=True, text="All", value="$__all")
        yield (
            _variable(name, f'label_values({{{everything}, tenant="$tenant"}}, {name})')
            .include_all(True)
            .all_value(AGGREGATED)
            .current(every)
        )
    yield _variable("other_team", f'label_values({{{everything}, tenant="$tenant"}}, team)')
    yield _variable("window", f'label_values({{{everything}, tenant="$tenant"}}, window)').current(
        dashboard.VariableOption(selected=True, text="24h", value="24h")
    )
    own = "|default"
    yield (
        builders.CustomVariable("profile")
        .label("profile")
        .values(", ".join([f"default : {own}", *(f"{name} : {name}" for name in PROFILES)]))
        .current(dashboard.VariableOption(selected=True, text="default", value=own))
    )


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = (
        builders.Dashboard("Service quality")
        .uid("contact-centre-service-quality")
        .description(
            "Live figures of the contact centre: one segment at a time, each with its n and its interval."
        )
        .tags(["contact-centre"])
        .timezone("browser")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .refresh("30s")
    )
    for variable in _variables():
        board = board.with_variable(variable)
    panel_id = 0
    for make in ROWS:
        row = make()
        panel_id += 1
        board = board.with_row(builders.Row(row.title).id(panel_id))
        for panel in row.panels:
            panel_id += 1
            board = board.with_panel(panel.id(panel_id))
    return board.build()


def rendered() -> str:
    """The file's text."""
    return json.dumps(build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare it."""
    if arguments == ["--check"]:
        if FILE.exists() and FILE.read_text(encoding="utf-8") == rendered():
            return 0
        print(f"{FILE.name} is not what its code says; run: python -m deploy.grafana.build")
        return 1
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(rendered(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
