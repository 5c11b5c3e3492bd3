"""Queries of the dashboard: every one of a figure reads the one series of the chosen segment.

"All" for team or channel means the series that is aggregated over it, never a sum or an average of several.
"""

from deploy.prometheus.build import recorded
from stream.web.bands import BANDS
from stream.web.figures import PREFIX

OTHERS = 'agent=""'
"""No other label: a series that has one is a part of what is meant. With STREAM_SEGMENT_LABELS of your own add them here."""
SEGMENT = f'tenant="$tenant", team=~"$team", channel=~"$channel", queue="", {OTHERS}'
TEAMS = f'tenant="$tenant", team!="", channel=~"$channel", queue="", {OTHERS}'
QUEUES = f'tenant="$tenant", team="", channel="", queue!="", {OTHERS}'
WINDOW = 'window="$window"'
PROFILE = 'profile=~"$profile"'
OWN_PROFILE = 'profile=~"|default"'
"""Live counts have no other; there is no label unless another profile runs."""
AGGREGATED = "^$"
"""Value of "All": the label is absent."""


def figure(series: str, labels: str = SEGMENT, window: bool = True, more: str = "") -> str:
    """The query of one series of the business, named without the prefix."""
    asked = (labels, WINDOW if window else "", PROFILE if window else OWN_PROFILE, more)
    inside = ", ".join(part for part in asked if part)
    return f"{recorded(PREFIX + series)}{{{inside}}}"


def by(label: str, expr: str) -> str:
    """Keeps one label of a query that gives one series per value of it."""
    return f"max by ({label}) ({expr})"


def csat_band(name: str) -> str:
    """Where a band of csat ends, ``poor`` or ``good``: the same for everything that a worker shows."""
    return f'max({recorded(BANDS)}{{band="{name}"}})'


def suspected(series: str) -> str:
    """The query of one series of suspected bots: of the tenant, whatever the window."""
    return figure(f"suspected_bot_{series}", 'tenant="$tenant"', window=False)
