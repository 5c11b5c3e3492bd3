"""The README's own commands, as a new user would type them, on a real Kafka and with a standard client."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import ROOT, Process

pytestmark = pytest.mark.broker

BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_a_first_event_from_a_standard_client_reaches_the_metrics_page(kafka: Kafka, tmp_path: Path) -> None:
    for tool, package in (("kcat", "kcat"), ("curl", "curl")):
        assert shutil.which(tool), f"{tool} is missing: apt-get install {package}"
    [port] = free_ports(1)
    set_up, first_event = BLOCKS
    send, look = first_event.replace("9464", str(port)).split("\n\n")
    prefix = "readme."  # the brokers are shared with other tests
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STREAM_TOPIC_PREFIX": prefix,
        "STREAM_APP_ID": "readme",
        "STREAM_HTTP_PORT": str(port),
        "STREAM_BROKERS": kafka.bootstrap,
    }

    def shell(text: str) -> str:
        text = text.replace("localhost:9092", kafka.bootstrap).replace("-t contact-centre.", f"-t {prefix}")
        return subprocess.run(
            ["bash", "-c", text], env=env, capture_output=True, text=True, check=False
        ).stdout

    *before, worker = [line for line in set_up.splitlines() if line]
    assert worker.split("#")[0].split() == ["stream", "worker"]
    assert "topics are as they must be" in shell("\n".join(before))
    with Process(tmp_path, "-m", "stream", "worker", env=env) as process:
        shell(send)
        deadline = time.monotonic() + 60
        shown = ""
        while 'contact_centre_tickets_open{team="billing",tenant="acme"} 1' not in shown:
            assert time.monotonic() < deadline, f"{shown}\n{process.output}"
            time.sleep(0.5)
            shown = shell(look)
