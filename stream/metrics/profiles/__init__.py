"""Profiles: what platforms count under the names of our metrics, by their own documentation.

A profile has the metrics that its platform documents: those that it counts as we do, and those with a definition of its own. What
no chosen profile has is computed by our own definition, under the profile ``default``. Sources: ``deploy/vendors.md``.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from stream.core.config import DEFAULT_PROFILE, CoreConfig
from stream.core.metric import Metric
from stream.metrics.profiles import amazon_connect, chatwoot, genesys, seed, zendesk
from stream.metrics.profiles.profile import Profile

IDS_PER_PROFILE: Final = 1024
"""A metric's id in a profile is its id and this, times the profile's number. Numbers are never reused."""

_OTHERS: Final[tuple[Profile, ...]] = (
    zendesk.PROFILE,
    chatwoot.PROFILE,
    amazon_connect.PROFILE,
    genesys.PROFILE,
    seed.PROFILE,
)
_NUMBERS = {profile.name: number for number, profile in enumerate(_OTHERS, start=1)}

BY_NAME: Final = {profile.name: profile for profile in _OTHERS}
"""All but the default one."""
NAMES: Final = (DEFAULT_PROFILE, *BY_NAME)


def under(profile: str, metric: Metric, config: CoreConfig) -> Metric | None:
    """A metric of the registry as a profile counts it, with an id of its own; None where the profile does not have it.

    The same object for the same metric and settings. A twin in business hours is made of what the profile counts: ask for its duration.
    """
    if profile == DEFAULT_PROFILE:
        return metric
    if not BY_NAME[profile].has(metric):
        return None
    settled = BY_NAME[profile].follows_settings.get(metric.name)
    return _numbered(profile, metric, metric if settled is None else settled(metric, config))


def hours_source(profile: str, metric: Metric) -> str | None:
    """Where a profile says that it reports this duration in business hours, too; None where it does not."""
    of = BY_NAME[profile]
    return None if metric.name in of.not_in_hours else of.hours_source


@cache
def _numbered(profile: str, metric: Metric, definition: Metric) -> Metric:
    of = BY_NAME[profile]
    own = of.differs.get(metric.name)
    if own is not None:
        definition = own(definition)
    elif metric.name not in of.follows_settings:
        definition = replace(definition, source=of.source_of(metric))
    return replace(definition, id=metric.id + IDS_PER_PROFILE * _NUMBERS[profile], profile=profile)


def profiles_of(metric: Metric, profiles: Sequence[str]) -> tuple[str, ...]:
    """Under which of the chosen profiles a metric with windows is computed: never none."""
    found = tuple(name for name in profiles if name == DEFAULT_PROFILE or BY_NAME[name].has(metric))
    return found or (DEFAULT_PROFILE,)
