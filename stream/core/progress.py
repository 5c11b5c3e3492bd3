"""How far all source partitions have come, as the windows stage hears it, and its counters: the partition's meta row."""

from collections.abc import Mapping

import msgspec

from stream.core.config import CoreConfig
from stream.core.delta import DeltaBatch
from stream.core.tally import DamagedRowError

NONE_MS = -1
ROW_VERSION = 1


class GenerationError(Exception):
    """Deltas or rows of another generation than this program's; the shell refuses the partition."""


class SourceProgress(msgspec.Struct, array_like=True, frozen=True):
    """What one source partition said last."""

    watermark_ms: int = NONE_MS
    idle: bool = False
    closed: bool = False


class _Meta(msgspec.Struct, array_like=True):
    version: int
    generation: int
    watermark_ms: int
    source_partitions: int
    sources: dict[int, SourceProgress]
    positions: dict[str, int]
    counters: dict[str, int]
    too_late: dict[str, dict[int, int]]
    shape: dict[str, str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Meta).decode


class Progress:
    """Watermarks of all sources, the position in the deltas topic, and counters. Times in milliseconds."""

    def __init__(self, config: CoreConfig) -> None:
        self._generation = config.generation
        self._source_partitions = config.source_partitions
        self.sources: dict[int, SourceProgress] = {}
        self.watermark_ms = NONE_MS
        """All sources have passed it; never goes back."""
        self.positions: dict[str, int] = {}
        """The deltas topic -> offset before which everything is contained in the rows."""
        self.newest_ms = NONE_MS
        """Highest log timestamp of a source record that is contained."""
        self.counters = {"deltas": 0, "entries": 0, "rollups": 0, "alerts": 0}
        self.too_late: dict[str, dict[int, int]] = {}
        """Metric -> rollup window in ms -> measures that its windows no longer took, over all segments."""
        self.shape: dict[str, str] = {}

    def load(self, raw: bytes, where: str) -> None:
        """Read the meta row. Raises DamagedRowError or GenerationError; ``where`` names the partition in them."""
        try:
            meta = _decode(raw)
        except ValueError as exc:
            raise DamagedRowError(f"the meta row of {where} is damaged: {exc}") from exc
        if meta.version != ROW_VERSION:
            raise DamagedRowError(
                f"the meta row of {where} has version {meta.version}, this program reads {ROW_VERSION}"
            )
        self._check(meta.generation, where)
        self.watermark_ms = meta.watermark_ms
        self._source_partitions = meta.source_partitions
        self.sources = meta.sources
        self.positions.update(meta.positions)
        self.counters.update(meta.counters)
        self.too_late = meta.too_late
        self.shape = meta.shape

    def encode(self) -> bytes:
        """The meta row."""
        return _encode(
            _Meta(
                ROW_VERSION,
                self._generation,
                self.watermark_ms,
                self._source_partitions,
                self.sources,
                self.positions,
                self.counters,
                self.too_late,
                self.shape,
            )
        )

    def limit_ms(self, batch: DeltaBatch, where: str) -> int:
        """The watermark that decides what in a batch is too late: the one its source had before this commit.

        Never the commit's own, which its own records have moved: one commit of a replay can span weeks. Not below the
        minimum either, which an idle source does not hold back: what was given up does not come back.
        """
        self._check(batch.generation, where)
        source = self.sources.get(batch.source_partition)
        return max(self.watermark_ms, source.watermark_ms if source is not None else NONE_MS)

    def advance(self, batch: DeltaBatch) -> bool:
        """Take over what a source says of itself; True when that is news."""
        self._source_partitions = batch.source_partitions
        self.newest_ms = max(self.newest_ms, batch.newest_ms)
        before = self.sources.get(batch.source_partition)
        said = SourceProgress(
            max(batch.watermark_ms, before.watermark_ms if before is not None else NONE_MS),
            batch.idle,
            batch.closed,
        )
        if said == before:
            return False
        self.sources[batch.source_partition] = said
        if len(self.sources) >= self._source_partitions:
            holding = [one.watermark_ms for one in self.sources.values() if not one.idle and not one.closed]
            if holding:
                self.watermark_ms = max(self.watermark_ms, min(holding))
            elif self.closed:
                self.watermark_ms = max(
                    self.watermark_ms, min(one.watermark_ms for one in self.sources.values())
                )
        return True

    @property
    def closed(self) -> bool:
        """Whether every source has come to the end of its input."""
        return len(self.sources) >= self._source_partitions and all(
            one.closed for one in self.sources.values()
        )

    @property
    def newest_watermark_ms(self) -> int:
        """Where event time ends when every source is closed."""
        return max((one.watermark_ms for one in self.sources.values()), default=NONE_MS)

    def count_too_late(self, metric: str, window_ms: int, measures: int) -> None:
        """Count measures that a rollup window no longer took."""
        windows = self.too_late.setdefault(metric, {})
        windows[window_ms] = windows.get(window_ms, 0) + measures

    def watermarks(self) -> Mapping[int, int]:
        """Source partition -> watermark, for the exporter."""
        return {partition: one.watermark_ms for partition, one in sorted(self.sources.items())}

    def _check(self, generation: int, where: str) -> None:
        if generation > self._generation:
            raise GenerationError(
                f"{where} holds generation {generation}, this program is configured for {self._generation}: "
                "a newer version is running or has run here; upgrade this worker"
            )
        if generation < self._generation:
            raise GenerationError(
                f"{where} holds generation {generation}, older than the configured {self._generation}: "
                "start with a new STREAM_APP_ID, which builds everything anew from the source topics"
            )
