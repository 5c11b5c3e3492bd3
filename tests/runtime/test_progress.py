"""How far the loading of state has come."""

import asyncio

from structlog.testing import capture_logs

from stream.runtime.config import RuntimeConfig
from stream.runtime.shell import Shell
from tests.runtime.toy import toy_pipeline


def test_it_is_shown_at_once_and_logged_once_a_second() -> None:
    async def run() -> None:
        shell = Shell(RuntimeConfig(brokers=("localhost:1",), app_id="toy"), toy_pipeline("toy", 4, 3).stages)
        with capture_logs() as lines:
            shell._loaded(10, 100)
            shell._loaded(20, 100)
        assert [(line["event"], line["rows"], line["at_most"]) for line in lines] == [
            ("worker.recovering", 10, 100)
        ]
        assert (shell.status.recovery.rows, shell.status.recovery.expected) == (20, 100)

    asyncio.run(run())
