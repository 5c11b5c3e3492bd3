"""Alertmanager's configuration: valid, and each of our alerts reaches the people it is meant for."""

from typing import Any

import pytest

from tests.deploy.tools import DEPLOY, load, run

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yaml"
ALERTS = [
    rule
    for group in load(DEPLOY / "prometheus" / "alerts.yaml")["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
RECEIVER = {"service-quality": "support-leads", "pipeline": "pipeline-on-call"}


def route(**labels: str) -> str:
    pairs = [f"{name}={value}" for name, value in labels.items()]
    return run("amtool", "config", "routes", "test", f"--config.file={CONFIG}", *pairs).splitlines()[-1]


def test_amtool_accepts_the_configuration() -> None:
    assert "SUCCESS" in run("amtool", "check-config", CONFIG)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_reaches_the_people_it_is_meant_for(rule: dict[str, Any]) -> None:
    assert route(alertname=rule["alert"], tenant="acme", **rule["labels"]) == RECEIVER[rule["labels"]["area"]]


def test_an_alert_of_unknown_origin_reaches_the_people_on_call() -> None:
    assert route(alertname="Unknown", severity="critical") == "pipeline-on-call"


def test_an_inhibition_names_alerts_that_exist_and_labels_that_they_have() -> None:
    names = {rule["alert"]: rule["labels"] for rule in ALERTS}
    for rule in load(CONFIG)["inhibit_rules"]:
        (source,) = [matcher.split("=")[1].strip(' "') for matcher in rule["source_matchers"]]
        assert set(rule["equal"]) <= set(names[source]), "absent() alone gives an alert no labels"
