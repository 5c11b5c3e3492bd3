"""A commit that waits for what will never come ends the worker soon after the brokers answer again, and not before."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest

from stream.runtime.config import RuntimeConfig
from stream.runtime.patience import finished

CONFIG = RuntimeConfig(
    brokers=("localhost:1",), app_id="toy", transaction_timeout_ms=1_000, delivery_timeout_ms=4_000
)


def waited_for(
    commit: Callable[[], asyncio.Future[list[None]]],
    heartbeat_at: Callable[[], float | None],
    *,
    in_transaction: bool = True,
    config: RuntimeConfig = CONFIG,
) -> str:
    """What waiting for a commit came to: nothing, or the text of the error."""

    async def run() -> str:
        try:
            await finished(commit(), config, heartbeat_at, in_transaction=in_transaction, noticed_seconds=0.5)
        except (TimeoutError, ValueError) as exc:
            return str(exc)
        return ""

    return asyncio.run(run())


def never() -> asyncio.Future[list[None]]:
    return asyncio.get_running_loop().create_future()


def test_a_commit_that_the_brokers_have_aborted_is_given_up_when_they_answer() -> None:
    assert "though the brokers answer" in waited_for(never, time.monotonic)


@pytest.mark.parametrize("silent_since", [None, -60.0], ids=["never", "before the commit"])
def test_while_the_brokers_are_silent_it_may_have_been_on_its_way(silent_since: float | None) -> None:
    at = None if silent_since is None else time.monotonic() + silent_since
    assert waited_for(never, lambda: at) == "within STREAM_DELIVERY_TIMEOUT"


def test_without_transactions_no_broker_aborts_anything() -> None:
    assert waited_for(never, time.monotonic, in_transaction=False) == "within STREAM_DELIVERY_TIMEOUT"


def test_while_the_worker_itself_is_busy_nothing_is_given_up() -> None:
    async def busy() -> None:
        for _ in range(2):
            time.sleep(2.5)  # noqa: ASYNC251 - rows are taken and batches filled without an await
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)

    patient = msgspec.structs.replace(CONFIG, delivery_timeout_ms=60_000)
    assert waited_for(lambda: asyncio.gather(*[busy()]), time.monotonic, config=patient) == ""


def test_a_commit_ends_as_it_ends() -> None:
    def well() -> asyncio.Future[list[None]]:
        return asyncio.gather(*[asyncio.sleep(0.1)])

    async def wrong() -> None:
        raise ValueError("fenced")

    assert waited_for(well, time.monotonic) == ""
    assert waited_for(lambda: asyncio.gather(*[wrong()]), time.monotonic) == "fenced"
