"""A row that says what cannot be costs the figures made of it: all others are served, and the worker is not ready and says why."""

import pytest
import structlog

from stream.core.config import HOUR_MS
from stream.core.snapshot import SegmentSnapshot
from stream.metrics import BY_NAME
from stream.web.exporter import Exporter
from stream.web.health import readiness_of
from tests.web.metrics import segment, snapshot, status

CSAT, MEAN = BY_NAME["csat"], BY_NAME["csat_mean"]
METRICS = (CSAT, MEAN)
GOOD = {CSAT.slot(16): 3, CSAT.slot(17): 1}
BAD = {MEAN.slot(255): 1}
"""On a scale that nobody knows."""
NO_CHANGELOG = "x-windows-changelog"


def of(tenant: str, tally: dict[int, int], before: dict[int, int] | None = None) -> SegmentSnapshot:
    one = segment({"tenant": tenant}, {HOUR_MS: tally})
    return one._replace(before={} if before is None else {HOUR_MS: before})


def exporter(*segments: SegmentSnapshot) -> Exporter:
    given = status(snapshot(), snapshot(*segments, now_ms=HOUR_MS))
    return Exporter(METRICS, lambda: given, {}, min_n=1, changelog=NO_CHANGELOG)


def test_all_other_figures_are_served_and_the_row_is_named() -> None:
    whole = exporter(of("acme", GOOD), of("beta", GOOD)).render().body.decode()
    hurt = exporter(of("acme", {**GOOD, **BAD}), of("beta", GOOD))
    with structlog.testing.capture_logs() as said:
        body = hurt.render().body.decode()
        assert hurt.render().body.decode() == body  # also when nothing has changed since
    assert body == whole.replace("stream_ready 1\n", "stream_ready 0\n")
    [reason] = hurt.reasons
    assert reason == (
        f"{NO_CHANGELOG}[1]: a row of it says what cannot be (IndexError in stream.metrics.scores.parts_by_scale): csat_mean of 1 "
        "running windows left out of /metrics, all others are served; it passes when the row has left these windows, else stop all "
        "workers and start one with `stream worker --rebuild`, which builds the state anew from what the source topics still hold. "
        "If it comes again after that, the fault is in that function"
    )
    assert [(one["event"], one["problem"]) for one in said] == [("figures.left_out", reason)]  # once
    ready = readiness_of(status(), reasons=hurt.reasons)
    assert not ready.ready
    assert ready.reasons == (reason,)


def test_it_is_ready_again_when_the_row_has_left() -> None:
    views = [snapshot(of("acme", BAD))]
    page = Exporter(METRICS, lambda: status(*views), {})
    page.render()
    assert page.reasons
    views[0] = snapshot(of("acme", GOOD))
    assert "contact_centre_stream_ready 1\n" in page.render().body.decode()
    assert not page.reasons


def test_the_window_before_costs_the_comparison_alone() -> None:
    mean = {MEAN.slot(16 + 5): 1}
    fine = exporter(of("acme", mean, mean)).render().body.decode()
    assert "contact_centre_before_ratio" in fine
    hurt = exporter(of("acme", mean, BAD))
    body = hurt.render().body.decode()
    assert "contact_centre_before_" not in body
    for line in fine.splitlines():
        if line.startswith("contact_centre_csat_mean"):
            assert line in body
    assert len(hurt.reasons) == 1


@pytest.mark.parametrize("windows", [1, 3])
def test_how_many_windows_are_concerned_is_said(windows: int) -> None:
    page = exporter(*(of(f"t{number}", BAD) for number in range(windows)))
    page.render()
    assert f"csat_mean of {windows} running windows" in page.reasons[0]
