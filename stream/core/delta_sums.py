"""Sums of measure differences until the next flush: what went out of and into each minute, by labels, and then by segment."""

from collections.abc import Iterator, Sequence

from stream.core.config import DAY_MS, MINUTE_MS
from stream.core.first_replies import Said
from stream.core.labels import LabelBook
from stream.core.loops import add, pairs_of
from stream.core.measure import Labels, Measure
from stream.core.metric import Metric

PIECE_NUMBERS = 50_000
"""Numbers in one delta record at most: some 250 kB of MessagePack."""

Piece = dict[str, dict[int, list[int]]]
"""Segment -> minute -> ``[slot, amount, slot, amount, ...]``, see :class:`stream.core.delta.DeltaBatch`."""


class DeltaSums:
    """Adds up by labels, of which there are few, and only at the end by segment, of which each measure has several."""

    __slots__ = ("_said", "_sums", "too_late")

    def __init__(self) -> None:
        self._sums: dict[tuple[Labels, int], dict[int, int]] = {}
        self._said: dict[tuple[str, int], dict[int, int]] = {}
        self.too_late: dict[str, int] = {}
        """Metric -> instants at which something should have changed and no window is kept any more."""

    def __bool__(self) -> bool:
        return bool(self._sums or self._said)

    def difference(
        self, metric: Metric, base: int, old: Sequence[Measure], new: Sequence[Measure], too_late_ms: int
    ) -> None:
        """Take ``old`` out and put ``new`` in, where they differ. ``base`` is the metric's slot 0 in rows."""
        late: set[int] = set()
        if old:
            common = 0  # histories grow at their ends: what stands in front of both cancels out unseen
            for one, other in zip(old, new, strict=False):
                if one != other:
                    break
                common += 1
            if common < len(old):
                self._add(base, old[common:], -1, too_late_ms, late)
            new = new[common:]
        if new:
            self._add(base, new, 1, too_late_ms, late)
        if late:
            self.too_late[metric.full_name] = self.too_late.get(metric.full_name, 0) + len(late)

    def _add(
        self, base: int, measures: Sequence[Measure], sign: int, too_late_ms: int, late: set[int]
    ) -> None:
        sums = self._sums
        at_ms: int | None = None
        where: Labels = ()
        tally: dict[int, int] = {}
        for instant_ms, labels, slot, amount in measures:
            if instant_ms != at_ms or labels is not where:  # several measures in a row are of one instant
                if instant_ms < too_late_ms:
                    late.add(instant_ms)
                    continue
                at_ms, where = instant_ms, labels
                key = (labels, instant_ms // MINUTE_MS)
                found = sums.get(key)
                if found is None:
                    found = sums[key] = {}
                tally = found
            slot += base  # noqa: PLW2901 - the metric's own slot becomes the row's
            tally[slot] = tally.get(slot, 0) + sign * amount

    def first_replies(self, tenant: str, old: Sequence[Said], new: Sequence[Said], too_late_ms: int) -> None:
        """Take ``old`` out and put ``new`` in. What is too late is counted with the metric whose replies these are."""
        for said, sign in ((old, -1), (new, 1)):
            for instant_ms, slot, amount in said:
                if instant_ms >= too_late_ms:
                    key = (tenant, instant_ms // DAY_MS)
                    sums = self._said.get(key)
                    if sums is None:
                        sums = self._said[key] = {}
                    sums[slot] = sums.get(slot, 0) + sign * amount

    def take_first_replies(self, book: LabelBook, delta_partitions: int) -> list[Piece]:
        """First replies since the last time, per delta partition by the tenant's segment and day."""
        parts: list[dict[str, dict[int, dict[int, int]]]] = [{} for _ in range(delta_partitions)]
        for (tenant, day), sums in self._said.items():
            if any(sums.values()):
                segment, partition = book.tenant_segment(tenant)
                into = parts[partition].setdefault(segment, {}).setdefault(day, {})
                add(into, sums)
        self._said = {}
        return [
            {segment: {day: pairs_of(sums) for day, sums in days.items()} for segment, days in part.items()}
            for part in parts
        ]

    def take(self, book: LabelBook, delta_partitions: int) -> list[list[Piece]]:
        """Everything since the last time: per delta partition its pieces, one at least, each small enough for a record."""
        parts: list[dict[str, dict[int, dict[int, int]]]] = [{} for _ in range(delta_partitions)]
        for (labels, minute), tally in self._sums.items():
            if not any(tally.values()):
                continue
            for segment, partition in book.segments(labels):
                minutes = parts[partition].get(segment)
                if minutes is None:
                    minutes = parts[partition][segment] = {}
                total = minutes.get(minute)
                if total is None:
                    minutes[minute] = tally.copy()
                else:
                    add(total, tally)
        self._sums = {}
        return [list(_pieces(segments)) for segments in parts]


def _pieces(segments: dict[str, dict[int, dict[int, int]]]) -> Iterator[Piece]:
    piece: Piece = {}
    size = 0
    for segment, minutes in segments.items():
        for minute, tally in minutes.items():
            pairs = pairs_of(tally)
            if pairs:
                piece.setdefault(segment, {})[minute] = pairs
                size += len(pairs) + 2
            if size >= PIECE_NUMBERS:
                yield piece
                piece = {}
                size = 0
    yield piece
