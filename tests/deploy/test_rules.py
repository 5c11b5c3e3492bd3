"""Recording rules and alerts: Prometheus' own checks and unit tests, and that rules, alerts and runbook are one set."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus import build
from tests.deploy.tools import DEPLOY, load, run
from tests.deploy.traffic import exposed_series

PROMETHEUS = DEPLOY / "prometheus"
RULES = [rule for group in load(PROMETHEUS / "rules.yaml")["groups"] for rule in group["rules"]]
ALERTS = [rule for group in load(PROMETHEUS / "alerts.yaml")["groups"] for rule in group["rules"]]
TESTS = load(PROMETHEUS / "tests.yaml")["tests"]

NAME = re.compile(r"(?:[a-z_]+:)?contact_centre_\w+(?::\w+)?")


def test_recording_rules_are_those_of_the_registry() -> None:
    assert build.main(["--check"]) == 0


def test_drift_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "rules.yaml"
    old.write_text(
        build.FILE.read_text(encoding="utf-8").replace("csat_ratio", "csat_ration"), encoding="utf-8"
    )
    monkeypatch.setattr(build, "FILE", old)
    assert build.main(["--check"]) == 1
    assert "python -m deploy.prometheus.build" in capsys.readouterr().out


def test_promtool_accepts_configuration_and_rules() -> None:
    run("promtool", "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yaml")
    files = (PROMETHEUS / "rules.yaml", PROMETHEUS / "alerts.yaml")
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *files)


def test_unit_tests_of_the_alerts() -> None:
    run("promtool", "test", "rules", PROMETHEUS / "tests.yaml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("< 0.80", "< 0.75"),
        ("< 0.80", "<= 0.80"),
        (">= 100", ">= 99"),
        (">= 100", "> 100"),
        ('window="24h", team=""', 'window="5m", team=""'),
        ('team!="", channel=""', 'team!=""'),
        ('queue="", agent=""}', 'queue="", agent="", profile=~"|default"}'),
        ('queue="", agent=""}', 'queue=""}'),
        ('profile=%q}" $labels.tenant $labels.profile', 'profile!=%q}" $labels.tenant $labels.profile'),
        ('profile=%q}" $labels.tenant $labels.team', 'profile!=%q}" $labels.tenant $labels.team'),
        ("{{ with $labels.profile }}, as", "{{ with $labels.window }}, as"),
        ("keep_firing_for: 15m", "keep_firing_for: 1m"),
        ('alert!="csat_low"', 'alert!=""'),
        ("replies:max > 0\n        for: 15m", "replies:max > 0\n        for: 1m"),
        ("replies:max > 0", "replies:max > 400"),
        ("== 1)\n        for: 2m", "== 0)\n        for: 2m"),
        ("_ready{", "_unready{"),
        ("> 600", "> 6000"),
        ("> 10000", "> 1000000"),
        ("            and\n          delta", "            or\n          delta"),
        (
            "sum without (stage) (increase(contact_centre_stream_checkpoints_total{",
            "sum without (stage) (0 * increase(contact_centre_stream_checkpoints_total{",
        ),
        ("unless\n              partition", "and\n              partition"),
        ("              and on (job)\n            partition", "              or\n            partition"),
        ("offset 1h", "offset 5m"),
    ],
)
def test_a_fault_in_an_alert_is_noticed_by_its_unit_test(tmp_path: Path, old: str, new: str) -> None:
    alerts = (PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8")
    assert old in alerts, "the fault is planted nowhere"
    _write(tmp_path, alerts.replace(old, new))
    run("promtool", "check", "rules", tmp_path / "alerts.yaml")
    with pytest.raises(AssertionError, match="FAILED"):
        run("promtool", "test", "rules", tmp_path / "tests.yaml")


def test_without_a_fault_they_pass_with_the_rules_that_they_ask_for(tmp_path: Path) -> None:
    _write(tmp_path, (PROMETHEUS / "alerts.yaml").read_text(encoding="utf-8"))
    run("promtool", "test", "rules", tmp_path / "tests.yaml")


def _write(folder: Path, alerts: str) -> None:
    (folder / "alerts.yaml").write_text(alerts, encoding="utf-8")
    (folder / "tests.yaml").write_bytes((PROMETHEUS / "tests.yaml").read_bytes())
    (folder / "rules.yaml").write_text(yaml.safe_dump(_asked_for()), encoding="utf-8")


def _asked_for() -> dict[str, Any]:
    """The recording rules that the unit tests need: with all of them each fault would take promtool seven seconds."""
    groups = load(PROMETHEUS / "rules.yaml")["groups"]
    texts = "".join((PROMETHEUS / name).read_text(encoding="utf-8") for name in ("alerts.yaml", "tests.yaml"))
    needed: set[str] = set()
    asked = set(NAME.findall(texts))
    while asked > needed:
        needed = set(asked)
        for rule in RULES:
            if rule["record"] in needed:
                asked |= set(NAME.findall(rule["expr"]))
    kept = [
        {**group, "rules": [rule for rule in group["rules"] if rule["record"] in needed]} for group in groups
    ]
    return {"groups": [group for group in kept if group["rules"]]}


def test_rules_and_alerts_name_only_series_that_a_worker_exposes_or_a_rule_records() -> None:
    exposed = exposed_series()
    recorded = {rule["record"] for rule in RULES}
    assert {build.recorded(name) for name in build.figure_series()} <= recorded
    for rule in RULES:
        assert set(NAME.findall(rule["expr"])) <= exposed | recorded, rule["record"]
    for rule in ALERTS:
        texts = (rule["expr"], *rule["annotations"].values())
        used = {name for text in texts for name in NAME.findall(text)}
        assert used <= exposed | recorded, rule["alert"]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_complete(rule: dict[str, Any]) -> None:
    assert rule["labels"]["area"] in {"service-quality", "pipeline"}
    severity = rule["labels"].get("severity")
    assert severity in {"info", "warning", "critical"} or "alert_state" in rule["expr"], "else the rule's own"
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    file, anchor = rule["annotations"]["runbook_url"].split("#")
    assert file == "deploy/runbook.md"
    assert anchor == rule["alert"].lower()
    cases = [
        case
        for test in TESTS
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == rule["alert"]
    ]
    assert any(case["exp_alerts"] for case in cases), "no unit test in which it fires"
    assert any(not case["exp_alerts"] for case in cases), "no unit test in which it does not fire"


def test_the_runbook_has_a_section_for_every_alert_and_no_other() -> None:
    runbook = (DEPLOY / "runbook.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", runbook, re.MULTILINE) == [rule["alert"] for rule in ALERTS]
