"""The output of the alerts topic: the state of one alert rule on one segment. A later one with the same key replaces it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import Count, OutputEvent, Token, UtcTime


class Alert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``alert`` is the record key, ``profile/rule/segment``; ``since`` the end of the window at which it took this state.

    That end is event time where workers follow it (``STREAM_CLOCK=event``), else the clock.
    ``window`` is the length of the running window as the gauges have it: ``5m``, ``24h``. The figure is that of this window at
    that instant; ``value`` is null where nothing was in it.
    """

    alert: Annotated[str, Meta(min_length=1)]
    rule: Token
    severity: Token
    segment: dict[str, str]
    window: Annotated[str, Meta(pattern=r"^[1-9][0-9]*[smhd]$")]
    state: Literal["firing", "resolved"]
    value: float | None
    n: Count
    low: float | None
    high: float | None
    threshold: float
    since: UtcTime
    metric: Token
    profile: Token


class MetricAlert(OutputEvent, frozen=True, kw_only=True, tag="contact-centre.metric.alert.v1"):
    """An alert began to fire, or was resolved."""

    data: Alert
