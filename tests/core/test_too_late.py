"""Where explain says that nothing came too late for a window, its figures are those of the whole input; elsewhere it says how much did."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, CoreConfig
from stream.core.delta import segment_name
from stream.core.event_time import parse_time_ms
from stream.core.explain import Explanation, explain
from stream.core.pane import FOREVER
from stream.metrics import selected
from tests.support.core import oracle
from tests.support.histories import START_MS, History, make
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline, stable

CONFIG = CoreConfig(
    clock="event",
    lateness_ms=0,
    metrics=("csat", "survey_response", "first_reply_time", "reply_time"),
    groupings=((), ("team",)),
    rollup_windows_ms=(HOUR_MS, DAY_MS),
    horizons_ms={HOUR_MS: 2 * HOUR_MS, DAY_MS: DAY_MS},
    source_partitions=2,
    delta_partitions=1,
)
WITHOUT_END = msgspec.structs.replace(CONFIG, horizons_ms=dict.fromkeys(CONFIG.rollup_windows_ms, FOREVER))
LOG_MS = START_MS + 30 * DAY_MS
TICKETS = [f"t-{number}" for number in range(4)]


def _created() -> History:
    """Tickets that stay open: they are never forgotten."""
    return [
        ("tickets", make(ev.TicketCreated, START_MS, ticket_id=ticket, channel="chat", team=f"team-{ticket}"))
        for ticket in TICKETS
    ]


def _time(hours: float, tickets: list[str]) -> History:
    """Something on every topic, of tickets that lie in the partitions that are to hear of the time."""
    at = START_MS + int(hours * HOUR_MS)
    return [
        told
        for ticket in tickets
        for told in (
            ("tickets", make(ev.TicketStatusChanged, at, ticket_id=ticket, status="open")),
            ("replies", make(ev.ReplyRetracted, at, ticket_id=ticket, reply_id="none", reason="deleted")),
            ("surveys", make(ev.SurveyExpired, at, ticket_id=ticket, survey_id="none")),
        )
    ]


def _said(hours: float, ticket: str, number: int) -> History:
    at = START_MS + int(hours * HOUR_MS)
    author = "agent" if number % 2 else "customer"
    return [
        (
            "surveys",
            make(
                ev.SurveyAnswered,
                at,
                ticket_id=ticket,
                survey_id=f"s{number}",
                kind="csat",
                revision=0,
                label="good",
            ),
        ),
        (
            "replies",
            make(ev.ReplyAdded, at, ticket_id=ticket, reply_id=f"r{number}", author=author, public=True),
        ),
    ]


Step = tuple[str, float | None, str | None]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("said"), st.floats(0, 100), st.sampled_from(TICKETS)),
        st.tuples(st.just("time"), st.floats(0, 100), st.sampled_from([*TICKETS, "all"])),
        st.tuples(st.sampled_from(("tickets", "windows", "restart")), st.none(), st.none()),
    ),
    min_size=4,
    max_size=40,
)


def _walk(steps: list[Step]) -> tuple[Pipeline, History]:
    """The pipeline behind the steps, and all that was told it."""
    pipeline = Pipeline(CONFIG)
    told: History = []
    offsets: Counter[tuple[str, int]] = Counter()

    def feed(more: History) -> None:
        told.extend(more)
        records = []
        for record in log(more, partitions=2, timestamp_ms=LOG_MS):
            place = record.topic, record.partition
            records.append(record._replace(offset=offsets[place]))
            offsets[place] += 1
        pipeline.feed(records)

    feed(_created())
    for number, (what, hours, ticket) in enumerate(
        [*steps, ("tickets", None, None), ("windows", None, None)]
    ):
        if what == "tickets":
            pipeline.commit_tickets()
        elif what == "windows":
            pipeline.commit_windows()
        elif what == "restart":
            pipeline.commit_tickets()
            pipeline.commit_windows()
            pipeline.restart()
        elif hours is not None and ticket is not None:
            feed(
                _said(hours, ticket, number)
                if what == "said"
                else _time(hours, TICKETS if ticket == "all" else [ticket])
            )
    return pipeline, told


def _explained(pipeline: Pipeline, told: History) -> Iterator[tuple[Mapping[str, Any], Explanation]]:
    """Each figure of the whole input, and what the rows say of it."""
    for one in stable(oracle(WITHOUT_END, log(told, timestamp_ms=LOG_MS), now_ms=NOW_MS).rollups).values():
        start_ms = parse_time_ms(one["window_start"])
        assert start_ms is not None
        yield (
            one,
            explain(
                pipeline.changelogs[-1],
                CONFIG,
                selected(CONFIG),
                one["metric"],
                segment_name(one["segment"]),
                start_ms=start_ms,
                window_ms=one["window_seconds"] * 1000,
            ),
        )


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_a_window_that_still_takes_corrections_lacks_nothing(steps: list[Step]) -> None:
    """However much came too late for others, whichever partition is ahead, wherever it was cut."""
    for one, found in _explained(*_walk(steps)):
        if found.too_late is None:
            (figure,) = found.figures
            assert (figure.n, figure.value, figure.parts, figure.excluded) == tuple(
                one[name] for name in ("n", "value", "parts", "excluded")
            )


def test_what_a_window_did_not_take_is_counted_for_its_length() -> None:
    steps: list[Step] = [
        ("said", 1, "t-0"),
        ("time", 5, "all"),
        ("restart", None, None),
        ("said", 1, "t-1"),
        ("said", 1, "t-2"),
    ]
    pipeline, told = _walk(steps)
    told_of = {
        (one["metric"], one["window_seconds"]): found
        for one, found in _explained(pipeline, told)
        if one["segment"] == {"tenant": "acme"}
    }
    hour, day = told_of["csat", 3_600], told_of["csat", 86_400]
    assert (hour.too_late, hour.figures[0].n) == (4, 0), (
        "two in two segments each; its sums are deleted: the rollup is what is left"
    )
    assert (day.too_late, day.figures[0].n) == (None, 3)
    assert told_of["survey_response", 3_600].too_late, "also of what would only have been left out"
    published = stable(pipeline.rollups)
    (rollup,) = [one for key, one in published.items() if key == hour.key.encode()]
    assert (rollup["n"], rollup["excluded"]) == (1, {})
