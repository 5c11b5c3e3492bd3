"""The table and the lines, from an exposition as a worker would give it."""

import io

import pytest
from rich.console import Console

from stream.demo.figures import WHOLE, Alert, Figures
from stream.demo.screen import Frame, duration, final_tables, fitting, plain_line, render

PAGE = """\
# TYPE contact_centre_csat_ratio gauge
contact_centre_csat_ratio{tenant="simulated",window="24h"} 0.7435
contact_centre_csat_ratio{tenant="simulated",team="billing",window="24h"} 0.25
contact_centre_csat_low_ratio{tenant="simulated",window="24h"} 0.66
contact_centre_csat_high_ratio{tenant="simulated",window="24h"} 0.81
contact_centre_csat_answers{tenant="simulated",window="24h"} 117
contact_centre_nps{tenant="simulated",window="30d"} -12.5
contact_centre_nps_promoters{tenant="simulated",window="30d"} 10
contact_centre_nps_passives{tenant="simulated",window="30d"} 20
contact_centre_nps_detractors{tenant="simulated",window="30d"} 15
contact_centre_first_reply_seconds{tenant="helpdesk",window="600d",quantile="0.5"} 119.8
contact_centre_first_reply_seconds{tenant="helpdesk",window="600d",quantile="0.9"} 5662.3
contact_centre_first_reply_seconds_sum{tenant="helpdesk",window="600d"} 16561515
contact_centre_first_reply_seconds_count{tenant="helpdesk",window="600d"} 354
contact_centre_first_reply_seconds_mean{tenant="helpdesk",window="600d"} 46783.94
contact_centre_tickets_open{tenant="helpdesk"} 360
contact_centre_tickets_unanswered{tenant="helpdesk"} 42
contact_centre_oldest_unanswered_age_seconds{tenant="helpdesk"} 35387080
contact_centre_alert_state{alert="csat_low",severity="warning",tenant="simulated"} 1
contact_centre_alert_state{alert="csat_low",severity="warning",tenant="helpdesk"} 0
contact_centre_stream_events_total{topic="t",partition="0",outcome="applied"} 1200
contact_centre_stream_events_total{topic="t",partition="1",outcome="applied"} 34
contact_centre_stream_events_total{topic="t",partition="0",outcome="dead_lettered",reason="not_json"} 1
contact_centre_stream_event_clock_timestamp_seconds 1651534299
contact_centre_stream_ready 1
contact_centre_stream_lag_records{topic="t",partition="0"} 5
"""

ALERT = Alert("2022-05-02T23:31:39Z", "csat_low", "simulated", "firing", 0.7435, 117, 0.8)


@pytest.fixture
def frame() -> Frame:
    made = Frame()
    made.figures = Figures(PAGE)
    made.alerts.append(ALERT)
    made.metrics_url = "http://127.0.0.1:1234/metrics"
    made.broker = "127.0.0.1:5678"
    made.seen(10.0, 1000)
    made.seen(12.0, 1235)
    return made


def shown(renderable: object, width: int = 150) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(renderable)
    return str(console.file.getvalue())  # type: ignore[attr-defined]  # it is a StringIO


def test_figures_are_the_tenants_own_and_not_a_teams() -> None:
    figures = Figures(PAGE)
    assert figures.value("simulated", "24h", "csat_ratio") == 0.7435
    assert figures.outcomes == {"applied": 1234, "dead_lettered": 1}
    assert (figures.events, figures.lag, figures.ready) == (1235, 5, True)
    assert figures.firing == {"simulated": True, "helpdesk": False}
    assert figures.clock_seconds == 1651534299


def test_json_has_plain_values() -> None:
    figures = Figures(PAGE)
    whole = figures.as_json("helpdesk", WHOLE)
    assert whole["first_reply_time"] == {
        "n": 354,
        "sum_seconds": 16561515.0,
        "mean_seconds": 46783.94,
        "median_seconds": 119.8,
        "p90_seconds": 5662.3,
    }
    assert whole["csat"] == {"n": 0, "ratio": None, "low": None, "high": None}
    assert figures.as_json("simulated", "30d")["nps"]["n"] == 45
    assert figures.live_as_json("helpdesk")["unanswered"] == 42


def test_the_screen_shows_what_matters(frame: Frame) -> None:
    text = shown(render(frame))
    for part in (
        "help desk (real)",
        "simulated",
        "last 24 hours",
        "all so far",
        "74.4% n=117 [66–81]",
        "-12 n=45",
        "13.0 h / 2.0 min n=354",
        "42, oldest 409.6 d",
        "2022-05-02 23:31 UTC",
        "FIRING",
        "http://127.0.0.1:1234/metrics",
        "made up from a fixed seed",
        "1,235 events",
        "118/s",
    ):
        assert part in text, part
    assert "25.0%" not in text  # a team's figure


def test_an_empty_screen_says_so() -> None:
    text = shown(render(Frame()))
    assert "no event yet" in text
    assert "no alert so far" in text


def test_the_screen_fits_a_narrow_terminal(frame: Frame) -> None:
    assert max(len(line) for line in shown(render(frame), width=80).splitlines()) <= 80


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 24), (120, 40)])
def test_what_matters_is_on_the_screen_however_low_it_is(frame: Frame, width: int, height: int) -> None:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False)
    frame.alerts += [ALERT] * 3
    text = shown(fitting(console, frame), width=width)
    assert len(text.splitlines()) < height
    for part in (
        "2022-05-02 23:31 UTC",
        "74.4% n=117 [66–81]",
        "In queues now",
        "42, oldest 409.6 d",
        "Alert csat_low",
        "FIRING",
        "http://127.0.0.1:1234/metrics",
        "Ctrl-C stops it",
        "made up from a fixed seed",
        "weaker guarantees",
    ):
        assert part in text, part


def test_lines_for_a_log(frame: Frame) -> None:
    line = plain_line(frame)
    assert "\n" not in line
    assert "13.0 h / 2.0 min n=354" in line
    assert "alert FIRING" in line


def test_the_final_table_has_figures_and_alerts(frame: Frame) -> None:
    text = shown(final_tables(frame))
    assert "13.0 h / 2.0 min n=354" in text
    assert "csat_low" in text
    assert "1,234 applied" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (99.4, "99 s"),
        (150, "2.5 min"),
        (46783.94, "13.0 h"),
        (225687.4, "62.7 h"),
        (864000, "10.0 d"),
    ],
)
def test_times_for_people(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
