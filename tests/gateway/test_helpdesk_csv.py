"""The shipped help-desk comments through the whole core give the figures that were computed from the file by itself."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import stream.demo
from schemas.events import TOPIC_OF, ReplyAdded, TicketCreated
from stream.core import fold
from stream.core.author_days import suspects_of
from stream.core.config import DAY_MS, MINUTE_MS, CoreConfig
from stream.core.decode import Decoder
from stream.core.pane import AUTHORS_KIND, parse_key
from stream.core.tickets_shard import TicketsShard
from stream.core.without import figures_without
from stream.gateway.helpdesk_csv import HEADER, NotHelpdeskError, events
from stream.metrics import BY_NAME, selected
from tests.support.core import oracle
from tests.support.log import log

FILE = Path(stream.demo.__file__).parent / "data" / "helpdesk_comments.csv.gz"
NOW_MS = 1_700_000_000_000
ONE_WINDOW_MS = 20_000 * DAY_MS
"""Wide enough that the whole file falls into one window."""


def read(*, count_bots: bool = False, tenant: str = "helpdesk") -> list[TicketCreated | ReplyAdded]:
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as lines:
        return list(events(lines, tenant=tenant, count_bots=count_bots))


@cache
def figures(*, count_bots: bool) -> dict[str, dict[str, Any]]:
    config = CoreConfig(rollup_windows_ms=(ONE_WINDOW_MS,), horizons_ms={ONE_WINDOW_MS: -1}, groupings=((),))
    records = log(
        [(TOPIC_OF[type(event)], event) for event in read(count_bots=count_bots)], timestamp_ms=NOW_MS
    )
    result = oracle(config, records, now_ms=NOW_MS)
    assert sum(sum(counts.values()) for counts in result.counts.values()) == len(records)
    return {data["metric"]: data for data in (json.loads(one.value or b"")["data"] for one in result.rollups)}


# Rows of the table in stream/demo/data/SOURCES.md: metric, bots counted, n, sum in seconds, median in seconds.
TABLE = [
    ("first_reply_time", False, 354, 16_561_515, 119.0),
    ("first_reply_time", True, 360, 6_375, 16.0),
    ("reply_time", False, 1_280, 288_879_877, 3_285.0),
    ("reply_time", True, 1_297, 276_082_659, 2_221.0),
]


@pytest.mark.parametrize(("metric", "count_bots", "n", "total", "median"), TABLE)
def test_the_known_figures_come_out(metric: str, count_bots: bool, n: int, total: int, median: float) -> None:
    data = figures(count_bots=count_bots)[metric]
    assert (data["n"], data["parts"]["sum"]) == (n, total)
    assert data["value"] == pytest.approx(total / n)
    assert data["quantiles"]["p50"] == pytest.approx(median, rel=1 / 64)


def test_counting_the_bot_moves_the_mean_by_three_orders_of_magnitude() -> None:
    human, with_bot = (figures(count_bots=bots)["first_reply_time"]["value"] for bots in (False, True))
    assert human / 3600 == pytest.approx(12.996, abs=5e-4)
    assert with_bot == pytest.approx(17.7, abs=0.05)


def test_every_event_is_accepted_by_the_contract() -> None:
    decoder = Decoder(CoreConfig(source_partitions=1))
    records = log([(TOPIC_OF[type(event)], event) for event in read()], timestamp_ms=NOW_MS)
    verdicts = {type(decoder.decode(record)).__name__ for record in records}
    assert verdicts == {"Accepted"}


def test_reading_twice_gives_the_same_events() -> None:
    assert read() == read()
    ids = [event.id for event in read()]
    assert len(set(ids)) == len(ids)


def test_lines_become_a_creation_or_a_reply() -> None:
    found = read(tenant="acme")
    created = [event for event in found if isinstance(event, TicketCreated)]
    replies = [event for event in found if isinstance(event, ReplyAdded)]
    assert (len(created), len(replies)) == (
        360,
        7_286 - 360 + 4,
    )  # the four agents' openings are replies as well
    by = [event.data.created_by for event in created]
    assert (by.count("customer"), by.count("agent"), by.count("bot")) == (355, 4, 1)
    authors = [event.data.author for event in replies]
    assert authors.count("bot") == 368 - 1
    assert sum(not event.data.public for event in replies) == 1_690
    assert {event.data.tenant for event in found} == {"acme"}


def test_equal_times_are_ordered_by_the_file() -> None:
    lines = [
        ",".join(HEADER),
        "7,1,2022-01-02T00:00:00Z,a,reporter,false,false",
        "7,3,2022-01-02T00:01:00Z,b,assignee,false,false",
        "7,2,2022-01-02T00:01:00Z,a,reporter,false,false",
    ]
    sequences = [event.sequence or "" for event in events(lines)]
    assert sequences == sorted(sequences)
    assert len(set(sequences)) == 3


def test_an_agents_opening_is_sent_as_a_reply_too() -> None:
    lines = [",".join(HEADER), "7,1,2022-01-02T00:00:00Z,b,assignee,false,false"]
    created, reply = events(lines)
    assert isinstance(created, TicketCreated)
    assert isinstance(reply, ReplyAdded)
    assert (created.data.created_by, reply.data.author, created.time) == ("agent", "agent", reply.time)
    assert (created.sequence or "") < (reply.sequence or "")


@pytest.mark.parametrize("lines", [[], ["a,b"], [",".join(HEADER), "1,2,3"]])
def test_another_file_is_refused(lines: list[str]) -> None:
    with pytest.raises(NotHelpdeskError):
        list(events(lines))


AUTO = "499eca"
"""Key of the auto-responder's pseudonym."""


@cache
def folded(*, count_bots: bool, named: bool = False) -> fold.FoldResult:
    config = CoreConfig(
        rollup_windows_ms=(DAY_MS, ONE_WINDOW_MS),
        horizons_ms={DAY_MS: -1, ONE_WINDOW_MS: -1},
        bot_authors={"helpdesk": frozenset((bytes.fromhex(AUTO),))} if named else {},
    )
    events_ = [(TOPIC_OF[type(event)], event) for event in read(count_bots=count_bots)]
    return oracle(config, log(events_, timestamp_ms=NOW_MS), now_ms=NOW_MS)


def test_the_auto_responder_is_named_when_it_is_counted_as_an_agent_with_the_figure_without_it() -> None:
    [found] = folded(count_bots=True).windows.authors.suspects_of_all()
    assert (found.tenant, found.author) == ("helpdesk", AUTO)
    assert (found.replies.n, found.replies.of, found.replies.within_a_minute) == (357, 360, 357)
    assert found.mean_seconds == pytest.approx(6_375 / 360)
    assert found.n_without == 354
    assert found.mean_seconds_without == pytest.approx(16_561_515 / 354)


def test_it_is_named_at_any_time_of_the_replay_once_there_are_twenty_tickets() -> None:
    """By the rows of the days so far, as a worker would have them."""
    rows = folded(count_bots=True).windows.rows
    starts = sorted(parse_key(key).start for key in rows if key[:1] == AUTHORS_KIND)
    for start in starts[20:]:
        names = [one.author for one in suspects_of(rows, "tenant=helpdesk", (start + 1440) * MINUTE_MS)]
        assert names == [AUTO]


@cache
def settling_most(*, count_bots: bool, share: float) -> fold.FoldResult:
    """The same desk if the auto-responder settled all but a share of its tickets: on the others nobody else says anything."""
    config = CoreConfig(rollup_windows_ms=(DAY_MS,), horizons_ms={DAY_MS: -1})
    kept: list[TicketCreated | ReplyAdded] = []
    places: dict[str | None, int] = {}
    people = {
        event.id
        for event in read(count_bots=False)
        if isinstance(event, ReplyAdded) and event.data.author == "agent"
    }
    for event in read(count_bots=count_bots):
        place = places.setdefault(event.data.ticket_id, len(places))
        if event.id not in people or int(place * share) != int((place + 1) * share):
            kept.append(event)
    events_ = [(TOPIC_OF[type(event)], event) for event in kept]
    return oracle(config, log(events_, timestamp_ms=NOW_MS), now_ms=NOW_MS)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.5])
def test_it_is_named_too_if_people_carried_on_with_few_of_its_tickets_or_none(share: float) -> None:
    [found] = settling_most(count_bots=True, share=share).windows.authors.suspects_of_all()
    assert found.author == AUTO
    assert found.replies.n >= 354
    assert found.replies.taken_over == pytest.approx(share * found.replies.n, rel=0.1)
    assert settling_most(count_bots=False, share=share).windows.authors.suspects_of_all() == ()


def test_nobody_is_named_when_it_is_known_as_a_bot() -> None:
    for result in (folded(count_bots=False), folded(count_bots=True, named=True)):
        rows = result.windows.rows
        assert result.windows.authors.suspects_of_all() == result.windows.snapshot.suspects == ()
        for start in {parse_key(key).start for key in rows if key[:1] == AUTHORS_KIND}:
            assert suspects_of(rows, "tenant=helpdesk", (start + 1440) * MINUTE_MS) == ()


def test_named_in_the_settings_it_is_as_if_the_adapter_had_said_so() -> None:
    """Every rollup of every metric, segment and window."""
    assert folded(count_bots=True, named=True).rollups == folded(count_bots=False).rollups


@pytest.mark.parametrize("metric", ["first_reply_time", "reply_time"])
def test_a_figure_without_it_is_that_of_people(metric: str) -> None:
    shard = TicketsShard(CoreConfig(source_partitions=1), 0, selected(CoreConfig()))
    shard.ready()
    events_ = [(TOPIC_OF[type(event)], event) for event in read(count_bots=True)]
    records = log(events_, timestamp_ms=NOW_MS)
    for topic in sorted({record.topic for record in records}):
        batch = [record for record in records if record.topic == topic]
        shard.apply(topic, batch, len(batch), NOW_MS)
    shard.flush(NOW_MS)
    [figure] = figures_without(
        CoreConfig(source_partitions=1),
        BY_NAME[metric],
        [shard.rows],
        "tenant=helpdesk",
        start_ms=0,
        end_ms=NOW_MS,
        tenant="helpdesk",
        author=bytes.fromhex(AUTO),
    )
    known = figures(count_bots=False)[metric]
    assert (figure.n, figure.parts, figure.quantiles) == (known["n"], known["parts"], known["quantiles"])
