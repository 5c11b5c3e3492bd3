"""Alert rules against what is computed: one that can never fire, or never clear, is refused with what to do."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from stream.core.config import AlertRule
from stream.core.metric import FigureName, Metric
from stream.settings.forms import nearest, show_duration


class _Watched(NamedTuple):
    """A figure that a rule can name, and whose it is."""

    figure: FigureName
    metric: Metric


def never(rule: AlertRule, metrics: Sequence[Metric]) -> str:
    """Why no figure can make a rule fire and clear, with what to do; empty if one can."""
    named = [one for one in _figures(metrics) if one.figure.name == rule.metric]
    if not named:
        if any(metric.live and metric.name == rule.metric for metric in metrics):
            return (
                f"{rule.metric} has no window, and rules watch figures of windows: watch its series in Prometheus "
                "(contact_centre_tickets_open and its like)"
            )
        known = [one.figure.name for one in _figures(metrics)]
        return f"{rule.metric!r} is no figure of STREAM_METRICS{nearest(rule.metric, known)}"
    ours = next((one for one in named if one.metric.profile == rule.profile), None)
    if ours is None:
        profiles = ", ".join(one.metric.profile for one in named)
        return f"{rule.metric} is not computed under the profile {rule.profile!r} (STREAM_PROFILES); give the rule a profile of: {profiles}"
    figure, metric = ours
    if metric.only_counts and figure.name == metric.name:
        others = ", ".join(one.name for one in metric.others[:3])
        return f"{figure.name} carries counts and never has a value; name one of its figures ({others} and their like)"
    low, high = figure.bounds
    sides = rule.threshold - low, high - rule.threshold
    under, over = sides if rule.below else sides[::-1]
    if under <= 0 or over < 0:
        side = "below" if rule.below else "above"
        is_it = "never is" if under <= 0 else "always is"
        return f"{figure.name} {side} {rule.threshold:g} is no rule, it {is_it}; its values are {low:g} to {high:g} ({figure.unit})"
    if over < rule.clear_margin:
        clears = rule.threshold + (rule.clear_margin if rule.below else -rule.clear_margin)
        return f"with clear_margin {rule.clear_margin:g} it clears at {clears:g}, which {figure.name} never is ({low:g} to {high:g})"
    if rule.interval and not metric.interval:
        return f"{figure.name} has no interval whose end could be past the threshold: leave interval out, min_n is what guards it"
    return ""


def watches_nothing(rule: AlertRule, groupings: Iterable[Iterable[str]], gauge_windows: Iterable[int]) -> str:
    """Why there are no windows, or no segments, that a rule could watch; empty if there are."""
    if set(rule.segment) - {"tenant"} not in [set(grouping) for grouping in groupings]:
        labels = ", ".join(sorted(rule.segment)) or "tenant"
        return f"no grouping set of STREAM_GROUPINGS has just the labels {labels}"
    if rule.window_ms not in gauge_windows:
        return f"{show_duration(rule.window_ms, 'h')} is not in STREAM_GAUGE_WINDOWS"
    return ""


def _figures(metrics: Sequence[Metric]) -> Iterator[_Watched]:
    return (_Watched(figure, metric) for metric in metrics for figure in metric.named())
