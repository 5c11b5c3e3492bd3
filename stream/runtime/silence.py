"""Whether the brokers answer a worker that is at work: a reason not to be ready, and a line in the log when that changes."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

SLOW_COMMIT_SECONDS = 10
"""A commit that takes longer makes the worker not ready."""


class Silence:
    """Watches the commit that waits and the heartbeats."""

    def __init__(self, session_timeout_ms: int) -> None:
        self._session_seconds = session_timeout_ms / 1000
        self.heartbeat_at: Callable[[], float | None] = lambda: None
        """Monotonic time of the last heartbeat that the group answered."""
        self.commit_since: float | None = None
        """Monotonic time at which the commit began that waits now."""
        self._told_at: float | None = None

    def reason(self) -> str:
        """What has not been answered and for how long, empty while all is well."""
        now = time.monotonic()
        if self.commit_since is not None and now - self.commit_since > SLOW_COMMIT_SECONDS:
            return f"a commit has been waiting for the broker for {now - self.commit_since:.0f} s"
        beat = self.heartbeat_at()
        silent = 0.0 if beat is None else now - beat
        if silent > self._session_seconds:
            return f"the brokers have not answered a heartbeat for {silent:.0f} s"
        return ""

    def tell(self, reason: str) -> None:
        """Log that the brokers have fallen silent, once, and that they answer again: who reads only the log learns of it, too."""
        if reason and self._told_at is None:
            self._told_at = time.monotonic()
            log.warning("brokers.silent", reason=reason)
        elif not reason and self._told_at is not None:
            log.info("brokers.answer", after_seconds=round(time.monotonic() - self._told_at, 1))
            self._told_at = None
