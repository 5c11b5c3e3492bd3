"""From a measure's labels to the segments it counts in, with a guard on how many there can be."""

from stream.core.config import CoreConfig
from stream.core.delta import segment_name, segment_partition
from stream.core.measure import LABEL_NAMES, Labels

OTHER = "__other__"
"""Stands for every value of a label that came after the limit was reached."""


class LabelBook:
    """Maps labels to ``(segment, delta partition)`` pairs, one per grouping set whose labels are all known.

    A value that is admitted stays admitted and one that is not never will be, so that what was added to a segment is taken out of
    the same one. ``admitted`` (label -> values in order of admission) is therefore part of the partition's durable state.
    """

    __slots__ = ("_cache", "_config", "_names", "_used", "admitted", "changed", "overflowed")

    def __init__(self, config: CoreConfig, admitted: dict[str, list[str]] | None = None) -> None:
        self._config = config
        self._names = (*LABEL_NAMES, *config.segment_labels)
        self._used = {"tenant"}.union(*config.groupings)
        self._cache: dict[Labels, tuple[tuple[str, int], ...]] = {}
        self.admitted: dict[str, dict[str, None]] = {
            name: dict.fromkeys(values) for name, values in (admitted or {}).items()
        }
        self.overflowed: dict[str, int] = {}
        """Label -> distinct label sets seen since start in which its value went to ``__other__``."""
        self.changed = False

    def segments(self, labels: Labels) -> tuple[tuple[str, int], ...]:
        """Segments of a measure, each with the delta partition that owns it."""
        found = self._cache.get(labels)
        if found is None:
            if len(self._cache) >= 100_000:  # hostile labels: the cache is bounded, the answers stay the same
                self._cache.clear()
            found = self._cache[labels] = self._resolve(labels)
        return found

    def _resolve(self, labels: Labels) -> tuple[tuple[str, int], ...]:
        values = {
            name: self._admit(name, value)
            for name, value in zip(self._names, labels, strict=True)
            if value is not None and name in self._used
        }
        segments: list[tuple[str, int]] = []
        for grouping in self._config.groupings:
            if all(name in values for name in grouping):
                name = segment_name({"tenant": values["tenant"], **{name: values[name] for name in grouping}})
                segments.append((name, segment_partition(name, self._config.delta_partitions)))
        return tuple(segments)

    def _admit(self, name: str, value: str) -> str:
        values = self.admitted.setdefault(name, {})
        if value in values:
            return value
        if len(values) >= self._config.max_label_values:
            self.overflowed[name] = self.overflowed.get(name, 0) + 1
            return OTHER
        values[value] = None
        self.changed = True
        return value
