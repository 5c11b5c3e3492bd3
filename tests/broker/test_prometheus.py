"""Events into a real Kafka, two worker processes, and a real Prometheus with the files of `deploy/` over them."""

import os
import time
import uuid
from pathlib import Path

import pytest

from stream.core.topics import Topics
from stream.metrics import BY_NAME
from tests.deploy import traffic
from tests.deploy.monitoring import Prometheus, alerts_of, eventually, monitoring
from tests.deploy.test_dashboard import ALL, filled_in
from tests.support.calendars import ALWAYS_OPEN
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import Process
from tests.support.topics import write

SEGMENT = '{tenant="acme", team="", channel="", queue="", window="24h"}'
CSAT = f"segment:contact_centre_csat_ratio:max{SEGMENT}"


@pytest.mark.broker
def test_prometheus_reads_the_csat_of_two_workers_and_alerts(kafka: Kafka, tmp_path: Path) -> None:
    name = f"prometheus-{uuid.uuid4().hex[:8]}"
    topics = Topics(prefix=f"{name}.", app_id=name)
    ports = free_ports(2)
    calendars = tmp_path / "calendars.toml"
    calendars.write_text(ALWAYS_OPEN, encoding="utf-8")

    def environment(port: int) -> dict[str, str]:
        return {
            **os.environ,
            "STREAM_BROKERS": kafka.bootstrap,
            "STREAM_TOPIC_PREFIX": topics.prefix,
            "STREAM_APP_ID": topics.app_id,
            "STREAM_HTTP_PORT": str(port),
            "STREAM_METRICS": ",".join(BY_NAME),
            "STREAM_QUALITY_CRITERIA": ",".join(traffic.CONFIG.quality_criteria),
            "STREAM_CALENDARS": str(calendars),
            "STREAM_COMPARE_MIN_N": str(traffic.CONFIG.compare_min_n),
        }

    with Process(tmp_path, "-m", "stream", "topics", "create", env=environment(0)) as create:
        assert create.wait() == 0, create.output
    with (
        Process(tmp_path, "-m", "stream", "worker", env=environment(ports[0])) as first,
        Process(tmp_path, "-m", "stream", "worker", env=environment(ports[1])),
        monitoring(tmp_path, [f"127.0.0.1:{port}" for port in ports]) as (prometheus, alertmanager),
    ):
        ready = "sum(contact_centre_stream_ready)"
        eventually(lambda: prometheus.value(ready), lambda value: value == 2, "both workers are ready")
        events = traffic.records(int(time.time() * 1000), topics)
        write(kafka.bootstrap, [(event.topic, event.key, event.value) for event in events])

        answers = CSAT.replace("csat_ratio", "csat_answers")
        eventually(
            lambda: prometheus.value(answers), lambda n: n == traffic.ANSWERS, "every answer is counted"
        )
        csat = pytest.approx(traffic.CSAT)
        eventually(lambda: prometheus.value(CSAT), lambda value: value == csat, "the CSAT is recorded")
        eventually(
            lambda: {one["health"] for one in prometheus.targets()},
            lambda health: health == {"up"},
            "both workers are scraped",
        )
        _rules_and_queries_work(prometheus)
        eventually(
            lambda: alerts_of(alertmanager),
            lambda now: now.get("ContactCentreCsatLow") == ["support-leads"],
            "the CSAT alert has reached the people who lead the service",
        )

        assert first.stop() == 0, first.output
        eventually(lambda: prometheus.value(ready), lambda value: value == 1, "one worker is left")
        eventually(
            lambda: prometheus.value(f"contact_centre_csat_answers{SEGMENT}"),
            lambda n: n == traffic.ANSWERS,
            "the one that is left shows the figure",
        )
        applied = 'sum(partition:contact_centre_stream_events_total:max{outcome="applied"})'
        eventually(
            lambda: prometheus.value(applied),
            lambda n: n == len(events),
            "counters have moved with the state",
        )
        eventually(lambda: prometheus.value(CSAT), lambda value: value == csat, "the recorded CSAT goes on")


def _rules_and_queries_work(prometheus: Prometheus) -> None:
    eventually(
        prometheus.rules,
        lambda found: all(rule["health"] == "ok" for rule in found),
        "all rules are evaluated without an error",
    )
    on_a_bad_day = {"Alerts firing", "Dead letters of the last hour", "Came too late, ever"}

    def without_data() -> set[str]:
        """Of queries for the bands of one figure one finds it."""
        asked = [
            (panel, "scalar(" in expr, bool(prometheus.query(filled_in(panel, expr)))) for panel, expr in ALL
        ]
        found = {panel for panel, in_a_band, some in asked if in_a_band and some}
        missed = {
            panel for panel, in_a_band, some in asked if not some and not (in_a_band and panel in found)
        }
        return missed - on_a_bad_day

    eventually(without_data, lambda panels: not panels, "every panel of the dashboard has data")
