"""The row of two teams side by side: shares of one and of the other, and whether chance alone may have put them apart.

What Prometheus has of both is enough for the interval that ``stream compare`` gives: Newcombe's is made of Wilson's bounds.
"""

from collections.abc import Callable

from deploy.grafana.figures import Row
from deploy.grafana.panels import Line, by_label
from deploy.grafana.queries import OTHERS, SEGMENT, figure
from stream.core.config import CoreConfig

SHARES = {
    "csat": "answers",
    "survey_response": "sent",
    "reopened": "solved",
    "first_contact_resolution": "solved",
    "service_level": "visits",
    "abandon": "ended",
    "answer": "offered",
}
"""Shares by the name of their series, and the count that each rests on."""

_TEAM = f'{SEGMENT}, team!=""'
"""A team alone: all of them together have measures in common with each, which no interval of a difference allows."""
_OTHER = f'tenant="$tenant", team="$other_team", channel=~"$channel", queue="", {OTHERS}'
"""One name, as it is: Grafana escapes nothing in a variable of which one value is chosen."""
ENOUGH = CoreConfig().compare_min_n
"""n on each side from which on something is said of the difference, as on ``/metrics``."""


def teams() -> Row:
    """One table, a row per share."""
    return Row(
        "Team against team",
        [
            by_label(
                "Shares of two teams",
                "The chosen team against other_team: the difference (the former minus the latter) with its 95 % interval, after "
                f"Newcombe from the Wilson bounds of both, where each rests on {ENOUGH} or more. An interval without zero: chance alone "
                "hardly did it. Times, scores, shares by target, channel or mood, customers' and any other two segments: `stream compare`.",
                "metric",
                [
                    Line(each(difference), "difference", "percentunit"),
                    Line(each(low), "95 % interval from", "percentunit"),
                    Line(each(high), "to", "percentunit"),
                    Line(each(lambda share: value(_TEAM, share, "ratio")), "team", "percentunit"),
                    Line(each(lambda share: value(_OTHER, share, "ratio")), "other team", "percentunit"),
                    Line(each(lambda share: count(_TEAM, share)), "n of team"),
                    Line(each(lambda share: count(_OTHER, share)), "n of other team"),
                ],
            )
        ],
    )


def each(query: Callable[[str], str]) -> str:
    """One query for all shares, by the share's name in ``metric``."""
    return " or ".join(f'label_replace({query(share)}, "metric", "{share}", "", "")' for share in SHARES)


def value(segment: str, share: str, what: str) -> str:
    """One number of a share in a segment, without labels."""
    return f"max({figure(f'{share}_{what}', segment)})"


def count(segment: str, share: str) -> str:
    """What a share rests on, where there is one."""
    return f"({value(segment, share, SHARES[share])} and {value(segment, share, 'ratio')})"


def difference(share: str) -> str:
    """The share of the team minus that of the other one, where both have enough."""
    enough = " and ".join(f"{value(one, share, SHARES[share])} >= {ENOUGH}" for one in (_TEAM, _OTHER))
    return f"(({value(_TEAM, share, 'ratio')} - {value(_OTHER, share, 'ratio')}) and {enough})"


def low(share: str) -> str:
    """Lower end of the difference's interval."""
    return f"({difference(share)} - {_apart(share, 'low', 'high')})"


def high(share: str) -> str:
    """Upper end of the difference's interval."""
    return f"({difference(share)} + {_apart(share, 'high', 'low')})"


def _apart(share: str, end: str, other_end: str) -> str:
    """How far an end lies from the difference: both distances to bounds, as the sides of a right angle."""
    own = f"({value(_TEAM, share, 'ratio')} - {value(_TEAM, share, f'{end}_ratio')}) ^ 2"
    other = f"({value(_OTHER, share, 'ratio')} - {value(_OTHER, share, f'{other_end}_ratio')}) ^ 2"
    return f"sqrt({own} + {other})"
