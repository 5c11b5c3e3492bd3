"""What goes into a shard and what comes out of it, in the words of a log: records, rows and outputs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Record(Protocol):
    """One log record. ``aiokafka.ConsumerRecord`` has this shape, so that nothing is copied on the hot path."""

    @property
    def topic(self) -> str:
        """Full topic name."""

    @property
    def partition(self) -> int:
        """Partition number."""

    @property
    def offset(self) -> int:
        """Offset in the partition."""

    @property
    def timestamp(self) -> int:
        """The log's own timestamp in milliseconds; never event time."""

    @property
    def key(self) -> bytes | None:
        """Raw key."""

    @property
    def value(self) -> bytes | None:
        """Raw value."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Raw headers."""


class SourceRecord(NamedTuple):
    """A :class:`Record` that comes from a file or a test instead of a broker."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Output(NamedTuple):
    """A record to write. ``partition`` None leaves the choice to murmur2 of the key, as the Java client does."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Flush(NamedTuple):
    """All that changed since the last flush: rows of the shard's own changelog partition (None deletes) and outputs."""

    rows: list[tuple[bytes, bytes | None]]
    outputs: list[Output]


class Shard(Protocol):
    """The whole state of one partition of one stage: a pure state machine; the shell around it does all input and output.

    The loader fills ``rows`` with the changelog's surviving records and calls :meth:`ready`; from then on the shard owns them.
    """

    rows: dict[bytes, bytes]

    positions: dict[str, int]
    """Source topic -> offset before which everything is contained in the rows. ``apply`` moves it to ``end``, every flush writes
    it, ``ready`` reads it back; the shell commits these offsets and resumes there. Empty for a new shard."""

    rows_missing: int
    """How many rows fewer were loaded than were written, negative for more: the changelog was truncated, or written by others too."""

    def ready(self) -> None:
        """Rows are complete: derive what is kept in memory only."""

    def apply(self, topic: str, records: Sequence[Record], end: int, now_ms: int) -> None:
        """Apply one fetched batch of one source topic's partition, whose log range ends before offset ``end``."""

    def tick(self, now_ms: int, at_end: Mapping[str, bool]) -> None:
        """Let processing time pass: which source topics (full names) are read to their ends decides about idleness."""

    def close_input(self) -> None:
        """The end of the input: every window that this partition feeds may close (``--drain``, ``backfill``)."""

    def changed(self) -> bool:
        """Whether a flush would have anything to write, positions aside."""

    def flush(self, now_ms: int) -> Flush:
        """Take rows and outputs of one instant. The caller writes all of them, with the positions, or none."""
