"""The tickets stage's own rows: how far a partition has come, and what it has counted."""

import msgspec

from stream.core.progress import SourceProgress
from stream.core.watermark import NONE_MS

META_KEY = b"\0meta"
LABELS_KEY = b"\0labels"
ROW_VERSION = 1


class Meta(msgspec.Struct, array_like=True):
    """The partition's own row: progress and counters, in the same transaction as what they count."""

    version: int = ROW_VERSION
    generation: int = 0
    watermark_ms: int = NONE_MS
    highest_ms: list[int] = []
    positions: dict[str, int] = {}
    """Source topic -> offset before which everything is contained in the rows."""
    counts: dict[str, dict[str, int]] = {}
    """Source topic -> ``outcome`` or ``outcome:reason`` -> records. Outcomes: applied, duplicate, skipped, dead_lettered."""
    too_late: dict[str, int] = {}
    """Metric -> differences that came after the last horizon and changed nothing."""
    forgotten: int = 0
    """Tickets whose rows were deleted because nothing could change a window any more."""
    shape: dict[str, str] = {}
    """Settings under which the deltas were made (``stream.core.state_shape``)."""
    scanned_to: bytes | None = None
    """Rows up to this key have said all their measures under this generation; None: all rows have."""
    forgotten_ms: int = NONE_MS
    """Latest fact among the forgotten tickets."""
    refused: dict[str, tuple[int, int]] = {}
    """Source topic -> first offset of the block that was refused in last, and how many were (``stream.core.dead_letters``)."""
    truncated: dict[str, int] = {}
    """Source topic -> dead letters that were cut to what the broker takes."""
    rebuilt_at: dict[str, int] = {}
    """Source topic -> where it ended when the state was thrown away: until it is read so far, figures are not complete."""
    rows: int = -1
    """How many rows the partition has beside this one; -1: not known, of an older version or a rebuild."""
    heard: dict[int, SourceProgress] = {}
    """Of customers: partition of tickets -> how far its answers are contained."""


class UnknownRowError(Exception):
    """A row of the changelog that this version cannot read."""


encode_meta = msgspec.msgpack.Encoder().encode
encode_labels = msgspec.msgpack.Encoder().encode
"""Label -> values that the cardinality guard let in: a row of its own, as it seldom changes."""

_decode_meta = msgspec.msgpack.Decoder(Meta).decode
_decode_labels = msgspec.msgpack.Decoder(dict[str, list[str]]).decode


def take_meta(rows: dict[bytes, bytes], where: str) -> tuple[Meta, dict[str, list[str]]] | None:
    """Take the partition's own rows out of all rows; None for a new partition. Raises UnknownRowError."""
    raw = rows.pop(META_KEY, None)
    labels = rows.pop(LABELS_KEY, None)
    if raw is None:
        return None
    try:
        meta = _decode_meta(raw)
        admitted = _decode_labels(labels) if labels is not None else {}
    except ValueError as exc:
        raise UnknownRowError(f"the meta row of {where} is damaged: {exc}") from exc
    if meta.version != ROW_VERSION:
        raise UnknownRowError(
            f"the meta row of {where} has version {meta.version}, this program reads {ROW_VERSION}"
        )
    return meta, admitted
