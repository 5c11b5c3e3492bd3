"""How far all source partitions have come, as the windows stage hears it, and its counters: the partition's meta row."""

from collections.abc import Mapping

import msgspec

from stream.core.config import CoreConfig
from stream.core.delta import DeltaBatch
from stream.core.state_shape import GenerationError, is_older
from stream.core.tally import DamagedRowError

NONE_MS = -1
ROW_VERSION = 1


class SourceProgress(msgspec.Struct, array_like=True, frozen=True):
    """What one source partition said last."""

    watermark_ms: int = NONE_MS
    idle: bool = False
    closed: bool = False
    complete: int = 0
    """The generation under which it has said all its measures."""
    forgotten_ms: int = NONE_MS
    """Latest fact among the tickets that it has forgotten."""


class _Meta(msgspec.Struct, array_like=True):
    version: int
    generation: int
    watermark_ms: int
    source_partitions: int
    """Not read any more, as the settings say it; keeps the layout of what earlier versions wrote."""
    sources: dict[int, SourceProgress]
    positions: dict[str, int]
    counters: dict[str, int]
    too_late: dict[str, dict[int, int]]
    shape: dict[str, str]
    floor_ms: int = NONE_MS
    judged_ms: int = NONE_MS
    rows: int = -1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Meta).decode


def stored_generation(raw: bytes, where: str) -> int:
    """The generation of a partition's rows, from its meta row. Raises DamagedRowError."""
    return _read(raw, where).generation


def _read(raw: bytes, where: str) -> _Meta:
    try:
        meta = _decode(raw)
    except ValueError as exc:
        raise DamagedRowError(f"the meta row of {where} is damaged: {exc}") from exc
    if meta.version != ROW_VERSION:
        raise DamagedRowError(
            f"the meta row of {where} has version {meta.version}, this program reads {ROW_VERSION}: upgrade it"
        )
    return meta


class Progress:
    """Watermarks of all sources, the position in the deltas topic, and counters. Times in milliseconds."""

    def __init__(self, config: CoreConfig) -> None:
        self._generation = config.generation
        self._source_partitions = config.feeds
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
        self.floor_ms = NONE_MS
        """Windows that begin before it could not be built under this generation: their facts are forgotten."""
        self.judged_ms = NONE_MS
        """End of an input that has ended, up to which alerts were judged; otherwise they are up to the watermark."""
        self.rows = -1
        """How many rows the partition has beside the meta row; -1: not known, of an older version or a rebuild."""
        self.building = self._generation > 1
        """Sources are still to say all their measures under this generation; the first one has nothing to say again."""

    def load(self, raw: bytes, where: str, present: Mapping[str, str]) -> bool:
        """Read the meta row; True if the rows are of an older generation. ``present``: the shape under the present settings.

        Raises DamagedRowError, GenerationError or ShapeChangedError; ``where`` names the partition in them.
        """
        meta = _read(raw, where)
        older = is_older(meta.shape, meta.generation, present, self._generation, where)
        self.watermark_ms = meta.watermark_ms
        # Sources that the present metrics do not have (customers) hold nothing back; they may be back one day and say all anew.
        self.sources = {
            number: one for number, one in meta.sources.items() if number < self._source_partitions
        }
        self.positions.update(meta.positions)
        self.counters.update(meta.counters)
        self.too_late = meta.too_late
        self.shape = meta.shape
        self.floor_ms = NONE_MS if older else meta.floor_ms
        self.judged_ms = meta.judged_ms
        self.rows = meta.rows
        self._look()
        return older

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
                self.floor_ms,
                self.judged_ms,
                self.rows,
            )
        )

    def counts(self, batch: DeltaBatch, where: str) -> bool:
        """Whether a batch's differences are of this generation. Raises GenerationError for those of a newer one."""
        if batch.generation > self._generation:
            raise GenerationError(
                f"{where} holds generation {batch.generation}, this worker has {self._generation}: a newer version or other "
                "settings are at work; upgrade this worker, or give it the settings of the others"
            )
        return batch.generation == self._generation

    def is_complete(self, source_partition: int) -> bool:
        """Whether a source has said all its measures under this generation, so that differences follow."""
        if self._generation == 1:
            return True
        source = self.sources.get(source_partition)
        return source is not None and source.complete >= self._generation

    def limit_ms(self, batch: DeltaBatch) -> int:
        """The watermark that decides what in a batch is too late: the one its source had before this commit.

        Never the commit's own, which its own records have moved: one commit of a replay can span weeks. Not below the
        minimum either, which an idle source does not hold back: what was given up does not come back.
        """
        source = self.sources.get(batch.source_partition)
        if not self.is_complete(batch.source_partition):
            # All of the past is said again: whatever is still kept takes it, though for a source that is ahead it may be too late.
            return self.watermark_ms
        return max(self.watermark_ms, source.watermark_ms if source is not None else NONE_MS)

    def advance(self, batch: DeltaBatch) -> bool:
        """Take over what a source says of itself; True when that is news."""
        if batch.source_partition >= self._source_partitions:  # of an earlier generation, which had customers
            return False
        self.newest_ms = max(self.newest_ms, batch.newest_ms)
        before = self.sources.get(batch.source_partition)
        said = SourceProgress(
            max(batch.watermark_ms, before.watermark_ms if before is not None else NONE_MS),
            batch.idle,
            batch.closed,
            batch.generation if batch.complete else before.complete if before is not None else 0,
            batch.forgotten_ms,
        )
        if said == before:
            return False
        self.sources[batch.source_partition] = said
        self._look()
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

    def complete_sources(self) -> tuple[int, int]:
        """How many sources have said all their measures under this generation, and of how many."""
        return sum(map(self.is_complete, range(self._source_partitions))), self._source_partitions

    def _look(self) -> None:
        done, sources = self.complete_sources()
        self.building = done < sources
