"""The label ``profile``: nowhere as long as there is one profile, everywhere as soon as there are two."""

from dataclasses import replace

from stream.core.config import HOUR_MS
from stream.web.exporter import Exporter
from tests.web.metrics import GOOD, LIVE, METRICS, SHARE, TIME, segment, snapshot, status

LABELS = {"tenant": "acme", "profile": "gold"}
"""A segment label may be named like ours."""
OTHER = replace(SHARE, id=1024 + SHARE.id, profile="zendesk", excluded_reasons=("bot",))
TALLY = {SHARE.slot(GOOD): 3, TIME.slot(GOOD): 2, OTHER.slot(GOOD): 5, OTHER.slot(0): 7}
SHOWN = status(snapshot(segment(LABELS, {HOUR_MS: TALLY}, live={LIVE.slot(16): (2, -1)})))


def lines(*metrics: object) -> list[str]:
    page = Exporter((*METRICS, *metrics), lambda: SHOWN, {}).render("").body.decode()  # type: ignore[arg-type]
    names = ("contact_centre_share_answers", "contact_centre_open_now", "contact_centre_excluded")
    return [line for line in page.splitlines() if line.startswith(names)]


def test_by_the_default_definitions_alone_nothing_says_so() -> None:
    of = 'tenant="acme",segment_profile="gold"'
    assert lines() == [
        f'contact_centre_share_answers{{{of},window="1h"}} 3',
        f"contact_centre_open_now{{{of}}} 2",
    ]


def test_beside_another_profile_every_series_says_whose_it_is() -> None:
    of = 'tenant="acme",segment_profile="gold"'
    assert lines(OTHER) == [
        f'contact_centre_share_answers{{{of},window="1h",profile="default"}} 3',
        f'contact_centre_share_answers{{{of},window="1h",profile="zendesk"}} 5',
        f'contact_centre_open_now{{{of},profile="default"}} 2',
        f'contact_centre_excluded{{{of},window="1h",profile="zendesk",metric="share",reason="bot"}} 7',
    ]


def test_what_came_too_late_is_told_by_profile() -> None:
    late = snapshot(too_late={"csat": {HOUR_MS: 1}, "zendesk/csat": {HOUR_MS: 2}})
    view = status(late)
    page = Exporter(METRICS, lambda: view, {}).render("").body.decode()
    found = [line for line in page.splitlines() if "windows_too_late_total{" in line]
    assert [line.partition("{")[2] for line in found] == [
        'metric="csat",window="1h",partition="0"} 1',
        'metric="csat",profile="zendesk",window="1h",partition="0"} 2',
    ]
