"""What this room needs to know of the runtime, in the shape of ``stream.runtime.status``; neither room imports the other."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Part(Protocol):
    """One partition of one stage that this worker owns."""

    @property
    def stage(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def row_bytes(self) -> int: ...

    @property
    def view(self) -> object:
        """A :class:`SourceView`, or the ``Snapshot`` of a windows partition; anything else is not shown."""


class Commits(Protocol):
    """Commits of one stage since the process started."""

    @property
    def count(self) -> int: ...

    @property
    def seconds(self) -> float:
        """Duration of the last one."""


class Recovery(Protocol):
    """The current or the last loading of state."""

    @property
    def rows(self) -> int: ...

    @property
    def expected(self) -> int: ...

    @property
    def seconds(self) -> float | None:
        """None while it runs."""


class Status(Protocol):
    """The runtime at one instant; an immutable value."""

    @property
    def state(self) -> str: ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not ready, most important first; empty when ready."""

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def generation(self) -> int: ...

    @property
    def parts(self) -> Mapping[tuple[str, int], Part]: ...

    @property
    def lag(self) -> Mapping[tuple[str, int], int]: ...

    @property
    def commits(self) -> Mapping[str, Commits]: ...

    @property
    def recovery(self) -> Recovery: ...

    @property
    def consumed(self) -> Mapping[str, int]:
        """Topic -> records since the process started."""

    @property
    def gaps(self) -> int: ...

    @property
    def overlaps(self) -> int: ...


class SourceView(NamedTuple):
    """What is shown of one source partition."""

    counts: Mapping[str, Mapping[str, int]]
    """Topic -> ``outcome`` or ``outcome:reason`` -> records, as persisted with the state: restarts do not reset them."""
    watermark_ms: int
    """-1 for none."""
    overflowed: Mapping[str, int]
    """Label -> label sets that the cardinality guard sent to ``__other__``."""
    too_late: Mapping[str, int]
    """Metric -> measures that came after the last horizon and changed nothing."""
    truncated: Mapping[str, int] = {}
    """Topic -> dead letters that were cut to what the broker takes."""


class SourceShard(Protocol):
    """What a :class:`SourceView` is taken from: ``TicketsShard``."""

    @property
    def flushed_counts(self) -> Mapping[str, Mapping[str, int]]: ...

    @property
    def watermark_ms(self) -> int: ...

    @property
    def overflowed(self) -> Mapping[str, int]: ...

    @property
    def flushed_too_late(self) -> Mapping[str, int]: ...

    @property
    def flushed_truncated(self) -> Mapping[str, int]: ...


def source_view(shard: SourceShard) -> SourceView:
    """What other threads may read while the shard goes on. Call it on the event loop.

    Counters as of the last flush: those of the moment would fall back after a crash, which Prometheus takes for a reset.
    """
    return SourceView(
        shard.flushed_counts,
        shard.watermark_ms,
        dict(shard.overflowed),
        shard.flushed_too_late,
        shard.flushed_truncated,
    )
