"""A stage: which topics it reads, where its rows live, and the shards that do its work."""

import time
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from stream.core.record import Shard

SAMPLE_ROWS = 500


class StageSpec(NamedTuple):
    """What a stage is made of. All its topics have ``partitions`` partitions, and so has its changelog."""

    name: str
    sources: tuple[str, ...]
    changelog: str
    partitions: int
    new_shard: Callable[[int], Shard]
    """Partition number -> a new, empty shard."""
    commit_interval_ms: int
    view: Callable[[Shard], object]
    """What readers outside the event loop may see of a shard; called on the loop, returns something immutable."""
    feeds: bool = False
    """It reads the input of all, not what another stage writes."""
    rekeyed: tuple[str, ...] = ()
    """Those of its sources that another stage that feeds writes."""
    building: Callable[[Shard], str] = lambda _shard: ""
    """Which generation a shard is building and how far it is; empty when its figures are complete."""


class Part:
    """One partition of one stage: its shard, and how far its sources are applied."""

    def __init__(self, spec: StageSpec, number: int) -> None:
        self.spec = spec
        self.number = number
        self.shard = spec.new_shard(number)
        self.ready = False
        self.positions: dict[str, int] = {}
        """Source topic -> next offset to apply; complete before anything is applied."""
        self.advanced = False
        """Something was applied since the last commit."""
        self.committed_at = time.monotonic()
        self.row_bytes = 0

    @property
    def name(self) -> str:
        """``tickets-3``: also the end of its transactional id."""
        return f"{self.spec.name}-{self.number}"

    @property
    def dirty(self) -> bool:
        """Whether a commit has anything to write."""
        return self.advanced or self.shard.changed()

    def measure(self) -> None:
        """Estimate the size of the rows."""
        rows = self.shard.rows
        sample = sum(len(key) + len(value) for key, value in islice(rows.items(), SAMPLE_ROWS))
        self.row_bytes = sample * len(rows) // max(1, min(len(rows), SAMPLE_ROWS))
