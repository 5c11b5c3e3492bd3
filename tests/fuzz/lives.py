"""What a worker does with a row that was changed on a disk, to the end: it is touched, counted, closed, scanned anew and forgotten.

All metrics are on. A small state is made once; each input stands in the place of one of its rows, or of a record between two stages.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import msgspec

from schemas import events as ev
from stream.core.pane import ALERT_KIND, AUTHORS_KIND, LIVE_KIND, PANE_KIND, ROLLUP_KIND
from stream.core.pane import META_KEY as WINDOWS_META
from stream.core.record import SourceRecord
from stream.core.state_shape import GenerationError
from stream.core.tickets_meta import LABELS_KEY, META_KEY
from stream.metrics import METRICS
from stream.runtime.damage import naming
from stream.runtime.errors import StateError
from stream.settings import load
from tests.fixtures.write import everything, whole_customer
from tests.support.customers import KEY as CUSTOMER_KEY
from tests.support.customers import tell
from tests.support.histories import KEY, START_MS, History, make
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline
from tests.support.process import ROOT

SETTINGS = {
    "STREAM_CLOCK": "event",
    "STREAM_PARTITIONS": "1",
    "STREAM_DELTA_PARTITIONS": "1",
    "STREAM_METRICS": ",".join(metric.name for metric in METRICS),
    "STREAM_CALENDARS": str(ROOT / "deploy" / "calendars.toml"),
    "STREAM_GROUPINGS": "all",
    "STREAM_ROLLUP_WINDOWS": "1h,24h",
    "STREAM_CORRECTION_HORIZON": "2d",
    "STREAM_ALERTS": '[{"name": "low", "metric": "csat", "threshold": 0.99, "min_n": 1},'
    ' {"name": "lost", "metric": "churn_rate", "threshold": 0.1, "fires": "above", "min_n": 1}]',
}
CORE = load(SETTINGS).core()
NEXT = msgspec.structs.replace(CORE, generation=2)
DAY_MS = 86_400_000
SECRET = ("acme", "4711", "billing")
"""Of the customers' words in the state; none may stand in the line that a worker ends with."""
TICKETS, CUSTOMERS, WINDOWS = range(3)


class Slot(NamedTuple):
    """Where an input goes: a stage's row, or with ``key`` None the last record that its stage is to take in."""

    stage: int
    key: bytes | None


def _before() -> History:
    return [
        *whole_customer("c-1", START_MS),
        *everything("acme", "4710", START_MS),
        *everything("acme", "4711", START_MS + DAY_MS // 2),
        *_clock(START_MS + DAY_MS - 1),
    ]


def _clock(at_ms: int) -> History:
    """Event time goes on in every topic."""
    return [
        ("tickets", make(ev.TicketCreated, at_ms, ticket_id="late", channel="email")),
        (
            "replies",
            make(ev.ReplyAdded, at_ms, ticket_id="late", reply_id="r", author="system", public=False),
        ),
        ("surveys", make(ev.SurveyExpired, at_ms, ticket_id="late", survey_id="s")),
        ("customers", tell(ev.CustomerJoined, at_ms, "c-8")),
    ]


def _after() -> list[History]:
    """Every group of facts of what the state has is touched; then time goes on, past the end of its windows and of its row."""
    now = START_MS + DAY_MS
    return [
        [
            ("tickets", make(ev.TicketAssigned, now, agent_id="a-2", team="returns")),
            ("replies", make(ev.ReplyAdded, now + 1, reply_id="r-9", author="customer", public=True)),
            ("replies", make(ev.ReplyRetracted, now + 2, reply_id="r-2", reason="deleted")),
            ("tickets", make(ev.TicketQueueLeft, now + 3, queue="voice", visit_id="v-1", outcome="timeout")),
            ("tickets", make(ev.TicketEscalated, now + 4, tier="3")),
            (
                "surveys",
                make(
                    ev.SurveyAnswered,
                    now + 5,
                    survey_id="s-1",
                    kind="csat",
                    revision=3,
                    scale=ev.Scale(min=1, max=5),
                    score=5,
                ),
            ),
            ("surveys", make(ev.SurveyExpired, now + 6, survey_id="s-5")),
            ("customers", tell(ev.CustomerLeft, now + 7)),
            (
                "customers",
                tell(ev.CustomerPurchased, now + 8, order_id="o-1", amount_minor=1, currency="USD"),
            ),
        ],
        [("tickets", make(ev.TicketDeleted, now + 9, reason="spam"))],
        _clock(START_MS + 60 * DAY_MS),
    ]


@cache
def _told() -> list[list[SourceRecord]]:
    """The history in its commits: one before, several after."""
    parts = [_before(), *_after()]
    records = iter(log([one for part in parts for one in part], timestamp_ms=START_MS + 90 * DAY_MS))
    return [[next(records) for _ in part] for part in parts]


@cache
def _state() -> Pipeline:
    pipeline = Pipeline(CORE)
    pipeline.feed(_told()[0])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    return pipeline


@cache
def slots() -> dict[bytes, Slot]:
    """First byte of an input -> where the rest of it goes."""
    tickets, customers, windows = _state().changelogs
    found = {
        b"0": Slot(TICKETS, KEY),
        b"1": Slot(CUSTOMERS, CUSTOMER_KEY),
        b"2": Slot(TICKETS, META_KEY),
        b"3": Slot(TICKETS, LABELS_KEY),
        b"4": Slot(CUSTOMERS, META_KEY),
        b"5": Slot(CUSTOMERS, LABELS_KEY),
        b"6": Slot(WINDOWS, WINDOWS_META),
        b"A": Slot(CUSTOMERS, None),
        b"D": Slot(WINDOWS, None),
    }
    assert all(slot.key in (None, *tickets, *customers, *windows) for slot in found.values())
    for first, kind in (
        (b"7", ROLLUP_KIND),
        (b"8", PANE_KIND),
        (b"9", LIVE_KIND),
        (b"F", AUTHORS_KIND),
        (b"R", ALERT_KIND),
    ):
        own = [key for key in windows if key[:1] == kind]
        found[first] = Slot(WINDOWS, max(own, key=lambda key: len(windows[key])))
    return found


def lives(kind: bytes, data: bytes) -> None:
    """A worker goes on with it, whatever it is, or ends with a line that says nothing of a customer's."""
    try:
        with naming("app-changelog", 0):
            life(slots()[kind], data)
    except GenerationError:
        return
    except StateError as exc:
        said = str(exc)
        assert said.startswith("app-changelog[0]: ")
        assert said.isprintable()
        assert not any(word in said for word in SECRET), said


def life(slot: Slot, data: bytes) -> None:
    """From the start of a worker to the end of the input; then once more from the start, under a new generation."""
    pipeline = _with(slot, data)
    for part in _told()[1:]:
        pipeline.feed(part)
        pipeline.commit_tickets()
        pipeline.commit_windows()
    pipeline.close()
    pipeline = _with(slot, data)
    pipeline.change(NEXT)
    for _ in range(2):
        pipeline.commit_tickets()
        pipeline.commit_windows()


def _with(slot: Slot, data: bytes) -> Pipeline:
    kept = _state()
    pipeline = Pipeline(CORE)
    pipeline.changelogs = [dict(rows) for rows in kept.changelogs]
    pipeline.answers = [list(said) for said in kept.answers]
    pipeline.deltas = [list(said) for said in kept.deltas]
    if slot.key is not None:
        pipeline.changelogs[slot.stage][slot.key] = data
    pipeline.restart()
    if slot.key is None:
        [log_] = pipeline.answers if slot.stage == CUSTOMERS else pipeline.deltas
        log_.append(SourceRecord("", 0, len(log_), NOW_MS, None, data))
    return pipeline


def seeds() -> Iterator[bytes]:
    """What the state has in those places, and all else of their kinds."""
    kept = _state()
    for kind, slot in slots().items():
        if slot.key is not None:
            yield kind + kept.changelogs[slot.stage][slot.key]
    for kind, said in ((b"A", kept.answers), (b"D", kept.deltas)):
        for record in said[0]:
            yield kind + (record.value or b"")
    for kind, stage in ((b"0", TICKETS), (b"1", CUSTOMERS)):
        for key, row in kept.changelogs[stage].items():
            if key[:1] != b"\0":
                yield kind + row
