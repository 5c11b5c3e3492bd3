"""First replies by tenant, day and author: exact, bounded, the same after every restart, gone when nothing can be corrected."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.author_days import DAY, AuthorDay, AuthorDays, decode_day, encode_day, judge, suspects_of
from stream.core.bot_rule import MIN_DAYS, MIN_TOTAL
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.fact import author_key
from stream.core.first_replies import OTHER, SUM_MS, TAKEN_OVER, WHAT_BITS
from stream.core.snapshot import Suspect
from stream.core.tally import DamagedRowError
from tests.support.histories import START_MS, make
from tests.support.log import log
from tests.support.pipeline import Pipeline

ACME = "tenant=acme"
LOG_MS = START_MS + 40 * DAY_MS
HORIZONS = {MINUTE_MS: HOUR_MS, HOUR_MS: 10 * DAY_MS, DAY_MS: 10 * DAY_MS}
CONFIG = CoreConfig(
    clock="event", source_partitions=2, delta_partitions=2, horizons_ms=HORIZONS, groupings=(("team",),)
)
AUTO = author_key("auto").hex()


def told(
    number: int, *, day: int = 0, delay_s: float = 10, author: str = "auto"
) -> list[tuple[str, ev.Event]]:
    """A ticket whose first reply is the author's, and whose second one is a person's."""
    name, start_ms = f"t-{day}-{number}", START_MS + day * DAY_MS + number * 1000
    replies = ((delay_s, author), (3_600 + number, f"person-{number % 3}"))
    return [
        ("tickets", make(ev.TicketCreated, start_ms, ticket_id=name, channel="email", team="billing")),
        *(
            (
                "replies",
                make(
                    ev.ReplyAdded,
                    start_ms + int(delay * 1000),
                    ticket_id=name,
                    reply_id=f"r-{by}",
                    author="agent",
                    author_id=by,
                    public=True,
                ),
            )
            for delay, by in replies
        ),
    ]


def run(pipeline: Pipeline, *events: tuple[str, ev.Event]) -> None:
    offsets = [dict(shard.positions) for shard in pipeline.tickets]
    records = log(events, partitions=2, timestamp_ms=LOG_MS)
    pipeline.feed(
        [one._replace(offset=one.offset + offsets[one.partition].get(one.topic, 0)) for one in records]
    )
    pipeline.commit_tickets()
    pipeline.commit_windows()


def suspects(pipeline: Pipeline) -> tuple[Suspect, ...]:
    return tuple(one for shard in pipeline.windows for one in shard.snapshot.suspects)


def test_an_auto_responder_is_named_with_the_figure_without_it_and_after_a_restart() -> None:
    pipeline = Pipeline(CONFIG)
    for number in range(19):
        run(pipeline, *told(number))
    assert suspects(pipeline) == ()
    run(pipeline, *told(19), *told(20, author="ann", delay_s=400))
    [found] = suspects(pipeline)
    assert (found.tenant, found.author) == ("acme", AUTO)
    assert (found.replies.n, found.replies.of, found.replies.taken_over) == (20, 21, 20)
    assert found.mean_seconds == pytest.approx((20 * 10 + 400) / 21)
    assert found.n_without == 21
    assert found.mean_seconds_without == pytest.approx((sum(3_600 + n for n in range(20)) + 400) / 21)
    assert found.since_ms <= START_MS < found.until_ms
    pipeline.restart()
    for shard in pipeline.windows:
        shard.tick(LOG_MS, {})
    assert suspects(pipeline) == (found,)
    rows = {key: row for changelog in pipeline.changelogs[2:] for key, row in changelog.items()}
    assert suspects_of(rows, ACME, found.until_ms) == (found,)
    assert suspects_of(rows, ACME, found.since_ms) == ()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_correction_takes_back_what_was_said(restarted: bool) -> None:
    pipeline = Pipeline(CONFIG)
    run(pipeline, *(event for number in range(20) for event in told(number)))
    assert suspects(pipeline)
    if restarted:
        pipeline.restart()
    deleted = make(ev.TicketDeleted, START_MS + HOUR_MS * 3, ticket_id="t-0-3", reason="spam")
    run(pipeline, ("tickets", deleted))
    assert suspects(pipeline) == ()
    restored = make(ev.TicketRestored, START_MS + HOUR_MS * 4, ticket_id="t-0-3")
    run(pipeline, ("tickets", restored))
    assert [one.replies.n for one in suspects(pipeline)] == [20]


def test_named_in_the_settings_nobody_is_suspected_any_more() -> None:
    pipeline = Pipeline(CONFIG)
    run(pipeline, *(event for number in range(20) for event in told(number)))
    assert suspects(pipeline)
    named = {"acme": frozenset((author_key("auto"),))}
    pipeline.change(msgspec.structs.replace(CONFIG, generation=2, bot_authors=named))
    assert suspects(pipeline) == (), "what is half built is not shown"
    pipeline.build()
    assert suspects(pipeline) == ()
    pipeline.change(msgspec.structs.replace(CONFIG, generation=3))
    pipeline.build()
    assert [one.replies.n for one in suspects(pipeline)] == [20]


@pytest.mark.parametrize("metric", ["reply_time", "first_reply_within", "first_contact_resolution", "live"])
def test_whatever_rests_on_replies_is_watched_over(metric: str) -> None:
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, metrics=("csat", metric)))
    run(pipeline, *(event for number in range(20) for event in told(number)))
    assert [one.replies.n for one in suspects(pipeline)] == [20]


def test_where_nothing_rests_on_replies_nobody_is_watched() -> None:
    pipeline = Pipeline(msgspec.structs.replace(CONFIG, metrics=("csat", "reopened")))
    run(pipeline, *(event for number in range(20) for event in told(number)))
    assert suspects(pipeline) == ()
    assert not any(key[:1] == b"f" for changelog in pipeline.changelogs for key in changelog)


def test_days_end_with_the_longest_horizon() -> None:
    pipeline = Pipeline(CONFIG)
    run(pipeline, *(event for number in range(20) for event in told(number)))
    for later in (10, 11):
        assert suspects(pipeline)
        # All four topics' partitions move on: the watermark is the least of them.
        run(
            pipeline,
            *(
                event
                for number in range(40)
                for event in told(number, day=later, author="ann", delay_s=9_999)
            ),
        )
        run(
            pipeline,
            *(
                (
                    topic,
                    make(
                        ev.SurveyExpired,
                        START_MS + later * DAY_MS + HOUR_MS,
                        survey_id="s",
                        ticket_id=f"x{n}",
                    ),
                )
                for n in range(20)
                for topic in ("surveys",)
            ),
        )
    run(
        pipeline,
        *(
            (topic, make(ev.SurveyExpired, START_MS + 13 * DAY_MS, survey_id="s", ticket_id=f"x{n}"))
            for n in range(20)
            for topic in ("surveys",)
        ),
        *(event for number in range(40) for event in told(number, day=13, author="ann", delay_s=9_999)),
    )
    run(pipeline)
    starts = {
        int.from_bytes(key[5:9]) * MINUTE_MS
        for changelog in pipeline.changelogs
        for key in changelog
        if key[:1] == b"f"
    }
    assert min(starts) > START_MS
    assert suspects(pipeline) == ()


_slots = st.tuples(st.integers(0, 4), st.sampled_from([0, 7, SUM_MS, TAKEN_OVER])).map(
    lambda one: one[0] << WHAT_BITS | one[1]
)


@given(st.lists(st.tuples(_slots, st.integers(1, 9)), max_size=30), st.integers(1, 5), st.data())
def test_whoever_has_an_entry_has_all_that_is_theirs_and_all_of_it_can_be_taken_out(
    added: list[tuple[int, int]], most: int, data: st.DataObject
) -> None:
    day = AuthorDay()
    right: Counter[int] = Counter()
    for slot, amount in added:
        day.add(slot, amount, most)
        right[slot] += amount
        if data.draw(st.booleans()):
            day.tidy()
            day = decode_day(encode_day(day))
    assert len(day.counts.keys() - {OTHER}) <= most
    assert day.full == (len({slot >> WHAT_BITS for slot, _ in added}) > most)
    outside: Counter[int] = Counter()
    for slot, amount in right.items():
        if slot >> WHAT_BITS in day.counts:
            assert day.sums[slot] == amount
        else:
            outside[OTHER << WHAT_BITS | slot & (1 << WHAT_BITS) - 1] += amount
    assert {slot: amount for slot, amount in day.sums.items() if slot >> WHAT_BITS == OTHER} == outside
    for slot, amount in data.draw(st.permutations(added)):
        day.add(slot, -amount, most)
    assert set(day.sums.values()) <= {0}
    day.tidy()
    assert day.full or not day.sums


def test_more_authors_than_are_kept_hide_nobody_who_answers_much() -> None:
    config = msgspec.structs.replace(CONFIG, max_label_values=5)
    pipeline = Pipeline(config)
    run(
        pipeline,
        *(
            event
            for number in range(60)
            for event in told(number, author="auto" if number % 2 else f"p{number}")
        ),
    )
    [found] = suspects(pipeline)
    assert (found.author, found.replies.n, found.replies.of) == (AUTO, 30, 60)
    assert sum(shard.snapshot.unwatched for shard in pipeline.windows) == 30 - 4


def test_a_week_is_looked_at_and_older_days_only_where_there_is_little() -> None:
    """A bot of long ago is forgotten once there is enough to judge by, and a new one is found within the week."""

    def day(author: int, n: int) -> AuthorDay:
        found = AuthorDay()
        found.add(author << WHAT_BITS | 10, n, 100)
        found.add(author << WHAT_BITS | SUM_MS, n * 10_000, 100)
        found.add(author << WHAT_BITS | TAKEN_OVER, n, 100)
        return found

    def person(n: int) -> AuthorDay:
        found = AuthorDay()
        found.add(2 << WHAT_BITS | 60, n, 100)
        return found

    old = {0: day(1, MIN_TOTAL)}
    for newer, named in ((MIN_TOTAL - 1, True), (MIN_TOTAL, False)):
        assert bool(judge(ACME.encode(), {**old, MIN_DAYS * DAY: person(newer)})) == named
    assert judge(ACME.encode(), {**old, (MIN_DAYS - 1) * DAY: person(MIN_TOTAL)}), (
        "within a week all days count"
    )
    busy = {number * DAY: day(1, 100 * number) for number in range(2, 7)}
    assert [one.replies.busiest_day for one in judge(ACME.encode(), busy)] == [600]
    recent = {number * DAY: person(1_000) for number in range(30)}
    recent[29 * DAY] = day(1, 2_000)
    assert [one.replies[:2] for one in judge(ACME.encode(), recent)] == [(2_000, 8_000)]


@pytest.mark.parametrize(
    "raw", [b"", b"\x90", b"\xc0", b"\x92\x00\x01", b"\x93\x02\x01\x01", b"\x93\x00\xff\x01"]
)
def test_a_damaged_row_is_told(raw: bytes) -> None:
    with pytest.raises(DamagedRowError):
        decode_day(raw)
    with pytest.raises(DamagedRowError):
        AuthorDays(CONFIG, {}).load(0, b"tenant=acme", raw)
