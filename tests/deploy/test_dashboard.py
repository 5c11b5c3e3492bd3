"""The dashboard's JSON: generated, complete, and asking only for what exists."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import build
from deploy.grafana.queries import AGGREGATED
from deploy.prometheus.build import COMPARED_UNITS, SETTINGS, recorded
from stream.core.metric import Metric
from stream.metrics import METRICS, built
from stream.web.comparisons import declared
from tests.deploy.tools import DEPLOY, load, run
from tests.deploy.traffic import exposed_series

DASHBOARD = json.loads(
    (DEPLOY / "grafana" / "dashboards" / "service-quality.json").read_text(encoding="utf-8")
)
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
RECORDED = {
    rule["record"]
    for group in load(DEPLOY / "prometheus" / "rules.yaml")["groups"]
    for rule in group["rules"]
}
NAME = re.compile(r"(?:[a-z_]+:)?contact_centre_\w+(?::\w+)?")


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


ALL = [(panel["title"], expr) for panel in PANELS for expr in expressions(panel)]


def filled_in(panel: str, expr: str) -> str:
    """The query as Grafana sends it for the tenant as a whole: the one whose traffic has what the panel shows."""
    tenant = "globex" if panel == "Bots counted as agents" else "acme"
    values = {"tenant": tenant, "team": AGGREGATED, "channel": AGGREGATED, "window": "24h"}
    if panel == "Shares of two teams":
        values |= {"tenant": "globex", "team": "north", "other_team": "south"}
    values["profile"] = VARIABLES["profile"]["current"]["value"]
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expr)


def test_the_file_is_what_its_code_says() -> None:
    assert build.main(["--check"]) == 0


def test_drift_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "FILE", tmp_path / "gone.json")
    assert build.main(["--check"]) == 1
    assert "python -m deploy.grafana.build" in capsys.readouterr().out


def test_panels_have_ids_titles_and_words_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    assert [panel["title"] for panel in PANELS if not panel["description"]] == []


def test_panels_fit_the_grid_and_none_lies_on_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_rows_stand_in_reading_order() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Satisfaction",
        "Replies",
        "Resolution",
        "Queues",
        "Calls",
        "Business hours",
        "Customers",
        "Against the window before",
        "Team against team",
        "Now",
        "Pipeline",
    ]


def test_every_query_goes_to_the_chosen_data_source() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert VARIABLES["datasource"]["type"] == "datasource"
    for panel in PANELS:
        assert panel["datasource"] == chosen, panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), panel["title"]
        assert all(target.get("datasource", chosen) == chosen for target in panel["targets"])
    for name in ("tenant", "team", "other_team", "channel", "window"):
        assert VARIABLES[name]["datasource"] == chosen


def test_queries_use_only_variables_that_exist() -> None:
    used = {name for _, expr in ALL for name in re.findall(r"\$\{?(\w+)", expr)}
    assert used == {"tenant", "team", "other_team", "channel", "window", "profile"}
    assert used <= set(VARIABLES)


def test_a_variable_of_which_one_value_is_chosen_is_no_pattern() -> None:
    """Grafana escapes the others only: a team "Billing (EU)" would be taken for a pattern that does not match it."""
    for title, expr in ALL:
        for name in re.findall(r'=~"[^"]*\$(\w+)', expr):
            variable = VARIABLES[name]
            assert variable.get("includeAll") or variable.get("multi") or variable["type"] == "custom", title


def test_promtool_can_parse_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": filled_in(*query)} for number, query in enumerate(ALL)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert f"{len(ALL)} rules found" in run("promtool", "check", "rules", "--lint=none", file)


def test_queries_name_only_series_that_a_worker_exposes_or_a_rule_records() -> None:
    known = exposed_series() | RECORDED
    for title, expr in ALL:
        names = set(NAME.findall(expr)) or {"up"}
        assert names <= known | {"up"}, title


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_has_a_panel(metric: Metric) -> None:
    names = {series.name for series in metric.series} | {live.count_name for live in metric.live_series}
    shown = {name for _, expr in ALL for name in NAME.findall(expr)}
    assert shown & {f"segment:contact_centre_{name}:max" for name in names}


def test_no_figure_stands_without_the_number_that_it_rests_on() -> None:
    rests_on = {
        "csat_ratio": "csat_answers",
        "csat_mean_ratio": "csat_mean_answers",
        "csat_mean_score": "csat_mean_score_answers",
        "nps": "nps_detractors",
        "survey_response_ratio": "survey_response_sent",
        "first_reply_seconds": "first_reply_seconds_count",
        "first_reply_seconds_mean": "first_reply_seconds_count",
        "reply_seconds": "reply_seconds_count",
        "reply_seconds_mean": "reply_seconds_count",
        "queue_wait_seconds": "queue_wait_seconds_count",
        "queue_wait_seconds_mean": "queue_wait_seconds_count",
        "ces_score": "ces_score_answers",
        "quality_score_ratio": "quality_score_reviews",
        "quality_criterion_ratio": "quality_criterion_reviews",
        "first_reply_within_ratio": "first_reply_within_replies",
        "service_level_ratio": "service_level_visits",
        "service_level_within_ratio": "service_level_within_judged",
        "abandon_ratio": "abandon_ended",
        "answer_ratio": "answer_offered",
        "reopened_ratio": "reopened_solved",
        "first_contact_resolution_ratio": "first_contact_resolution_solved",
        "retention_ratio": "retention_start_customers",
        "churn_ratio": "churn_start_customers",
        "referral_ratio": "referral_new_customers",
        "engagement_score": "engagement_score_customers",
        "csat_change_score": "csat_change_score_pairs",
        "sentiment_positive_ratio": "sentiment_mentions",
        "sentiment_neutral_ratio": "sentiment_mentions",
        "sentiment_negative_ratio": "sentiment_mentions",
        "channel_share_ratio": "channel_share_contacts",
        "handle_talk_seconds": "handle_seconds_count",
        "handle_hold_seconds": "handle_seconds_count",
        "handle_after_seconds": "handle_seconds_count",
    }
    suspected = {
        "suspected_bot_ratio": "suspected_bot_seconds_count",
        "suspected_bot_seconds_mean": "suspected_bot_seconds_count",
        "suspected_bot_without_seconds_mean": "suspected_bot_without_seconds_count",
    }
    for duration in (
        "handle",
        "first_resolution",
        "full_resolution",
        "complaint_resolution",
        "escalation_resolution",
        "requester_wait",
        "agent_wait",
        "on_hold",
        *(metric.series[0].name.removesuffix("_seconds") for metric in METRICS if metric.business),
    ):
        rests_on[f"{duration}_seconds"] = rests_on[f"{duration}_seconds_mean"] = f"{duration}_seconds_count"
    derived = {
        series.name
        for metric in built(SETTINGS)
        for series in metric.series
        if re.search(r"_ratio$|_mean$|_score$|_seconds$|^nps$", series.name)
    }
    bounds = {name for name in derived if name.endswith(("_low_ratio", "_high_ratio"))}
    assert derived - bounds == set(rests_on), "a new figure: say which number it rests on"
    for panel in PANELS:
        names = {name for expr in expressions(panel) for name in NAME.findall(expr)}
        for value, n in (rests_on | suspected).items():
            if recorded(f"contact_centre_{value}") in names:
                assert recorded(f"contact_centre_{n}") in names, f"{panel['title']}: {value} without {n}"


@pytest.mark.parametrize(
    "value",
    [
        "csat_{}ratio",
        "nps_{}",
        "abandon_{}ratio",
        "answer_{}ratio",
        "reopened_{}ratio",
        "first_contact_resolution_{}ratio",
        "first_reply_within_{}ratio",
        "service_level_{}ratio",
        "service_level_within_{}ratio",
        "sentiment_positive_{}ratio",
        "sentiment_neutral_{}ratio",
        "sentiment_negative_{}ratio",
    ],
)
def test_a_figure_with_an_interval_is_shown_with_it(value: str) -> None:
    bare = recorded("contact_centre_" + value.format("").rstrip("_"))
    ends = {recorded("contact_centre_" + value.format(end).rstrip("_")) for end in ("low_", "high_")}
    showing = [panel for panel in PANELS if any(bare in expr for expr in expressions(panel))]
    assert showing
    for panel in showing:
        names = {name for expr in expressions(panel) for name in NAME.findall(expr)}
        assert ends <= names, panel["title"]


@pytest.mark.parametrize("unit", COMPARED_UNITS)
def test_a_difference_is_shown_with_its_interval_and_what_it_rests_on(unit: str) -> None:
    names = {
        recorded(f"contact_centre_{name}")
        for name, _ in declared((unit,))
        if name.endswith(f"_{unit}") or name in ("before_n", "difference_n")
    }
    showing = [
        {name for expr in expressions(panel) for name in NAME.findall(expr)}
        for panel in PANELS
        if any(recorded(f"contact_centre_difference_{unit}") in expr for expr in expressions(panel))
    ]
    assert showing == [names]


def test_no_average_of_averages() -> None:
    for title, expr in ALL:
        assert "avg" not in expr, title
        if "segment:" in expr:
            assert not re.search(r"\b(sum|quantile|stddev|topk)\b", expr.split("{")[0]), title
