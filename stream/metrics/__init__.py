"""The registry: every metric in reading order. A new one is a module and one line here.

The line is a ``METRIC``, or a function ``metric`` of the settings for a definition that depends on them: such a one gives the same
id and name whatever the settings are, and the same object for the same ones. Other packages can bring more (``plugins``).
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from stream.core.config import DEFAULT_PROFILE, CoreConfig
from stream.core.metric import Metric
from stream.metrics import (
    abandon_rate,
    agent_wait_time,
    answer_rate,
    business,
    ces,
    channel_share,
    churn_rate,
    complaint_resolution_time,
    csat,
    csat_change,
    csat_mean,
    engagement,
    escalation_resolution_time,
    first_contact_resolution,
    first_reply_time,
    first_reply_within,
    first_resolution_time,
    full_resolution_time,
    handle_time,
    lifetime_value,
    live,
    nps,
    on_hold_time,
    plugins,
    profiles,
    quality_score,
    queue_wait_time,
    referral_rate,
    reopened,
    reply_time,
    requester_wait_time,
    retention_rate,
    sentiment_share,
    service_level,
    survey_response,
)

_REGISTRY: Final[tuple[Metric | Callable[[CoreConfig], Metric], ...]] = (
    csat.METRIC,
    csat_mean.METRIC,
    nps.METRIC,
    ces.metric,
    quality_score.metric,
    survey_response.METRIC,
    first_reply_time.METRIC,
    first_reply_within.metric,
    reply_time.METRIC,
    requester_wait_time.METRIC,
    agent_wait_time.METRIC,
    on_hold_time.METRIC,
    first_resolution_time.METRIC,
    full_resolution_time.METRIC,
    complaint_resolution_time.METRIC,
    escalation_resolution_time.METRIC,
    reopened.METRIC,
    first_contact_resolution.metric,
    queue_wait_time.METRIC,
    service_level.metric,
    abandon_rate.metric,
    answer_rate.METRIC,
    handle_time.METRIC,
    channel_share.METRIC,
    retention_rate.metric,
    churn_rate.metric,
    csat_change.METRIC,
    referral_rate.METRIC,
    sentiment_share.METRIC,
    lifetime_value.metric,
    engagement.metric,
    live.METRIC,
)


_twin = cache(business.business)


def built(config: CoreConfig) -> tuple[Metric, ...]:
    """Every metric as the settings define it, in reading order; durations once more in business hours, at the end."""
    own = [entry if isinstance(entry, Metric) else entry(config) for entry in _REGISTRY]
    return (*own, *(_twin(metric) for metric in own if metric.waits is not None))


METRICS: Final = built(CoreConfig())
"""Every metric as the default settings define it: which names, ids and series there are."""
BY_NAME: Final = {metric.name: metric for metric in METRICS}
BY_ID: Final = {metric.id: metric for metric in METRICS}


class UnknownMetricError(ValueError):
    """A name that no metric has."""


def selected(config: CoreConfig) -> tuple[Metric, ...]:
    """The configured metrics as the settings define them, in reading order, then those of other packages.

    Each by the definition of every profile that has it, in the order of ``config.profiles``; by the default one if none has.

    Raises UnknownMetricError naming the known ones, or PluginError.
    """
    own = built(config)
    others = plugins.chosen(config, own)
    unknown = sorted(set(config.metrics) - BY_NAME.keys() - {metric.name for metric in others})
    if unknown:
        raise UnknownMetricError(
            f"STREAM_METRICS: unknown {', '.join(unknown)}; known are {', '.join((*BY_NAME, *plugins.brought()))}"
        )
    chosen = (metric for metric in own if metric.name in config.metrics)
    return (*(one for metric in chosen for one in _under_profiles(metric, own, config)), *others)


def _under_profiles(metric: Metric, own: tuple[Metric, ...], config: CoreConfig) -> Iterator[Metric]:
    """The metric as each of the profiles counts it that has it; as we do where none has."""
    found = [one for name in config.profiles if (one := _under(name, metric, own, config)) is not None]
    yield from found or (metric,)


def _under(profile: str, metric: Metric, own: tuple[Metric, ...], config: CoreConfig) -> Metric | None:
    if profile == DEFAULT_PROFILE or not metric.business:
        return profiles.under(profile, metric, config)
    (of,) = (one for one in own if one.id == metric.id - business.FIRST_ID)
    hours = profiles.hours_source(profile, of)
    duration = None if hours is None else profiles.under(profile, of, config)
    return None if hours is None or duration is None or duration.waits is None else _twin(duration, hours)
