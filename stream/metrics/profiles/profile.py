"""What a profile is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream.core.metric import Metric


@dataclass(frozen=True)
class Profile:
    """What one platform counts under the names of our metrics."""

    name: str
    agrees: frozenset[str] | None
    """Metrics that it counts as we do; None: all that have windows."""
    differs: Mapping[str, Callable[[Metric], Metric]]
    """Metric -> its definition, made of ours: id and profile are set by who asks for it."""
    business_hours: bool
    """Whether it reports durations in business hours, too."""

    def definition_of(self, metric: Metric) -> Metric | None:
        """A metric as the profile counts it; None where it does not have it."""
        own = self.differs.get(metric.name)
        if own is not None:
            return own(metric)
        if metric.live or (self.agrees is not None and metric.name not in self.agrees):
            return None
        return metric
