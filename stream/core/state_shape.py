"""What shapes the windows: settings whose change makes the sums that are stored mean something else."""

from collections.abc import Mapping, Sequence

from stream.core.config import CoreConfig
from stream.metrics.base import Metric


class ShapeChangedError(Exception):
    """Stored windows were built under other settings than the present ones."""


def shape(config: CoreConfig, metrics: Sequence[Metric]) -> dict[str, str]:
    """Setting -> value, for every setting that decides which sums exist or what they count."""
    return {
        "STREAM_METRICS": ",".join(sorted(f"{metric.name}.v{metric.version}" for metric in metrics)),
        "STREAM_GROUPINGS": ";".join(sorted("+".join(sorted(grouping)) or "all" for grouping in config.groupings)),
        "STREAM_SEGMENT_LABELS": ",".join(config.segment_labels),
        "STREAM_MAX_LABEL_VALUES": str(config.max_label_values),
        "STREAM_ROLLUP_WINDOWS": ",".join(str(length) for length in sorted(config.rollup_windows_ms)),
        "STREAM_GAUGE_WINDOWS": ",".join(str(length) for length in sorted(config.gauge_windows_ms)),
        "STREAM_CORRECTION_HORIZON": str(sorted(config.horizons_ms.items())),
        "STREAM_PARTITIONS": str(config.source_partitions),
        "STREAM_DELTA_PARTITIONS": str(config.delta_partitions),
    }


def check_shape(stored: Mapping[str, str], present: Mapping[str, str], where: str) -> None:
    """Raise ShapeChangedError naming what differs; an empty ``stored`` is a new state and fits everything."""
    changed = [name for name, value in present.items() if stored and stored.get(name) != value]
    if changed:
        was = ", ".join(f"{name} was {stored.get(name)!r}, is {present[name]!r}" for name in changed)
        raise ShapeChangedError(
            f"{where} was built under other settings ({was}): set them back, or start a new STREAM_APP_ID, "
            "which builds everything anew from what the source topics still hold"
        )
