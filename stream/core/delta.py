"""The wire between the tickets stage and the windows stage (topic ``<app_id>-deltas``, MessagePack, internal).

One record per commit, source partition and delta partition: the sums of all measure differences of that commit for the
segments that the delta partition owns, and the source partition's progress. A record without segments is progress alone.
"""

import zlib
from urllib.parse import quote

import msgspec


class DeltaBatch(msgspec.Struct, array_like=True, frozen=True):
    """Differences and progress of one source partition. Times in milliseconds."""

    generation: int
    source_partition: int
    source_partitions: int
    """Not read any more, as the settings say it; keeps the layout of what earlier versions wrote."""
    watermark_ms: int
    """The source partition's watermark at this commit; -1 while it has none."""
    idle: bool
    """All its topics are idle: it does not hold back the minimum."""
    closed: bool
    """The end of its input: it will not hold back anything any more."""
    newest_ms: int
    """Highest log timestamp among the records applied in this commit, -1 for none (freshness is measured with it)."""
    segments: dict[str, dict[int, list[int]]]
    """Segment -> minute (``instant_ms // 60_000``) -> ``[slot, amount, slot, amount, ...]``, slots as ``Metric.slot`` gives them."""
    complete: bool = True
    """With this record the source partition has said all its measures under this generation; from then on differences follow."""
    forgotten_ms: int = -1
    """Latest fact among the tickets that it has forgotten, -1 for none: windows that begin later can be built from what is left."""
    first_replies: dict[str, dict[int, list[int]]] = {}
    """Tenant's segment -> day since the epoch -> ``[slot, amount, ...]``, slots as :mod:`stream.core.first_replies` has them."""


encode_delta = msgspec.msgpack.Encoder().encode
decode_delta = msgspec.msgpack.Decoder(DeltaBatch).decode


def segment_name(pairs: dict[str, str]) -> str:
    """``tenant=acme&team=billing``: pairs sorted by name, percent-encoded (every key of the contract: see the rollup event)."""
    return "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(pairs.items())
    )


def segment_partition(segment: str, delta_partitions: int) -> int:
    """The delta partition that owns a segment: exactly one in the cluster."""
    return zlib.crc32(segment.encode()) % delta_partitions
