"""What the shell tells readers outside its event loop: immutable values, replaced and never changed."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

State = Literal["starting", "joining", "recovering", "running", "stopping", "failed"]


class PartStatus(NamedTuple):
    """One partition of one stage that this worker owns."""

    stage: str
    partition: int
    rows: int
    row_bytes: int
    """Estimated from a sample of the rows."""
    view: object
    """What ``Stage.view`` made of the shard: immutable."""


class CommitStatus(msgspec.Struct, frozen=True):
    """Commits of one stage since the process started."""

    count: int = 0
    seconds: float = 0.0
    """Duration of the last one, over all its partitions."""
    at_ms: int = -1
    """When the last one was complete; -1 for never."""


class RecoveryStatus(NamedTuple):
    """The current or the last loading of state."""

    rows: int = 0
    """Changelog records read so far."""
    expected: int = 0
    """Changelog offsets to read; an upper bound of the records, as compaction and markers leave holes."""
    seconds: float | None = None
    """Duration from the assignment to readiness; None while it runs."""


class RuntimeStatus(NamedTuple):
    """The shell at one instant. ``Shell.status`` is replaced several times a second; any thread may read it."""

    state: State = "starting"
    reasons: tuple[str, ...] = ("starting",)
    """Why it is not ready, most important first; empty when ready."""
    notes: tuple[str, ...] = ()
    """What holds although it is ready, such as weaker guarantees."""
    generation: int = -1
    """Of the consumer group."""
    parts: Mapping[tuple[str, int], PartStatus] = {}
    """(stage, partition) -> its status; what has moved away is not in it."""
    lag: Mapping[tuple[str, int], int] = {}
    """(source topic, partition) -> records between the applied position and the end."""
    commits: Mapping[str, CommitStatus] = {}
    recovery: RecoveryStatus = RecoveryStatus()
    consumed: Mapping[str, int] = {}
    """Topic -> records applied since the process started, deltas included; what is read again after a crash counts again."""
    gaps: int = 0
    """Batches refused because something before them was missing, and fetched again."""
    overlaps: int = 0
    """Batches of which a part had been applied already."""

    @property
    def ready(self) -> bool:
        """Assigned, recovered and committing."""
        return not self.reasons
