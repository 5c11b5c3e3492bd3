"""The broker of the compose file, from its own settings, as a real Apache Kafka: it starts, and a worker can do its work on it."""

import base64
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.core.topics import Topics
from tests.deploy import traffic
from tests.deploy.tools import DEPLOY, load
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import Process
from tests.support.topics import read, write

SERVICES = load(DEPLOY / "compose.yaml")["services"]
SETTINGS = SERVICES["kafka"]["environment"]


def properties(folder: Path, ports: dict[str, int]) -> str:
    """The image's rule: KAFKA_A_B is the property a.b. Hosts, ports and the folder are this machine's."""
    lines = []
    for name, value in SETTINGS.items():
        if not name.startswith("KAFKA_"):
            continue
        text = re.sub(r"(?<=//)(?:kafka|localhost)?:|(?<=@)kafka:", "127.0.0.1:", str(value))
        text = re.sub(r":(\d+)", lambda found: f":{ports[found[1]]}", text)
        text = text.replace("/var/lib/kafka/data", f"{folder}/data")
        lines.append(f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={text}")
    return "\n".join(lines)


@pytest.fixture
def broker() -> Iterator[Kafka]:
    running = Kafka()
    (node,) = running.nodes
    host, controller = free_ports(2)
    ports = {"19092": node.port, "9092": host, "29093": controller}
    node.properties.write_text(properties(running.folder, ports))
    with running:
        yield running


def test_the_cluster_id_is_one() -> None:
    assert len(base64.urlsafe_b64decode(SETTINGS["CLUSTER_ID"] + "==")) == 16


@pytest.mark.broker
def test_a_worker_can_do_its_work_on_the_broker_of_the_compose_file(broker: Kafka, tmp_path: Path) -> None:
    environment = {**os.environ, **SERVICES["worker"]["environment"], "STREAM_HTTP_PORT": "0"}
    environment["STREAM_BROKERS"] = broker.bootstrap
    topics = Topics()
    for action in (SERVICES["topics"]["command"], ["topics", "check"]):
        with Process(tmp_path, "-m", "stream", *action, env=environment) as process:
            assert process.wait() == 0, process.output
    events = traffic.records(int(time.time() * 1000), topics)
    write(broker.bootstrap, [(event.topic, event.key, event.value) for event in events])
    with Process(tmp_path, "-m", "stream", "worker", "--drain", env=environment) as worker:
        assert worker.wait() == 0, worker.output
    rollups = read(broker.bootstrap, [topics.rollups])
    assert any((record.key or b"").startswith(b"default/csat/tenant=acme/") for record in rollups)
