"""The simulated tenant: the same every time, dense enough, and bad when it should be."""

import hashlib
from bisect import bisect_left

import pytest

from schemas.events import SurveyAnswered, encode_event
from stream.core.config import CoreConfig
from stream.core.decode import Accepted, Decoder
from stream.core.loops import murmur2
from stream.core.record import SourceRecord
from stream.demo.feed import Feed, both, helpdesk
from stream.demo.simulation import DAY_MS, DAYS, SPELL_DAYS, START_MS, TENANT, TimedEvent, simulate

QUARTER_MS = 15 * 60_000


@pytest.fixture(scope="module")
def simulated() -> list[TimedEvent]:
    return list(simulate())


def digest(events: list[TimedEvent]) -> str:
    found = hashlib.sha256()
    for timed in events:
        found.update(encode_event(timed.event))
    return found.hexdigest()


def test_a_seed_gives_the_same_stream_and_another_seed_another(simulated: list[TimedEvent]) -> None:
    assert digest(list(simulate())) == digest(simulated)
    assert digest(list(simulate(days=20))) != digest(list(simulate(seed=1, days=20)))


def test_it_is_in_order_small_enough_and_has_no_id_twice(simulated: list[TimedEvent]) -> None:
    times = [timed.time_ms for timed in simulated]
    assert times == sorted(times)
    assert len(simulated) < 200_000
    assert len({timed.event.id for timed in simulated}) == len(simulated)
    assert times[0] >= START_MS
    assert all(timed.event.data.tenant == TENANT for timed in simulated)  # type: ignore[attr-defined]  # every event has data


def test_every_event_is_accepted_by_the_decoder() -> None:
    config = CoreConfig(source_partitions=4)
    decoder = Decoder(config)
    events = [*simulate(days=10), *helpdesk()]
    for offset, timed in enumerate(events):
        key = timed.key.encode()
        record = SourceRecord(
            f"{config.topics.prefix}{timed.topic}",
            (murmur2(key) & 0x7FFFFFFF) % 4,
            offset,
            START_MS + 1000 * DAY_MS,
            key,
            encode_event(timed.event),
        )
        decoded = decoder.decode(record)
        assert isinstance(decoded, Accepted)
        assert decoded.time_ms == timed.time_ms


def answers(simulated: list[TimedEvent]) -> tuple[list[int], list[int]]:
    """Times of the satisfaction answers, and how many were satisfied before each."""
    times: list[int] = []
    satisfied = [0]
    for timed in simulated:
        event = timed.event
        if isinstance(event, SurveyAnswered) and event.data.kind == "csat":
            times.append(timed.time_ms)
            satisfied.append(satisfied[-1] + ((event.data.score or 0) >= 4))
    return times, satisfied


def test_every_24_hours_hold_100_answers_and_only_the_bad_spell_is_bad(simulated: list[TimedEvent]) -> None:
    times, satisfied = answers(simulated)
    low: list[int] = []
    for end in range(START_MS + DAY_MS, START_MS + DAYS * DAY_MS, QUARTER_MS):
        first, last = bisect_left(times, end - DAY_MS), bisect_left(times, end)
        assert last - first >= 100
        if (satisfied[last] - satisfied[first]) / (last - first) < 0.80:
            low.append(end)
    spell_start = START_MS + SPELL_DAYS.start * DAY_MS
    spell_end = START_MS + SPELL_DAYS.stop * DAY_MS
    assert spell_start < low[0] < spell_start + DAY_MS
    assert spell_end < low[-1] < spell_end + DAY_MS
    assert low == list(range(low[0], low[-1] + 1, QUARTER_MS)), "the alert would flap"


def test_both_streams_are_merged_in_the_order_of_event_time() -> None:
    merged = list(both())
    times = [timed.time_ms for timed in merged]
    assert times == sorted(times)
    real = [timed for timed in merged if timed.event.source != "/simulation"]
    assert len(real) == 7286 + 4  # the four tickets that an agent opened have an opening reply as well


def test_a_feed_hands_everything_out_once_and_in_pieces() -> None:
    feed = Feed()
    whole = list(both())
    assert feed.start_ms == whole[0].time_ms
    got: list[TimedEvent] = []
    until = feed.start_ms
    while not feed.exhausted:
        until += 3 * DAY_MS
        while piece := feed.until(until, limit=300):
            assert len(piece) <= 300
            assert piece[-1].time_ms <= until
            got += piece
    assert got == whole
    assert feed.handed_out == len(whole)
    assert feed.until(until + DAY_MS) == []
