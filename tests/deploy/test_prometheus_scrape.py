"""A real Prometheus with the files of `deploy/` scrapes the real exporter: figures, rules, dashboard, alerts, and a move."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from stream.core.interval import Share, newcombe
from stream.runtime.status import RuntimeStatus
from stream.web import server
from stream.web.comparisons import declared
from stream.web.health import readiness_of
from tests.deploy import traffic
from tests.deploy.monitoring import Prometheus, alerts_of, eventually, monitoring
from tests.deploy.test_dashboard import ALL, PANELS, VARIABLES, filled_in

SEGMENT = 'tenant="acme", team="", channel="", queue="", agent=""'


class Worker:
    """A worker's HTTP port without the worker: what it shows is set by the test."""

    def __init__(self) -> None:
        self.status: RuntimeStatus = traffic.status_of()
        exporter = traffic.exporter(lambda: self.status)
        self._server = server.start("127.0.0.1", 0, exporter.render, lambda: readiness_of(self.status))
        self.address = f"127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self._server.stop()


@dataclass
class Stack:
    """Two workers under Prometheus, which alerts to Alertmanager."""

    first: Worker
    second: Worker
    prometheus: Prometheus
    alertmanager: str


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    first, second = Worker(), Worker()
    first.status = traffic.status_of(traffic.snapshot(int(time.time() * 1000)), dead_letters=1)
    try:
        with monitoring(tmp_path_factory.mktemp("monitoring"), [first.address, second.address]) as running:
            yield Stack(first, second, *running)
    finally:
        first.stop()
        second.stop()


@pytest.fixture
def scraped(stack: Stack) -> Stack:
    """The stack once everything has been scraped, and every rule of every group has recorded it."""
    rules = {rule["name"] for rule in stack.prometheus.rules() if rule["type"] == "recording"}
    eventually(lambda: rules - stack.prometheus.recorded(), lambda missing: not missing, "all is recorded")
    return stack


def test_both_workers_are_scraped_without_an_error(scraped: Stack) -> None:
    targets = eventually(
        scraped.prometheus.targets,
        lambda found: len(found) == 2 and all(one["health"] == "up" for one in found),
        "both targets are up",
    )
    assert [target["lastError"] for target in targets] == ["", ""]
    eventually(
        lambda: scraped.prometheus.value('sum(up{job="contact-centre-stream"})'),
        lambda up: up == 2,
        "both are recorded as up",
    )


def test_a_query_returns_the_csat_with_its_number_of_answers(scraped: Stack) -> None:
    labels = f'{{{SEGMENT}, window="24h"}}'
    prometheus = scraped.prometheus
    assert prometheus.known(f"contact_centre_csat_ratio{labels}") == pytest.approx(traffic.CSAT)
    assert prometheus.known(f"segment:contact_centre_csat_ratio:max{labels}") == pytest.approx(traffic.CSAT)
    assert prometheus.known(f"segment:contact_centre_csat_answers:max{labels}") == traffic.ANSWERS
    team = '{tenant="acme", team="billing", channel="chat", queue="", window="5m"}'
    assert prometheus.known(f"segment:contact_centre_csat_ratio:max{team}") == pytest.approx(traffic.CSAT)
    nps = 100 * (traffic.PROMOTERS - traffic.DETRACTORS) / 10
    assert prometheus.known(f"segment:contact_centre_nps:max{labels}") == pytest.approx(nps)
    assert (
        prometheus.known(f"segment:contact_centre_tickets_unanswered:max{{{SEGMENT}}}") == traffic.UNANSWERED
    )


def test_a_query_returns_how_far_the_csat_is_from_that_of_the_day_before(scraped: Stack) -> None:
    # 84 of 120 after 2 of 3. Wilson: 0.6128 to 0.7747 and 0.2077 to 0.9385; Newcombe: the root of 0.0872^2 + 0.2718^2 is 0.2855 below
    # and of 0.0748^2 + 0.4590^2 is 0.4651 above 0.7 - 0.6667.
    labels = f'{{{SEGMENT}, window="24h", metric="csat"}}'
    found = {
        name: scraped.prometheus.known(f"segment:contact_centre_{name}:max{labels}")
        for name, _ in declared(("ratio",))
    }
    assert found == {
        "before_n": traffic.DAY_BEFORE,
        "difference_n": traffic.DAY_BEFORE,
        "before_ratio": pytest.approx(2 / 3),
        "difference_ratio": pytest.approx(traffic.CSAT - 2 / 3),
        "difference_low_ratio": pytest.approx(0.0333 - 0.2855, abs=2e-4),
        "difference_high_ratio": pytest.approx(0.0333 + 0.4651, abs=2e-4),
    }
    assert scraped.prometheus.query("contact_centre_before_n{window!='24h'}") == []


def test_recorded_series_do_not_say_which_worker_they_come_from(scraped: Stack) -> None:
    for result in scraped.prometheus.query('{__name__=~"segment:.+|partition:.+|topic.*:.+"}'):
        assert not {"instance", "pod"} & set(result["metric"]), result["metric"]


def test_every_rule_is_evaluated_without_an_error_and_records_something(scraped: Stack) -> None:
    rules = eventually(
        scraped.prometheus.rules,
        lambda found: all(rule["health"] == "ok" for rule in found),
        "all rules are evaluated without an error",
    )
    records = [rule["name"] for rule in rules if rule["type"] == "recording"]
    assert len(records) > 40
    for name in records:
        eventually(partial(scraped.prometheus.query, name), bool, f"{name} records something")


@pytest.mark.parametrize(
    ("panel", "expr"), ALL, ids=[f"{panel}-{number}" for number, (panel, _) in enumerate(ALL)]
)
def test_a_query_of_the_dashboard_is_evaluated_and_finds_what_it_asks_for(
    scraped: Stack, panel: str, expr: str
) -> None:
    if panel in {"Alerts firing", "Dead letters of the last hour"}:
        scraped.prometheus.query(filled_in(panel, expr))  # empty on a good day
        return
    if panel == "CSAT" and "scalar(" in expr:
        scraped.prometheus.query(filled_in(panel, expr))  # in one band at a time: see below
        return
    query = filled_in(panel, expr)
    found = eventually(lambda: scraped.prometheus.query(query), bool, f"{panel}: {expr}")
    if "by (" not in expr and "segment:" in expr and "excluded" not in expr:
        assert len(found) == 1, "one segment is one series"
    assert scraped.prometheus.query_range(query, 10)


def test_the_csat_is_shown_in_the_band_that_the_settings_put_it_in(scraped: Stack) -> None:
    """70 % with good from 71 % and poor under 55 % is fair."""
    bands = {
        target["legendFormat"]: filled_in("CSAT", target["expr"])
        for panel in PANELS
        if panel["title"] == "CSAT"
        for target in panel["targets"]
        if "scalar(" in target["expr"]
    }
    assert list(bands) == ["CSAT, good", "CSAT, fair", "CSAT, poor"]
    found = {name: scraped.prometheus.value(query) for name, query in bands.items()}
    assert found == {"CSAT, good": None, "CSAT, fair": pytest.approx(traffic.CSAT), "CSAT, poor": None}


def test_two_teams_are_compared_as_stream_compare_does_it(scraped: Stack) -> None:
    panel = "Shares of two teams"
    columns = [
        {result["metric"]["metric"]: float(result["value"][1]) for result in scraped.prometheus.query(query)}
        for query in (filled_in(panel, expr) for title, expr in ALL if title == panel)
    ]
    north, south = (Share(*answers) for answers in traffic.TEAMS.values())
    bounds = newcombe(north, south)
    assert bounds is not None
    assert columns == [
        {"csat": pytest.approx(wanted)} for wanted in (0.95 - 0.8, *bounds, 0.95, 0.8, north.n, south.n)
    ]


def labels_of(prometheus: Prometheus, name: str, query: str) -> set[str]:
    """What a variable of the dashboard offers: the values of a label, without the empty one of sums over it."""
    return {result["metric"].get(name, "") for result in prometheus.query(query)} - {""}


def test_variables_of_the_dashboard_find_their_values(scraped: Stack) -> None:
    expected = {
        "tenant": {"acme", "globex"},
        "team": {"billing", "sales"},
        "channel": {"chat", "voice", "forum"},
        "window": {"5m", "1h", "24h"},
    }
    for name, wanted in expected.items():
        query = filled_in(name, VARIABLES[name]["query"].removeprefix("label_values(").rsplit(",", 1)[0])
        eventually(
            partial(labels_of, scraped.prometheus, name, query), wanted.__eq__, f"the values of {name}"
        )


def test_the_csat_alert_fires_and_reaches_the_people_who_lead_the_service(scraped: Stack) -> None:
    def firing() -> dict[str, list[dict[str, Any]]]:
        return {
            rule["name"]: [alert for alert in rule["alerts"] if alert["state"] == "firing"]
            for rule in scraped.prometheus.rules()
            if rule["type"] == "alerting"
        }

    found = eventually(firing, lambda now: now["ContactCentreCsatLow"], "the CSAT alert fires")
    (alert,) = found["ContactCentreCsatLow"]
    assert alert["labels"]["tenant"] == "acme"
    assert float(alert["value"]) == pytest.approx(traffic.CSAT)
    assert alert["annotations"]["description"] == (
        "70% of the 120 answers of the last 24 hours were good ones (tenant acme)."
    )
    eventually(
        lambda: alerts_of(scraped.alertmanager),
        lambda now: now.get("ContactCentreCsatLow") == ["support-leads"],
        "Alertmanager has it for the right people",
    )
    assert not found["ContactCentreNoWorker"]
    assert not found["ContactCentreWorkerDown"]


def test_a_segment_that_moves_to_the_other_worker_is_the_same_series(scraped: Stack) -> None:
    """The last of the module: it changes what the workers show."""
    prometheus = scraped.prometheus
    query = f'segment:contact_centre_csat_ratio:max{{{SEGMENT}, window="24h"}}'
    (before,) = eventually(lambda: prometheus.query(query), bool, "the figure is recorded")
    scraped.first.status, scraped.second.status = scraped.second.status, scraped.first.status
    raw = f'contact_centre_csat_ratio{{{SEGMENT}, window="24h"}}'
    eventually(
        lambda: [one["metric"]["instance"] for one in prometheus.query(raw)],
        lambda instances: instances == [scraped.second.address],
        "the segment is seen at its new owner only",
    )
    moved_at = time.time()
    eventually(
        lambda: prometheus.value(f"timestamp({query})"),
        lambda at: at is not None and at > moved_at,
        "one series is recorded after the move",
    )
    (after,) = eventually(lambda: prometheus.query(query), bool, "the figure is recorded again")
    assert after["metric"] == before["metric"]
    assert len(prometheus.query_range(query, 5)) == 1
    eventually(
        lambda: prometheus.value('count(ALERTS{alertname="ContactCentreCsatLow", alertstate="firing"})'),
        lambda firing: firing == 1,
        "the alert is one alert",
    )
