"""What the demo shows, read from ``/metrics`` as any Prometheus would read it."""

import http.client
from collections.abc import Mapping
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

WHOLE = "600d"
"""A running window longer than the data: everything so far."""
GAUGE_WINDOWS = ("24h", "30d", WHOLE)

DURATIONS = {"first_reply_time": "first_reply", "reply_time": "reply", "queue_wait_time": "queue_wait"}
"""Metric -> the middle of its series' names."""

_PREFIX = "contact_centre_"
_OWN = "contact_centre_stream_"


class Alert(NamedTuple):
    """One line of the alerts topic that the demo shows."""

    at: str
    """Event time, RFC 3339."""
    rule: str
    tenant: str
    state: str
    value: float | None
    n: int
    threshold: float


class Figures:
    """One scrape. Tenant-wide figures only: segments by team and channel are on the page, not on the screen."""

    def __init__(self, exposition: str) -> None:
        self._values: dict[tuple[str, str, str, str], float] = {}
        self.firing: dict[str, bool] = {}
        self.clock_seconds: float | None = None
        self.ready = False
        self.outcomes: dict[str, int] = {}
        self.lag = 0
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                self._take(sample.name, sample.labels, sample.value)

    def _take(self, name: str, labels: Mapping[str, str], value: float) -> None:
        if name.startswith(_OWN):
            if name == f"{_OWN}events_total":
                outcome = labels["outcome"]
                self.outcomes[outcome] = self.outcomes.get(outcome, 0) + int(value)
            elif name == f"{_OWN}event_clock_timestamp_seconds":
                self.clock_seconds = value
            elif name == f"{_OWN}ready":
                self.ready = value == 1
            elif name == f"{_OWN}lag_records":
                self.lag += int(value)
            return
        own = {"tenant", "window", "quantile"}
        if name == f"{_PREFIX}alert_state":
            self.firing[labels["tenant"]] = self.firing.get(labels["tenant"], False) or value == 1
        elif own.issuperset(labels) and "tenant" in labels:
            key = (
                labels["tenant"],
                labels.get("window", ""),
                name.removeprefix(_PREFIX),
                labels.get("quantile", ""),
            )
            self._values[key] = value

    def value(self, tenant: str, window: str, series: str, quantile: str = "") -> float | None:
        """One series of a tenant, by its name without the prefix; None where there is no sample."""
        return self._values.get((tenant, window, series, quantile))

    @property
    def events(self) -> int:
        """Source records that were applied, repeated, skipped or refused."""
        return sum(self.outcomes.values())

    def as_json(self, tenant: str, window: str) -> dict[str, Any]:
        """All figures of one tenant and window, plain values only; seconds, ratios and points."""

        def number(series: str, quantile: str = "") -> float | None:
            return self.value(tenant, window, series, quantile)

        def count(series: str) -> int:
            return int(number(series) or 0)

        found: dict[str, Any] = {
            "csat": {
                "n": count("csat_answers"),
                "ratio": number("csat_ratio"),
                "low": number("csat_low_ratio"),
                "high": number("csat_high_ratio"),
            },
            "nps": {
                "n": count("nps_promoters") + count("nps_passives") + count("nps_detractors"),
                "points": number("nps"),
                "low": number("nps_low"),
                "high": number("nps_high"),
            },
        }
        for metric, middle in DURATIONS.items():
            found[metric] = {
                "n": count(f"{middle}_seconds_count"),
                "sum_seconds": number(f"{middle}_seconds_sum"),
                "mean_seconds": number(f"{middle}_seconds_mean"),
                "median_seconds": number(f"{middle}_seconds", "0.5"),
                "p90_seconds": number(f"{middle}_seconds", "0.9"),
            }
        return found

    def live_as_json(self, tenant: str) -> dict[str, Any]:
        """Counts of what is so now, and the oldest's age in seconds."""
        return {
            "open": int(self.value(tenant, "", "tickets_open") or 0),
            "unanswered": int(self.value(tenant, "", "tickets_unanswered") or 0),
            "oldest_unanswered_age_seconds": self.value(tenant, "", "oldest_unanswered_age_seconds"),
            "queue_waiting": int(self.value(tenant, "", "queue_waiting") or 0),
        }


def fetch(port: int, path: str = "/metrics", timeout: float = 5.0) -> tuple[int, str]:
    """Status and body of one request to the worker. Raises OSError or HTTPException while it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
