"""What shapes the windows: settings whose change makes the sums that are stored mean something else.

A GENERATION is a number for one such shape. It is raised at every change and never used again: under a new one the tickets stage
says all measures once more, from the facts, and the windows stage builds its sums anew.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from stream.core.config import CoreConfig
from stream.core.first_replies import is_watched
from stream.core.metric import Metric
from stream.core.pane import PANE_KIND, levels

LONGEST_PARAMETERS = 200
COUNTS = ("STREAM_PARTITIONS", "STREAM_DELTA_PARTITIONS")
"""What no new generation can change: facts and segments would have to move."""


class ShapeChangedError(Exception):
    """Stored state was built under other settings than the present ones, and cannot be carried over."""


class GenerationError(Exception):
    """Rows or deltas of a newer generation than this worker's: it must not touch them."""


def shape(config: CoreConfig, metrics: Sequence[Metric]) -> dict[str, str]:
    """Setting -> value, for every setting that decides which sums exist or what they count, and what follows from them."""
    found = {
        "STREAM_METRICS": ",".join(sorted(_definition(metric) for metric in metrics)),
        "STREAM_GROUPINGS": ";".join(
            sorted("+".join(sorted(grouping)) or "all" for grouping in config.groupings)
        ),
        "STREAM_SEGMENT_LABELS": ",".join(config.segment_labels),
        "STREAM_MAX_LABEL_VALUES": str(config.max_label_values),
        "STREAM_BOT_AUTHORS": ",".join(
            sorted(f"{tenant}/{key.hex()}" for tenant, keys in config.bot_authors.items() for key in keys)
        ),
        "STREAM_ROLLUP_WINDOWS": ",".join(str(length) for length in sorted(config.rollup_windows_ms)),
        "STREAM_GAUGE_WINDOWS": ",".join(str(length) for length in sorted(config.gauge_windows_ms)),
        "STREAM_CORRECTION_HORIZON": str(sorted(config.horizons_ms.items())),
        "panes": ",".join(
            f"{level.width}m:{level.horizon}m" for level in levels(config) if level.kind == PANE_KIND
        ),
        "excluded": "whatever is gone or stops no clock, by the reasons that each definition has",
        "first replies": "by author and day" if is_watched(metrics) else "",
        "STREAM_PARTITIONS": str(config.source_partitions),
        "STREAM_DELTA_PARTITIONS": str(config.delta_partitions),
    }
    if any(metric.business for metric in metrics):  # to all others it does not matter
        found["STREAM_CALENDARS"] = config.calendars.fingerprint()
    return found


def _definition(metric: Metric) -> str:
    """``csat.v1``, ``zendesk/csat.v1``, ``abandon_rate.v1(short_abandon=5s)``; a long text of parameters is told by its digest."""
    parameters = metric.parameters
    if len(parameters) > LONGEST_PARAMETERS:
        parameters = blake2b(parameters.encode(), digest_size=16).hexdigest()
    return f"{metric.full_name}.v{metric.version}" + (f"({parameters})" if parameters else "")


def differences(stored: Mapping[str, str], present: Mapping[str, str]) -> str:
    """``STREAM_METRICS was 'csat.v1', is 'csat.v1,nps.v1'``: what changed, empty for nothing."""
    return ", ".join(
        f"{name} was {stored.get(name)!r}, is {value!r}"
        for name, value in present.items()
        if stored.get(name) != value
    )


def check_counts(stored: Mapping[str, str], present: Mapping[str, str], where: str) -> None:
    """Raise ShapeChangedError if a partition count changed; an empty ``stored`` is a new state and fits everything."""
    changed = differences(
        {name: stored.get(name, "") for name in COUNTS}, {name: present[name] for name in COUNTS}
    )
    if stored and changed:
        raise ShapeChangedError(
            f"{where} was built with another number of partitions ({changed}): set it back, or start a new STREAM_APP_ID, "
            "which builds everything anew from what the source topics still hold"
        )


def is_older(
    stored: Mapping[str, str], generation: int, present: Mapping[str, str], own: int, where: str
) -> bool:
    """Whether rows are of an older generation than the worker's own, whose shape is ``present``.

    Raises GenerationError for a newer one, ShapeChangedError where partition counts differ or one generation has two shapes.
    """
    if generation > own:
        raise GenerationError(
            f"{where} holds generation {generation}, this worker has {own}: a newer version or other settings are at work; "
            "upgrade this worker, or give it the settings of the others"
        )
    check_counts(stored, present, where)
    if generation == own and stored and (changed := differences(stored, present)):
        raise ShapeChangedError(f"{where} was built under other settings of the same generation ({changed})")
    return generation < own
