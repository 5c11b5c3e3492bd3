"""A ticket that goes moves from n to what is left out, in the windows in which it counted, and back when it is restored."""

import pytest

from schemas import events as ev
from stream.core.audit import audit
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.metrics import selected
from tests.support.histories import START_MS, History, make
from tests.support.log import log
from tests.support.pipeline import Pipeline, stable

CONFIG = CoreConfig(
    clock="event",
    metrics=("first_reply_time", "csat", "queue_wait_time", "live"),
    groupings=((), ("team",)),
    rollup_windows_ms=(HOUR_MS,),
    horizons_ms={HOUR_MS: 35 * DAY_MS},
    source_partitions=1,
    delta_partitions=1,
)
TOLD: History = [
    ("tickets", make(ev.TicketCreated, START_MS, channel="chat", team="billing", created_by="customer")),
    ("replies", make(ev.ReplyAdded, START_MS + MINUTE_MS, reply_id="r", author="agent", public=True)),
    (
        "surveys",
        make(ev.SurveyAnswered, START_MS + HOUR_MS, survey_id="s", kind="csat", revision=0, label="good"),
    ),
]
MERGED = ("tickets", make(ev.TicketMerged, START_MS + 2 * HOUR_MS, into_ticket_id="1"))
SPAM = ("tickets", make(ev.TicketDeleted, START_MS + 2 * HOUR_MS, reason="spam"))
DELETED = ("tickets", make(ev.TicketDeleted, START_MS + 2 * HOUR_MS))
RESTORED = ("tickets", make(ev.TicketRestored, START_MS + 3 * HOUR_MS))
Said = dict[tuple[str, str, int], tuple[int, dict[str, int]]]


def _said(*parts: History, restarts: bool = False) -> tuple[Pipeline, Said]:
    """Metric, team (or all) and hour after the start -> n and what is left out, as the rollups stand after all commits."""
    pipeline = Pipeline(CONFIG)
    records = log([pair for part in parts for pair in part], timestamp_ms=START_MS + DAY_MS)
    for part in parts:
        pipeline.feed(records[: len(part)])
        records = records[len(part) :]
        pipeline.commit_tickets()
        pipeline.commit_windows()
        if restarts:
            pipeline.restart()
    pipeline.close()
    found = {}
    for one in stable(pipeline.rollups).values():
        hour = int(one["window_start"][11:13]) - 12
        place = one["metric"], one["segment"].get("team", "all"), hour
        found[place] = one["n"], one["excluded"]
    return pipeline, found


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("going", "reason"), [(MERGED, "merged"), (SPAM, "spam"), (DELETED, "deleted")])
def test_it_moves_where_it_counted(going: tuple[str, ev.Event], reason: str, restarts: bool) -> None:
    pipeline, found = _said(TOLD, [going], restarts=restarts)
    gone = 0, {reason: 1}
    assert found == {
        ("first_reply_time", "all", 0): gone,
        ("first_reply_time", "billing", 0): gone,
        ("csat", "all", 1): gone,
        ("csat", "billing", 1): gone,
    }
    sums = audit(
        CONFIG,
        selected(CONFIG),
        pipeline.facts(),
        pipeline.changelogs[1:],
        [len(deltas) for deltas in pipeline.deltas],
    )
    assert sums.differences == []


@pytest.mark.parametrize("restarts", [False, True])
def test_it_moves_back_when_it_is_restored(restarts: bool) -> None:
    _, found = _said(TOLD, [DELETED], [RESTORED], restarts=restarts)
    assert found == _said(TOLD)[1]
    assert found
    assert all(said == (1, {}) for said in found.values())


def test_merged_weighs_more_than_deleted_and_cannot_be_undone() -> None:
    _, found = _said(TOLD, [MERGED], [SPAM], [RESTORED])
    assert found
    assert all(said == (0, {"merged": 1}) for said in found.values())


def test_what_comes_to_a_ticket_that_is_gone_is_left_out_at_once() -> None:
    _, found = _said([TOLD[0], DELETED], TOLD[1:])
    assert found
    assert all(said == (0, {"deleted": 1}) for said in found.values())
