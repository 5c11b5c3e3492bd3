"""Metrics that other packages bring: entry points of the group ``stream.metrics``, named as the metric is.

An entry point is a :class:`Metric` or a function of the settings that gives one, as the lines of the registry are. A package is
imported only when ``STREAM_METRICS`` names its metric.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from stream.core.config import CoreConfig
from stream.core.metric import Metric
from stream.metrics.contract import lacks

GROUP: Final = "stream.metrics"
IDS: Final = range(200, 1000)
"""Ids of metrics that other packages bring: the program's own stay below."""


class PluginError(ValueError):
    """A package's metric cannot be used; the message names the package and says why."""


def brought() -> tuple[str, ...]:
    """Names of all metrics that installed packages say they bring."""
    return tuple(sorted({entry.name for entry in _installed(tuple(sys.path))}))


def chosen(config: CoreConfig, own: Sequence[Metric]) -> list[Metric]:
    """The configured metrics of other packages, by id. Raises PluginError."""
    names = {metric.name: "the program itself" for metric in own}
    series = {name: "the program itself" for metric in own for name in _series(metric)}
    ids: dict[int, str] = {}
    found: list[Metric] = []
    entries = [entry for entry in _installed(tuple(sys.path)) if entry.name in config.metrics]
    for entry in entries:
        package = _package(entry)
        if entry.name in names:
            raise _refused(entry, f"{names[entry.name]} has a metric of that name")
        names[entry.name] = package
        metric = _metric(entry, config)
        if metric.id in ids:
            raise _refused(entry, f"its id {metric.id} is that of {ids[metric.id]} too")
        ids[metric.id] = f"{entry.name} in {package}"
        for name in _series(metric):
            if name in series:
                raise _refused(entry, f"{series[name]} has a series {name} already")
        series.update(dict.fromkeys(_series(metric), package))
        found.append(metric)
    return sorted(found, key=lambda metric: metric.id)


def _metric(entry: EntryPoint, config: CoreConfig) -> Metric:
    try:
        found: Metric | Callable[[CoreConfig], Metric] = entry.load()
        metric = found if isinstance(found, Metric) or not callable(found) else found(config)
    except (Exception, SystemExit) as exc:
        raise _refused(entry, f"it fails with {_told(exc)}") from exc
    if not isinstance(metric, Metric):
        raise _refused(entry, f"{entry.value} is no Metric, nor a function of the settings that gives one")
    if metric.name != entry.name:
        raise _refused(entry, f"the metric calls itself {metric.name!r}")
    if metric.id not in IDS:
        raise _refused(entry, f"its id {metric.id} is not from {IDS.start} to {IDS.stop - 1}")
    try:
        missing = lacks(metric, config)
    except Exception as exc:
        raise _refused(entry, f"it fails with {_told(exc)} where nothing was measured") from exc
    if missing:
        raise _refused(entry, "; ".join(missing))
    return metric


def _told(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {' '.join(str(exc).split())}"


def _series(metric: Metric) -> Iterable[str]:
    live = ((one.count_name, one.age_name) for one in metric.live_series)
    return {*(one.name for one in metric.series), *(name for names in live for name in names if name)}


@cache
def _installed(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """``path`` is where Python looks for packages, as it is now."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, _package(entry))))


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value


def _refused(entry: EntryPoint, why: str) -> PluginError:
    return PluginError(
        f"STREAM_METRICS names {entry.name}, which the package {_package(entry)} brings, and that cannot be used: {why}. "
        "Correct or remove the package, or take the name out"
    )
