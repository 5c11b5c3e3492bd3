"""A real Prometheus and a real Alertmanager with the files of `deploy/`, for tests: other targets, seconds for minutes."""

import copy
import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.deploy.tools import DEPLOY, load, tool
from tests.support.ports import free_ports

T = TypeVar("T")

JOB = "contact-centre-stream"


def eventually(read: Callable[[], T], wanted: Callable[[T], object], what: str, seconds: float = 120) -> T:
    """Ask until the answer is as wanted; fails with the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = read()
        if wanted(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not after {seconds} s; last answer {answer!r}")
        time.sleep(0.2)


def _get(url: str, **parameters: str) -> Any:
    full = f"{url}?{urllib.parse.urlencode(parameters)}" if parameters else url
    with urllib.request.urlopen(full, timeout=10) as response:
        return json.load(response)


class Prometheus:
    """The HTTP API of a running one."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expr: str, at: float | None = None) -> list[dict[str, Any]]:
        """Result of an instant query; raises on one that cannot be evaluated."""
        given = {"query": expr} if at is None else {"query": expr, "time": str(at)}
        found: list[dict[str, Any]] = _get(f"{self.url}/api/v1/query", **given)["data"]["result"]
        return found

    def query_range(self, expr: str, seconds: int) -> list[dict[str, Any]]:
        """Result of a range query over the last seconds."""
        now = time.time()
        found: list[dict[str, Any]] = _get(
            f"{self.url}/api/v1/query_range", query=expr, start=str(now - seconds), end=str(now), step="1"
        )["data"]["result"]
        return found

    def value(self, expr: str) -> float | None:
        """The one value of a query; None for no or several results."""
        result = self.query(expr)
        return float(result[0]["value"][1]) if len(result) == 1 else None

    def known(self, expr: str) -> float:
        """The one value of a query, waited for: a scrape that a busy machine answers too late leaves a gap of a second."""
        value = eventually(lambda: self.value(expr), lambda found: found is not None, f"{expr} has one value")
        assert value is not None
        return value

    def recorded(self) -> set[str]:
        """Names of the recording rules that have a value now."""
        found = self.query('count by (__name__) ({__name__=~".+:.+"})')
        return {result["metric"]["__name__"] for result in found}

    def rules(self) -> list[dict[str, Any]]:
        """All rules with their health and, for alerts, their state."""
        groups = _get(f"{self.url}/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """Scrape targets of the worker's job."""
        active = _get(f"{self.url}/api/v1/targets")["data"]["activeTargets"]
        return [target for target in active if target["labels"]["job"] == JOB]


def adapted(targets: list[str], alertmanager: str) -> tuple[dict[str, Any], str]:
    """Configuration and alerts of `deploy/` for a test: the given targets, every second, `for: 2m` read as 2 s."""
    config = copy.deepcopy(load(DEPLOY / "prometheus" / "prometheus.yaml"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == JOB]
    del job["dns_sd_configs"]
    job["scrape_timeout"] = "1s"
    job["static_configs"] = [{"targets": targets}]
    config["scrape_configs"] = [job]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    alerts = (DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    return config, re.sub(r"^(\s+(?:for|keep_firing_for): \d+)m$", r"\1s", alerts, flags=re.MULTILINE)


@contextmanager
def _running(command: list[str], ready_url: str, log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:

        def is_ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"{command[0]} ended:\n{log.read_text(encoding='utf-8')}")
            try:
                with urllib.request.urlopen(ready_url, timeout=2) as response:
                    return bool(response.status == 200)
            except OSError:
                return False

        try:
            eventually(is_ready, bool, f"{command[0]} is ready")
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def monitoring(folder: Path, targets: list[str]) -> Iterator[tuple[Prometheus, str]]:
    """Both of them, scraping ``host:port`` targets; gives Prometheus' API and the address of Alertmanager's."""
    prometheus_port, alertmanager_port = free_ports(2)
    config, alerts = adapted(targets, f"127.0.0.1:{alertmanager_port}")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / "alerts.yaml").write_text(alerts, encoding="utf-8")
    (folder / "rules.yaml").write_bytes((DEPLOY / "prometheus" / "rules.yaml").read_bytes())
    alertmanager = f"http://127.0.0.1:{alertmanager_port}"
    prometheus = f"http://127.0.0.1:{prometheus_port}"
    with (
        _running(
            [
                tool("prometheus-alertmanager"),
                f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{alertmanager_port}",
                "--cluster.listen-address=",
            ],
            f"{alertmanager}/-/ready",
            folder / "alertmanager.log",
        ),
        _running(
            [
                tool("prometheus"),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{prometheus_port}",
            ],
            f"{prometheus}/-/ready",
            folder / "prometheus.log",
        ),
    ):
        yield Prometheus(prometheus), alertmanager


def alerts_of(alertmanager: str) -> dict[str, list[str]]:
    """Alert name -> receivers, as Alertmanager knows them now."""
    found = _get(f"{alertmanager}/api/v2/alerts")
    return {
        alert["labels"]["alertname"]: [receiver["name"] for receiver in alert["receivers"]] for alert in found
    }
