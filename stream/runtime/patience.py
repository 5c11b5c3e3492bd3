"""How long a commit is waited for."""

import asyncio
import time
from collections.abc import Callable

from stream.runtime.config import RuntimeConfig

LOOK_SECONDS = 1.0

NOTICED_SECONDS = 10.0
"""So long after a transaction's time-out the brokers have noticed it: they look every ten seconds."""


async def finished(
    commits: asyncio.Future[list[None]],
    config: RuntimeConfig,
    heartbeat_at: Callable[[], float | None],
    *,
    in_transaction: bool,
    noticed_seconds: float = NOTICED_SECONDS,
) -> None:
    """Wait for commits and raise what they raise. Raises TimeoutError where they have no end, or none that could be a good one.

    After its time-out the brokers abort a transaction. While they are away that decides nothing: the commit may have been on its way,
    and is found or not when they are back. But where they answer (``heartbeat_at``: monotonic time of the last heartbeat that was
    answered) and the commit still waits, what it waits for was lost with a connection.

    Only time in which this loop had nothing to do but wait counts: while it takes rows from the shards and fills batches, which can
    be long, it hears no answers, and heartbeats, on a thread of their own, go on all the same.
    """
    started = looked = time.monotonic()
    idle_seconds = 0.0
    doomed_seconds = config.transaction_timeout_ms / 1000 + noticed_seconds
    while True:
        await asyncio.wait((commits,), timeout=LOOK_SECONDS)
        if commits.done():
            commits.result()
            return
        now = time.monotonic()
        idle_seconds = idle_seconds + LOOK_SECONDS if now - looked < 2 * LOOK_SECONDS else 0.0
        looked = now
        if now - started > config.delivery_timeout_ms / 1000:
            raise TimeoutError("within STREAM_DELIVERY_TIMEOUT")
        answered = heartbeat_at()
        if (
            in_transaction
            and idle_seconds > doomed_seconds
            and answered is not None
            and answered > now - noticed_seconds
        ):
            raise TimeoutError(
                f"within {now - started:.0f} s though the brokers answer: they have aborted it"
            )
