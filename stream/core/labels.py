"""From a measure's labels to the segments it counts in, with a guard on how many there can be."""

from stream.core.config import CoreConfig
from stream.core.delta import segment_name, segment_partition
from stream.core.measure import LABEL_NAMES, Labels

OTHER = "__other__"
"""Stands for every value of a label that came after the limit was reached."""

SEGMENTS = ""
"""Under this name, which no label has, the segments themselves are admitted: a few labels have very many combinations."""

SEGMENTS_PER_VALUE = 20
"""How many segments there may be for each value that a label may have."""


def readmitted(admitted: dict[str, list[str]], config: CoreConfig) -> dict[str, list[str]]:
    """What stays admitted under a new generation: values in their order up to its limit; segments are admitted anew."""
    most = config.max_label_values
    return {name: values[:most] for name, values in admitted.items() if name != SEGMENTS}


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

    def tenant_segment(self, tenant: str) -> tuple[str, int]:
        """The segment that is the tenant as a whole, whether a grouping set has it or not, with its delta partition."""
        name = segment_name({"tenant": self._admit("tenant", tenant)})
        return name, segment_partition(name, self._config.delta_partitions)

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
                if grouping and not self._admit_segment(name):
                    name = segment_name({"tenant": values["tenant"], **dict.fromkeys(grouping, OTHER)})
                segments.append((name, segment_partition(name, self._config.delta_partitions)))
        return tuple(segments)

    def _admit_segment(self, name: str) -> bool:
        most = SEGMENTS_PER_VALUE * self._config.max_label_values
        return self._take_in(SEGMENTS, name, most, "segment")

    def _admit(self, name: str, value: str) -> str:
        return value if self._take_in(name, value, self._config.max_label_values, name) else OTHER

    def _take_in(self, name: str, value: str, most: int, counted_as: str) -> bool:
        values = self.admitted.setdefault(name, {})
        if value in values:
            return True
        if len(values) >= most:
            self.overflowed[counted_as] = self.overflowed.get(counted_as, 0) + 1
            return False
        values[value] = None
        self.changed = True
        return True
