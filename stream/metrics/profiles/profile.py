"""What a profile is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stream.core.config import CoreConfig
from stream.core.metric import Metric


@dataclass(frozen=True)
class Profile:
    """What one platform counts under the names of our metrics."""

    name: str
    agrees: Mapping[str, str] | None
    """Metric that it counts as we do -> where it says so; None: all that have windows, with our own sources."""
    differs: Mapping[str, Callable[[Metric], Metric]]
    """Metric -> its definition, made of ours: id and profile are set by who asks for it."""
    hours_source: str | None
    """Where it says that it reports durations in business hours, too; None: it does not."""
    not_in_hours: frozenset[str] = frozenset()
    """Durations that it reports in calendar time alone."""
    follows_settings: Mapping[str, Callable[[Metric, CoreConfig], Metric]] = field(default_factory=dict)
    """The same for definitions that follow settings of the profile's own: the same object for the same settings."""

    def has(self, metric: Metric) -> bool:
        """Whether it has a definition of the metric."""
        if metric.name in self.differs or metric.name in self.follows_settings:
            return True
        return not metric.live and (self.agrees is None or metric.name in self.agrees)

    def source_of(self, metric: Metric) -> str:
        """Where it documents a metric that it counts as we do."""
        return metric.source if self.agrees is None else self.agrees[metric.name]
