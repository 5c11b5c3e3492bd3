"""What a Prometheus reads from the page, checked by the client library's parsers and by promtool."""

import gzip
import io
import shutil
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Parsed
from prometheus_client.openmetrics.parser import text_fd_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_fd_to_metric_families as parse_text

from stream.core.config import window_label
from stream.core.snapshot import AlertSnapshot, Snapshot
from stream.web.exporter import Exporter, build_labels
from stream.web.figures import FigureFamilies
from stream.web.health import readiness_of
from stream.web.status import SourceView
from tests.web.metrics import (
    BAD,
    GOOD,
    HOUR_MS,
    LIVE,
    METRICS,
    MINUTE_MS,
    SHARE,
    TIME,
    Commits,
    Recovery,
    Status,
    segment,
    snapshot,
    status,
)

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
BUILD = {"version": "1.2.3"}
FIVE, HOUR = 5 * MINUTE_MS, HOUR_MS
ACME = {"tenant": "acme"}
TEAM = {"tenant": "acme", "team": "billing"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def tally(good: int = 0, bad: int = 0, waits: int = 0, waited: int = 0) -> dict[int, int]:
    slots = {
        SHARE.slot(GOOD): good,
        SHARE.slot(BAD): bad,
        TIME.slot(GOOD): waits,
        TIME.slot(BAD): waited,
    }
    return {slot: amount for slot, amount in slots.items() if amount}


def page(given_status: Status, accept: str = "") -> str:
    return Exporter(METRICS, lambda: given_status, BUILD).render(accept).body.decode()


def families(text: str, *, openmetrics: bool = False) -> dict[str, Parsed]:
    parsed = list((parse_openmetrics if openmetrics else parse_text)(io.StringIO(text, newline="\n")))
    names = [family.name for family in parsed]
    assert len(set(names)) == len(names), "a family was split"
    return {family.name: family for family in parsed}


def samples(text: str, *, openmetrics: bool = False) -> Samples:
    found: Samples = {}
    for family in families(text, openmetrics=openmetrics).values():
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def at(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"contact_centre_{name}", frozenset(labels.items())))


BUSY = snapshot(
    segment(
        ACME,
        {FIVE: tally(3, 1, 2, 100), HOUR: {**tally(30, 10, 20, 3000), SHARE.slot(0): 4}},
        live={LIVE.slot(16): (7, 1_000_000)},
    ),
    segment(TEAM, {FIVE: tally(1, 1)}, live={LIVE.slot(16): (0, -1)}),
    now_ms=1_030_000,
    alerts=[
        AlertSnapshot("csat_low", "warning", (("tenant", "acme"),), firing=True),
        AlertSnapshot("csat_low", "warning", (("tenant", "beta"),), firing=False),
    ],
    too_late={"share": {60_000: 9, HOUR: 3}},
)
SOURCE = SourceView(
    {
        "contact-centre.tickets": {"applied": 12, "duplicate": 3, "dead_lettered:not_json": 2},
        "contact-centre.replies": {"skipped:unknown_type": 1},
    },
    watermark_ms=1_000_000,
    overflowed={"team": 5},
    too_late={"share": 2},
    truncated={"contact-centre.tickets": 1},
)
WHOLE = status(
    BUSY,
    SOURCE,
    lag={("contact-centre.tickets", 0): 17},
    commits={"tickets": Commits(4, 0.02), "windows": Commits(0, 0.0)},
    recovery=Recovery(100, 120, 1.5),
    consumed={"contact-centre.tickets": 40},
    gaps=2,
    overlaps=3,
)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_figures_stand_beside_their_counts(openmetrics: bool) -> None:
    found = samples(page(WHOLE, OPENMETRICS if openmetrics else ""), openmetrics=openmetrics)
    assert at(found, "share_ratio", tenant="acme", window="5m") == 0.75
    assert at(found, "share_answers", tenant="acme", window="5m") == 4
    assert at(found, "share_ratio", tenant="acme", window="1h") == 0.75
    assert at(found, "share_ratio", tenant="acme", team="billing", window="5m") == 0.5
    assert at(found, "wait_seconds", tenant="acme", window="1h", quantile="0.90") == 300
    assert at(found, "wait_seconds_mean", tenant="acme", window="1h") == 150
    assert at(found, "wait_seconds_sum", tenant="acme", window="5m") == 100
    assert at(found, "wait_seconds_count", tenant="acme", window="5m") == 2
    assert at(found, "excluded", tenant="acme", window="1h", metric="share", reason="no_team") == 4
    assert at(found, "open_now", tenant="acme") == 7
    assert at(found, "oldest_open_age_seconds", tenant="acme") == 30
    assert at(found, "open_now", tenant="acme", team="billing") == 0
    assert at(found, "oldest_open_age_seconds", tenant="acme", team="billing") is None
    assert at(found, "alert_state", alert="csat_low", severity="warning", tenant="acme") == 1
    assert at(found, "alert_state", alert="csat_low", severity="warning", tenant="beta") == 0


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_pipelines_own_series(openmetrics: bool) -> None:
    found = samples(page(WHOLE, OPENMETRICS if openmetrics else ""), openmetrics=openmetrics)
    tickets = {"topic": "contact-centre.tickets", "partition": "1"}
    assert at(found, "stream_events_total", **tickets, outcome="applied") == 12
    assert at(found, "stream_events_total", **tickets, outcome="dead_lettered", reason="not_json") == 2
    assert at(found, "stream_too_late_total", metric="share", partition="1") == 2
    assert at(found, "stream_windows_too_late_total", metric="share", window="1m", partition="0") == 9
    assert at(found, "stream_windows_too_late_total", metric="share", window="1h", partition="0") == 3
    assert at(found, "stream_label_values_overflowed", label="team", partition="1") == 5
    assert at(found, "stream_dead_letters_truncated_total", **tickets) == 1
    assert at(found, "stream_lag_records", topic="contact-centre.tickets", partition="0") == 17
    assert at(found, "stream_consumed_total", topic="contact-centre.tickets") == 40
    assert at(found, "stream_fetch_gaps_total") == 2
    assert at(found, "stream_fetch_overlaps_total") == 3
    assert at(found, "stream_ready") == 1
    assert at(found, "stream_checkpoint_seconds", stage="tickets") == 0.02
    assert at(found, "stream_checkpoint_seconds", stage="windows") is None
    assert at(found, "stream_checkpoints_total", stage="tickets") == 4
    assert at(found, "stream_state_rows", stage="tickets", partition="1") == 10
    assert at(found, "stream_state_bytes", stage="windows", partition="0") == 1000
    assert at(found, "stream_recovery_seconds") == 1.5
    assert at(found, "stream_event_clock_timestamp_seconds") == 1030
    assert at(found, "stream_build_info", version="1.2.3") == 1
    age = at(found, "stream_watermark_age_seconds", partition="1")
    assert age is not None
    assert abs(age - (time.time() - 1000)) < 60


def test_types_are_declared_once_and_right() -> None:
    for openmetrics in (False, True):
        text = page(WHOLE, OPENMETRICS if openmetrics else "")
        types = {name: family.type for name, family in families(text, openmetrics=openmetrics).items()}
        assert types["contact_centre_wait_seconds"] == "summary"
        assert types["contact_centre_wait_seconds_mean"] == "gauge"
        assert types["contact_centre_stream_events"] == "counter"
        assert types["contact_centre_share_ratio"] == "gauge"
        declared = [line for line in text.splitlines() if line.startswith(("# TYPE", "# HELP"))]
        assert len(declared) == len(set(declared)) == 2 * len(types)


def test_a_window_that_emptied_shows_its_count_as_0_and_no_ratio() -> None:
    emptied = status(snapshot(segment(ACME, {FIVE: {}}, seen=[SHARE.id, TIME.id]), now_ms=1))
    found = samples(page(emptied))
    assert at(found, "share_answers", tenant="acme", window="5m") == 0
    assert at(found, "share_ratio", tenant="acme", window="5m") is None
    assert at(found, "wait_seconds_count", tenant="acme", window="5m") == 0
    assert at(found, "wait_seconds_mean", tenant="acme", window="5m") is None
    assert "} nan" not in page(emptied).lower()
    ended = status(snapshot(segment(ACME, {}), now_ms=1))
    assert at(samples(page(ended)), "share_answers", tenant="acme", window="5m") is None


def test_a_metric_never_measured_in_a_window_has_no_series_there() -> None:
    found = samples(page(status(snapshot(segment(ACME, {FIVE: tally(waits=1, waited=5)})))))
    assert at(found, "share_answers", tenant="acme", window="5m") is None
    assert at(found, "wait_seconds_count", tenant="acme", window="5m") == 1


def test_segments_that_moved_away_disappear_and_come_back_fresh() -> None:
    current = [status(BUSY)]
    exporter = Exporter(METRICS, lambda: current[0], BUILD)
    assert 'team="billing"' in exporter.render().body.decode()
    current[0] = status()
    assert 'tenant="' not in exporter.render().body.decode()
    current[0] = status(snapshot(segment(TEAM, {FIVE: tally(0, 1)})))
    found = samples(exporter.render().body.decode())
    assert at(found, "share_ratio", tenant="acme", team="billing", window="5m") == 0


def test_a_changed_tally_is_rendered_anew_and_an_old_window_goes() -> None:
    current = [status(snapshot(segment(ACME, {FIVE: tally(1), HOUR: tally(1)})))]
    exporter = Exporter(METRICS, lambda: current[0], BUILD)
    exporter.render()
    current[0] = status(snapshot(segment(ACME, {HOUR: tally(2)})))
    found = samples(exporter.render().body.decode())
    assert at(found, "share_answers", tenant="acme", window="1h") == 2
    assert at(found, "share_answers", tenant="acme", window="5m") is None


def test_two_partitions_make_one_page() -> None:
    found = samples(
        page(
            status(
                snapshot(segment(ACME, {FIVE: tally(1)}), now_ms=2_000),
                snapshot(segment(TEAM, {FIVE: tally(2)}), now_ms=1_000),
                snapshot(),
            )
        )
    )
    assert at(found, "share_answers", tenant="acme", window="5m") == 1
    assert at(found, "share_answers", tenant="acme", team="billing", window="5m") == 2
    assert at(found, "stream_event_clock_timestamp_seconds") == 1


NAMES = st.text(min_size=1, max_size=12)


@settings(max_examples=60)
@given(
    segments=st.lists(
        st.dictionaries(NAMES, st.text(max_size=12), min_size=1, max_size=3),
        max_size=4,
        unique_by=lambda labels: frozenset(labels.items()),
    ),
    openmetrics=st.booleans(),
)
def test_hostile_labels_cannot_break_the_page(segments: list[dict[str, str]], openmetrics: bool) -> None:
    made = [
        segment({"tenant": str(i), **labels}, {FIVE: tally(1, 1, 1, 1)}) for i, labels in enumerate(segments)
    ]
    alerts = [AlertSnapshot(one.segment, "info", one.labels, firing=True) for one in made]
    given_status = status(snapshot(*made, now_ms=5, alerts=alerts))
    found = samples(page(given_status, OPENMETRICS if openmetrics else ""), openmetrics=openmetrics)
    assert sum(1 for name, _ in found if name == "contact_centre_share_ratio") == len(made)
    assert sum(1 for name, _ in found if name == "contact_centre_alert_state") == len(made)


def test_a_segment_label_named_like_one_of_ours_is_renamed() -> None:
    found = samples(page(status(snapshot(segment({"tenant": "a", "window": "x"}, {FIVE: tally(1)})))))
    assert at(found, "share_answers", tenant="a", segment_window="x", window="5m") == 1


def test_figures_per_agent_are_shown_only_where_they_are_asked_for() -> None:
    """They are personal data, and as many series as there are people. A rule on an agent has asked for its state."""
    live = {LIVE.slot(GOOD): (3, 0)}
    agents = [
        segment({"agent": "a-7", **labels}, {FIVE: tally(1, waits=1, waited=5)}, live=live)
        for labels in (ACME, TEAM)
    ]
    alert = AlertSnapshot("low", "info", agents[0].labels, firing=True)
    given_status = status(
        snapshot(segment(ACME, {FIVE: tally(1, waits=1, waited=5)}, live=live), *agents, alerts=[alert])
    )
    text = page(given_status)
    shown = [line for line in text.splitlines() if "a-7" in line]
    assert shown == ['contact_centre_alert_state{alert="low",severity="info",agent="a-7",tenant="acme"} 1']
    assert at(samples(text), "share_answers", tenant="acme", window="5m") == 1
    asked = Exporter(METRICS, lambda: given_status, BUILD, agent_gauges=True).render().body.decode()
    found = samples(asked)
    assert at(found, "share_answers", agent="a-7", tenant="acme", window="5m") == 1
    assert at(found, "share_answers", agent="a-7", tenant="acme", team="billing", window="5m") == 1
    assert {one for one in text.splitlines() if "a-7" not in one} == {
        one for one in asked.splitlines() if "a-7" not in one
    }


@pytest.mark.parametrize(
    ("window_ms", "label"),
    [
        (FIVE, "5m"),
        (HOUR, "1h"),
        (90 * MINUTE_MS, "90m"),
        (24 * HOUR, "24h"),
        (48 * HOUR, "48h"),
        (72 * HOUR, "3d"),
        (30 * 24 * HOUR, "30d"),
        (30_000, "30s"),
    ],
)
def test_window_labels(window_ms: int, label: str) -> None:
    assert window_label(window_ms) == label


def test_gzip_holds_the_same_page() -> None:
    exporter = Exporter(METRICS, lambda: status(BUSY), BUILD)
    plain, packed = exporter.render("", ""), exporter.render("", "gzip")
    assert (plain.encoding, packed.encoding) == (None, "gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)


def test_the_content_type_names_the_format() -> None:
    exporter = Exporter(METRICS, lambda: WHOLE, BUILD)
    assert exporter.render().content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert exporter.render(OPENMETRICS).content_type == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    assert exporter.render(OPENMETRICS).body.endswith(b"# EOF\n")


def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: sudo apt-get install prometheus"
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page(WHOLE), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_readiness_follows_the_runtimes_reasons() -> None:
    waiting = Status(
        state="recovering", reasons=("recovering",), notes=("volatile",), recovery=Recovery(5, 9, None)
    )
    state = readiness_of(waiting)
    assert (state.ready, tuple(state.reasons), tuple(state.notes)) == (False, ("recovering",), ("volatile",))
    assert state.recovery == {"rows": 5, "expected": 9, "seconds": None}
    ready = readiness_of(WHOLE)
    assert ready.ready
    assert ready.detail == {"state": "running", "generation": 1, "assigned": {"tickets": [1], "windows": [0]}}


def test_the_build_is_named() -> None:
    assert set(build_labels()) == {"version", "python", "faust", "aiokafka"}


def many(segments: int) -> Snapshot:
    """Ten series a segment and window, with three windows each."""
    windows = {FIVE: tally(3, 1, 2, 7), HOUR: tally(30, 10, 20, 77), 24 * HOUR: tally(300, 100, 200, 777)}
    return snapshot(
        *(
            segment({"tenant": "acme", "team": f"team-{i}"}, dict(windows), live={LIVE.slot(16): (3, 5)})
            for i in range(segments)
        ),
        now_ms=10_000,
    )


def cpu_seconds(work: object, repeat: int = 3) -> float:
    best = float("inf")
    for _ in range(repeat):
        began = time.thread_time()
        work()  # type: ignore[operator]  # a callable
        best = min(best, time.thread_time() - began)
    return best


def test_an_unchanged_page_costs_a_fraction_of_parsing_it() -> None:
    """Relative to the client library's own parser in the same process, so that a slow machine does not matter."""
    given_status = status(many(500))
    exporter = Exporter(METRICS, lambda: given_status, BUILD)
    text = exporter.render().body.decode()
    parsing = cpu_seconds(lambda: list(parse_text(io.StringIO(text))))
    again = cpu_seconds(exporter.render)
    fresh = cpu_seconds(lambda: Exporter(METRICS, lambda: given_status, BUILD).render())
    assert text.count("\n") > 10_000
    assert again < parsing / 10
    assert fresh < parsing / 2


def test_the_cost_grows_with_the_series_and_not_faster() -> None:
    small, large = many(100), many(1000)
    few = cpu_seconds(lambda: FigureFamilies(METRICS, 100).render([small]), 5)
    lots = cpu_seconds(lambda: FigureFamilies(METRICS, 100).render([large]), 5)
    assert lots < few * 25
