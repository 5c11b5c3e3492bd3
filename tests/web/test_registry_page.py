"""The page with the real metrics: the names that dashboards rely on, and promtool's opinion of them."""

import random
import shutil
import subprocess

import pytest

from stream.core.snapshot import SegmentSnapshot
from stream.metrics import METRICS
from stream.metrics.durations import BUCKET_SLOT, SUM_SLOT
from stream.web.exporter import Exporter
from tests.web.metrics import Status, snapshot, status
from tests.web.test_exporter import HOUR, at, families, samples

WINDOWED = [metric for metric in METRICS if not metric.live]
LIVE_SLOTS = [metric.slot(live.slot) for metric in METRICS for live in metric.live_series]

WITH_WINDOW = {
    *(f"csat_{part}" for part in ("ratio", "low_ratio", "high_ratio", "answers", "satisfied")),
    *("nps", *(f"nps_{part}" for part in ("low", "high", "promoters", "passives", "detractors"))),
    *(
        f"{duration}_seconds{suffix}"
        for duration in ("first_reply", "reply", "queue_wait")
        for suffix in ("", "_mean", "_sum", "_count")
    ),
    "excluded",
}
WITHOUT_WINDOW = {
    "tickets_open",
    "oldest_open_age_seconds",
    "tickets_unanswered",
    "oldest_unanswered_age_seconds",
    "queue_waiting",
    "oldest_waiting_age_seconds",
}


def tally(seed: int) -> dict[int, int]:
    rng = random.Random(seed)
    slots: dict[int, int] = {}
    for metric in WINDOWED:
        own = [SUM_SLOT, *range(BUCKET_SLOT, BUCKET_SLOT + 40)] if metric.unit == "seconds" else [16, 17, 18]
        for slot in (0, *own):
            slots[metric.slot(slot)] = rng.randint(1, 60)
        if metric.unit == "ratio":  # where the first one is a whole, no part of it is more
            slots[metric.slot(16)] = 60
    return slots


def given(windows: dict[int, dict[int, int]], count: int) -> Status:
    seen = frozenset(metric.id for metric in WINDOWED)
    live = dict.fromkeys(LIVE_SLOTS, (count, 5000 if count else -1))
    one = SegmentSnapshot("tenant=acme", (("tenant", "acme"),), windows, dict.fromkeys(windows, seen), live)
    return status(snapshot(one, now_ms=65_000))


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_agreed_names_are_all_there(openmetrics: bool) -> None:
    accept = "application/openmetrics-text" if openmetrics else ""
    body = Exporter(METRICS, lambda: given({HOUR: tally(1)}, 3)).render(accept).body.decode()
    found = samples(body, openmetrics=openmetrics)
    with_window = {
        name.removeprefix("contact_centre_") for name, labels in found if ("window", "1h") in labels
    }
    assert with_window >= WITH_WINDOW
    assert {name for name in WITHOUT_WINDOW if at(found, name, tenant="acme") is None} == set()
    assert at(found, "oldest_unanswered_age_seconds", tenant="acme") == 60


COUNTS = (
    "_answers",
    "_count",
    "_response_sent",
    "_detractors",
    "_ended",
    "_offered",
    "_solved",
    "_reviews",
    "_replies",
    "_visits",
    "_start_customers",
    "_new_customers",
    "_mentions",
    "_contacts",
    "_value_customers",
    "_score_pairs",
    "_score_customers",
)
"""What the figures of one metric each rest on."""


def test_an_emptied_window_shows_every_count_as_0_and_no_figure() -> None:
    body = Exporter(METRICS, lambda: given({HOUR: {}}, 0)).render().body.decode()
    of_tenant = {
        name: value for (name, labels), value in samples(body).items() if ("tenant", "acme") in labels
    }
    assert set(of_tenant.values()) == {0.0}
    assert not [name for name in of_tenant if name.endswith(("_ratio", "_mean", "_seconds", "_nps"))]
    counted = [name for name in of_tenant if name.endswith(COUNTS)]
    assert len(counted) == len(WINDOWED)


def test_promtool_accepts_every_name() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: sudo apt-get install prometheus"
    body = Exporter(METRICS, lambda: given({HOUR: tally(2)}, 1)).render().body
    assert families(body.decode())
    checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
