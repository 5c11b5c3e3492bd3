"""Other settings in the middle of the stream: what is published ends as if the new settings had always been there."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core import leftovers, tickets_shard
from stream.core.calendar import Calendars
from stream.core.config import DAY_MS, HOUR_MS, MINUTE_MS, AlertRule, CoreConfig
from stream.core.delta import decode_delta
from stream.core.record import SourceRecord
from stream.core.state_shape import GenerationError, ShapeChangedError
from stream.core.tally import REVISIONS_PER_GENERATION
from stream.metrics import profiles as profile_registry
from stream.metrics import selected
from tests.support.calendars import ALWAYS, made
from tests.support.core import new_tickets, new_windows, oracle
from tests.support.histories import START_MS, History, arrivals, histories, make
from tests.support.log import log
from tests.support.pipeline import NOW_MS, Pipeline, stable

FOREVER = {MINUTE_MS: -1, HOUR_MS: -1, DAY_MS: -1}
CONFIG = CoreConfig(clock="event", groupings=((), ("team",)), horizons_ms=FOREVER)
LOG_MS = START_MS + 40 * DAY_MS


@pytest.fixture(autouse=True, scope="module")
def small_steps() -> Iterator[None]:
    """Scans and deletions in steps so small that a few tickets need many."""
    before = tickets_shard.SCAN_ROWS, leftovers.AT_MOST
    tickets_shard.SCAN_ROWS, leftovers.AT_MOST = 1, 3
    yield
    tickets_shard.SCAN_ROWS, leftovers.AT_MOST = before


groupings = st.lists(
    st.sampled_from([(), ("team",), ("channel",), ("team", "channel"), ("queue",), ("agent",)]),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)
NAMES = (
    *CoreConfig().metrics,
    *("ces", "first_reply_within", "service_level", "abandon_rate", "reply_time_business"),
)
metric_names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True).map(tuple)
profiles = st.lists(st.sampled_from(profile_registry.NAMES), min_size=1, max_size=3, unique=True).map(tuple)
thresholds = st.lists(st.sampled_from([1, 30, 60, 120]), min_size=1, max_size=2, unique=True).map(tuple)
calendars = st.sampled_from(
    [
        Calendars(),
        Calendars({"office": made()}, default="office"),
        Calendars({"office": made(week=ALWAYS)}, teams={(None, "billing"): "office"}),
    ]
)
rollup_windows = st.sets(st.sampled_from([MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, DAY_MS]), min_size=1).map(
    lambda found: tuple(sorted(found))
)
gauge_windows = st.sets(st.sampled_from([5 * MINUTE_MS, HOUR_MS, DAY_MS]), min_size=1).map(
    lambda found: tuple(sorted(found))
)


@st.composite
def shapes(draw: st.DrawFn, config: CoreConfig) -> CoreConfig:
    """Some of the settings that shape the windows, changed."""
    drawn = {
        "groupings": draw(groupings),
        "metrics": draw(metric_names),
        "profiles": draw(profiles),
        "rollup_windows_ms": draw(rollup_windows),
        "gauge_windows_ms": draw(gauge_windows),
        "service_level_seconds": {"*": draw(thresholds), "voice": draw(thresholds)},
        "first_reply_within_ms": tuple(60_000 * minutes for minutes in draw(thresholds)),
        "ces_direction": draw(st.sampled_from(["low_is_good", "high_is_good"])),
        "short_abandon_ms": draw(st.sampled_from([0, 5_000, 90_000])),
        "calendars": draw(calendars),
    }
    kept = draw(st.sets(st.sampled_from(sorted(drawn)), max_size=7))
    changes = {name: value for name, value in drawn.items() if name not in kept}
    return msgspec.structs.replace(config, alerts=(), horizons_ms={DAY_MS: -1}, **changes)


def _tickets(data: st.DataObject, most: int) -> History:
    arrived: History = []
    for number in range(data.draw(st.integers(1, most))):
        history = [(topic, _of_ticket(event, f"t-{number}")) for topic, event in data.draw(histories())]
        arrived += data.draw(arrivals(history))
    return data.draw(st.permutations(arrived))


def _of_ticket(event: ev.Event, ticket_id: str) -> ev.Event:
    data = msgspec.structs.replace(event.data, ticket_id=ticket_id)  # type: ignore[attr-defined]  # all have data
    return msgspec.structs.replace(event, data=data)


@cache
def _computed(metrics: tuple[str, ...], profiles: tuple[str, ...]) -> set[tuple[str, str]]:
    """(profile, metric) of all that are computed under these settings."""
    return {(one.profile, one.name) for one in selected(CoreConfig(metrics=metrics, profiles=profiles))}


def _has(config: CoreConfig, figure: dict[str, Any]) -> bool:
    """Whether a figure is one of these settings'."""
    name = max((one for one in NAMES if f"{figure['metric']}_".startswith(f"{one}_")), key=len)
    return (
        figure["window_seconds"] * 1000 in config.rollup_windows_ms
        and frozenset(figure["segment"])
        in {frozenset(("tenant", *grouping)) for grouping in config.groupings}
        and (figure["profile"], name) in _computed(config.metrics, config.profiles)
    )


def _check(pipeline: Pipeline, configs: Sequence[CoreConfig], records: Sequence[SourceRecord]) -> None:
    """Of the present shape, the last of ``configs``: what stands is the fold's. Each revision is written once, and they grow.

    What was published, corrected away while no setting asked for it, and asked for again later stays as it was.
    """
    config = configs[-1]
    whole = oracle(msgspec.structs.replace(config, generation=1), records, now_ms=NOW_MS)
    expected = stable(whole.rollups)
    revisions: dict[bytes | None, int] = {}
    for rollup in pipeline.rollups:
        revision = orjson.loads(rollup.value or b"")["data"]["revision"]
        assert revision > revisions.get(rollup.key, 0)
        revisions[rollup.key] = revision
    ours = {key: figure for key, figure in stable(pipeline.rollups).items() if _has(config, figure)}
    left = set()
    for key in ours.keys() - expected.keys():
        since = (revisions[key] - 1) // REVISIONS_PER_GENERATION
        if ours[key]["n"] == 0 or not all(_has(one, ours[key]) for one in configs[since:]):
            left.add(key)
    assert {key: figure for key, figure in ours.items() if key not in left} == {
        key: figure for key, figure in expected.items() if key in ours or figure["n"] != 0
    }
    live = {
        name: dict(segment.live)
        for shard in pipeline.windows
        for name, segment in shard.snapshot.segments.items()
        if any(count for count, _ in segment.live.values())
    }
    assert live == {
        name: dict(segment.live)
        for name, segment in whole.windows.snapshot.segments.items()
        if any(count for count, _ in segment.live.values())
    }


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_other_settings_in_the_middle_give_the_fold_under_them(data: st.DataObject) -> None:
    config = msgspec.structs.replace(
        CONFIG,
        source_partitions=data.draw(st.integers(1, 3)),
        delta_partitions=data.draw(st.integers(1, 3)),
        alerts=(),
    )
    configs = [config]
    records = log(_tickets(data, 5), partitions=config.source_partitions, timestamp_ms=LOG_MS)
    pipeline = Pipeline(config)
    start = 0
    while start < len(records):
        end = start + data.draw(st.integers(1, 12))
        pipeline.feed(records[start:end])
        start = end
        for step in data.draw(
            st.lists(st.sampled_from(("tickets", "windows", "restart", "change", "back")), max_size=4)
        ):
            if step in ("restart", "change", "back"):
                pipeline.commit_tickets()  # a fetch that was not committed would come again
            if step == "tickets":
                pipeline.commit_tickets()
            elif step == "windows":
                pipeline.commit_windows()
            elif step == "restart":
                pipeline.restart()
            else:
                changed = data.draw(shapes(config)) if step == "change" else configs[0]
                config = msgspec.structs.replace(changed, generation=config.generation + 1)
                configs.append(config)
                pipeline.change(config)
    pipeline.close()
    pipeline.build()
    pipeline.commit_windows()
    _check(pipeline, configs, records)


CREATED: History = [
    ("tickets", make(ev.TicketCreated, START_MS, ticket_id=f"t-{n}", channel="email", team="billing"))
    for n in range(9)
]
CREATED.append(
    ("tickets", make(ev.TicketStatusChanged, START_MS + HOUR_MS, ticket_id="t-0", status="pending"))
)
CREATED.append(
    (
        "replies",
        make(ev.ReplyAdded, START_MS + HOUR_MS, ticket_id="t-0", reply_id="r", author="system", public=False),
    )
)
SCORES: History = [
    (
        "surveys",
        make(
            ev.SurveyAnswered,
            START_MS + n * MINUTE_MS,
            ticket_id=f"t-{n}",
            survey_id=f"s-{n}",
            kind="csat",
            revision=0,
            scale=ev.Scale(min=1, max=5),
            score=1,
        ),
    )
    for n in range(9)
]


def _one(config: CoreConfig) -> Pipeline:
    pipeline = Pipeline(msgspec.structs.replace(config, source_partitions=1, delta_partitions=1))
    pipeline.feed(log([*CREATED, *SCORES], timestamp_ms=LOG_MS))
    pipeline.close()
    return pipeline


def _csat(pipeline: Pipeline) -> dict[str, tuple[int, float | None]]:
    """Profile -> (n, value) of the tenant's day, as it stands."""
    return {
        one["profile"]: (one["n"], one["value"])
        for one in stable(pipeline.rollups).values()
        if (one["metric"], one["window_seconds"], list(one["segment"])) == ("csat", 86_400, ["tenant"])
    }


def _satisfied(number: int, minute: int) -> tuple[str, ev.Event]:
    """Another survey of a ticket, answered well."""
    return (
        "surveys",
        make(
            ev.SurveyAnswered,
            START_MS + minute * MINUTE_MS,
            ticket_id=f"t-{number}",
            survey_id=f"again-{number}",
            kind="csat",
            revision=0,
            scale=ev.Scale(min=1, max=5),
            score=5,
        ),
    )


def test_a_profile_that_comes_and_goes_is_a_generation_and_leaves_the_others_alone() -> None:
    """Nine tickets are rated badly, then well in another survey: 9 of 18 here, 9 of 9 tickets by Zendesk's rules."""
    config = msgspec.structs.replace(CONFIG, source_partitions=1, delta_partitions=1, alerts=())
    history = [*CREATED, *SCORES, *(_satisfied(number, 30) for number in range(9))]
    more = [_satisfied(number, 40) for number in range(10, 12)]
    records = log([*history, *more], timestamp_ms=LOG_MS)
    pipeline = Pipeline(config)
    pipeline.feed(records[: len(history)])
    pipeline.close()
    assert _csat(pipeline) == {"default": (18, 0.5)}

    def change(generation: int, *profiles: str) -> list[dict[str, Any]]:
        """What is published anew."""
        before = len(pipeline.rollups)
        pipeline.change(msgspec.structs.replace(config, profiles=profiles, generation=generation))
        assert pipeline.building()
        pipeline.build()
        pipeline.commit_windows()
        return [orjson.loads(one.value or b"")["data"] for one in pipeline.rollups[before:]]

    change(2, "default", "zendesk")
    assert _csat(pipeline) == {"default": (18, 0.5), "zendesk": (9, 1.0)}
    assert "default" not in {one["profile"] for one in change(3, "zendesk") if one["metric"] == "csat"}
    pipeline.feed(records[len(history) :])
    pipeline.close()
    assert _csat(pipeline) == {"default": (18, 0.5), "zendesk": (11, 1.0)}, (
        "what is not asked for stays as it was"
    )
    change(4, "default", "zendesk", "chatwoot")
    assert _csat(pipeline) == {"default": (20, 11 / 20), "zendesk": (11, 1.0), "chatwoot": (20, 11 / 20)}
    with pytest.raises(ShapeChangedError, match="STREAM_METRICS"):
        pipeline.change(msgspec.structs.replace(config, profiles=("default",), generation=4))


def test_nothing_is_shown_or_published_while_a_generation_is_built_and_it_says_how_far_it_is() -> None:
    pipeline = _one(CONFIG)
    before = len(pipeline.rollups)
    pipeline.change(msgspec.structs.replace(pipeline.config, groupings=((), ("channel",)), generation=2))
    assert pipeline.tickets[0].building == "generation 2: 0 % of 9 rows"
    for _ in range(8):
        pipeline.commit_tickets()
        pipeline.commit_windows()
        assert pipeline.windows[0].building == "generation 2: 0 of 1 source partitions"
        assert not pipeline.windows[0].snapshot.segments
        assert len(pipeline.rollups) == before
    assert pipeline.tickets[0].building == "generation 2: 88 % of 9 rows"
    pipeline.commit_tickets()
    pipeline.commit_windows()
    assert not pipeline.building()
    assert "channel=email&tenant=acme" in pipeline.windows[0].snapshot.segments
    assert "team=billing&tenant=acme" not in pipeline.windows[0].snapshot.segments
    assert len(pipeline.rollups) > before


def test_rows_without_a_use_are_deleted_in_the_end() -> None:
    pipeline = _one(CONFIG)
    pipeline.change(
        msgspec.structs.replace(
            pipeline.config, groupings=(("channel",),), rollup_windows_ms=(HOUR_MS,), generation=2
        )
    )
    pipeline.build()
    while pipeline.windows[0].changed():
        pipeline.commit_windows()
    assert pipeline.changelogs[1] == pipeline.windows[0].rows
    names = b"\n".join(pipeline.changelogs[1])
    assert b"team=billing" not in names
    assert b"channel=email" in names


def test_an_alert_that_fires_goes_on_firing_through_a_new_generation() -> None:
    rule = AlertRule(name="low", metric="csat", threshold=0.8, min_n=5)
    pipeline = _one(msgspec.structs.replace(CONFIG, alerts=(rule,)))
    assert len(pipeline.alerts) == 1
    pipeline.change(msgspec.structs.replace(pipeline.config, groupings=((), ("channel",)), generation=2))
    pipeline.build()
    assert len(pipeline.alerts) == 1
    assert [alert.firing for alert in pipeline.windows[0].snapshot.alerts] == [True]


def test_a_correction_while_it_is_built_empties_a_figure_that_the_generation_before_had_published() -> None:
    pipeline = _one(CONFIG)
    pipeline.change(msgspec.structs.replace(pipeline.config, groupings=((), ("channel",)), generation=2))
    pipeline.commit_tickets()
    gone = [("tickets", make(ev.TicketDeleted, START_MS + 2 * HOUR_MS, ticket_id=f"t-{n}")) for n in range(9)]
    records = log([*CREATED, *SCORES, *gone], timestamp_ms=LOG_MS)
    pipeline.feed(records[-9:])
    pipeline.build()
    pipeline.close()
    everywhere = [
        figure for figure in stable(pipeline.rollups).values() if list(figure["segment"]) == ["tenant"]
    ]
    assert len(everywhere) > 9
    assert not [figure for figure in everywhere if figure["n"]]


def test_figures_of_thresholds_that_are_no_longer_asked_for_are_published_as_empty() -> None:
    visit = {"ticket_id": "t-0", "queue": "voice", "visit_id": "v"}
    events: History = [
        ("tickets", make(ev.TicketQueueEntered, START_MS, **visit)),
        ("tickets", make(ev.TicketQueueLeft, START_MS + 25_000, outcome="answered", **visit)),
        (
            "replies",
            make(ev.ReplyAdded, START_MS, ticket_id="t-0", reply_id="r", author="agent", public=True),
        ),
    ]
    pipeline = Pipeline(
        msgspec.structs.replace(
            CONFIG,
            metrics=("service_level", "first_reply_within"),
            source_partitions=1,
            delta_partitions=1,
            groupings=((),),
            alerts=(),
        )
    )
    pipeline.feed(log([*CREATED[:1], *events], partitions=1, timestamp_ms=LOG_MS))
    pipeline.commit_tickets()
    pipeline.commit_windows()
    pipeline.change(
        msgspec.structs.replace(
            pipeline.config,
            service_level_seconds={"*": (30,)},
            first_reply_within_ms=(2 * MINUTE_MS,),
            generation=2,
        )
    )
    pipeline.build()
    pipeline.close()
    day = [one for one in stable(pipeline.rollups).values() if one["window_seconds"] == 86_400]
    assert {figure["metric"]: (figure["n"], figure["value"]) for figure in day} == {
        "service_level": (1, 1.0),
        "service_level_20s": (0, None),
        "service_level_30s": (1, 1.0),
        "first_reply_within_2m": (1, 1.0),
        "first_reply_within_10m": (0, None),
        "first_reply_within_1h": (0, None),
    }


def test_windows_whose_facts_were_forgotten_keep_their_last_figures() -> None:
    """One partition is a long way ahead and has forgotten tickets of windows that the other still holds open."""
    horizons = {MINUTE_MS: HOUR_MS, HOUR_MS: 2 * DAY_MS, DAY_MS: 2 * DAY_MS}
    config = msgspec.structs.replace(CONFIG, horizons_ms=horizons, source_partitions=2, delta_partitions=1)
    pipeline = Pipeline(config)
    events: History = [*CREATED, *SCORES]
    events += [
        ("tickets", make(ev.TicketStatusChanged, START_MS + HOUR_MS, ticket_id=f"t-{n}", status="solved"))
        for n in range(9)
    ]
    late = START_MS + 20 * DAY_MS
    events += [
        (topic, make(kind, late, ticket_id=f"t-{n}", **more))
        for n in range(20, 40)
        for topic, kind, more in (
            ("tickets", ev.TicketCreated, {"channel": "email"}),
            ("replies", ev.ReplyAdded, {"reply_id": "r", "author": "system", "public": False}),
            ("surveys", ev.SurveyExpired, {"survey_id": "s"}),
        )
    ]
    records = log(events, partitions=2, timestamp_ms=LOG_MS)
    early = [record for record in records if record.partition == 0 or (record.key or b"") < b"t-2"]
    pipeline.feed(
        [record for record in early if not (record.partition == 1 and (record.key or b"") >= b"t-20")]
    )
    for _ in range(3):
        pipeline.commit_tickets()
        pipeline.commit_windows()
    ahead = pipeline.tickets[0]
    assert ahead.forgotten > 0
    assert pipeline.windows[0].watermark_ms < START_MS + DAY_MS
    before = stable(pipeline.rollups)
    pipeline.change(msgspec.structs.replace(config, gauge_windows_ms=(HOUR_MS,), generation=2))
    pipeline.build()
    assert {
        key: pipeline_figure for key, pipeline_figure in stable(pipeline.rollups).items() if key in before
    } == before


def test_a_newer_generation_is_refused_by_both_stages() -> None:
    pipeline = _one(CONFIG)
    old = pipeline.config
    pipeline.change(msgspec.structs.replace(old, generation=2))
    pipeline.build()
    with pytest.raises(
        GenerationError, match=r"tickets partition 0 holds generation 2, this worker has 1: .*upgrade"
    ):
        pipeline.change(old)
    windows = new_windows(old, 0)
    windows.rows.update(pipeline.changelogs[1])
    with pytest.raises(GenerationError, match=r"windows partition 0 .*holds generation 2"):
        windows.ready()


def test_another_number_of_partitions_is_refused_whatever_the_generation() -> None:
    pipeline = _one(CONFIG)
    for changes in ({"source_partitions": 2}, {"delta_partitions": 2}):
        config = msgspec.structs.replace(pipeline.config, generation=2, **changes)
        for shard, rows in (
            (new_tickets(config, 0), pipeline.changelogs[0]),
            (new_windows(config, 0), pipeline.changelogs[1]),
        ):
            shard.rows.update(rows)
            with pytest.raises(ShapeChangedError, match="PARTITIONS was '1', is '2'"):
                shard.ready()


def test_a_scan_says_every_measure_once_however_often_it_is_killed() -> None:
    pipeline = _one(CONFIG)
    config = msgspec.structs.replace(pipeline.config, groupings=((),), generation=2)
    position = len(pipeline.deltas[0])
    pipeline.change(config)
    while pipeline.tickets[0].building:
        pipeline.tickets[0].flush(NOW_MS)  # killed before it was written
        pipeline.restart()
        pipeline.commit_tickets()
    slots: dict[int, int] = {}
    for record in pipeline.deltas[0][position:]:
        batch = decode_delta(record.value or b"")
        assert batch.generation == 2
        for minutes in batch.segments.values():
            for pairs in minutes.values():
                for slot, amount in zip(pairs[::2], pairs[1::2], strict=True):
                    slots[slot] = slots.get(slot, 0) + amount
    fresh = new_tickets(config, 0)
    fresh.ready()
    said: dict[int, int] = {}
    records = log([*CREATED, *SCORES], timestamp_ms=LOG_MS)
    for topic in ("tickets", "replies", "surveys"):
        own = [record for record in records if record.topic.endswith(topic)]
        fresh.apply(own[0].topic, own, len(own), NOW_MS)
    for output in (one for one in fresh.flush(NOW_MS).outputs if one.topic == config.topics.deltas):
        for minutes in decode_delta(output.value or b"").segments.values():
            for pairs in minutes.values():
                for slot, amount in zip(pairs[::2], pairs[1::2], strict=True):
                    said[slot] = said.get(slot, 0) + amount
    assert slots == said


def test_revisions_grow_though_the_rows_were_gone_in_between() -> None:
    pipeline = _one(CONFIG)
    first = pipeline.config
    pipeline.change(msgspec.structs.replace(first, groupings=((),), generation=2))
    pipeline.build()
    while pipeline.windows[0].changed():
        pipeline.commit_windows()
    assert not [key for key in pipeline.changelogs[1] if b"team=billing" in key]
    pipeline.change(msgspec.structs.replace(first, generation=3))
    pipeline.build()
    revisions: dict[bytes | None, int] = {}
    for rollup in pipeline.rollups:
        revision = orjson.loads(rollup.value or b"")["data"]["revision"]
        assert revision > revisions.get(rollup.key, 0)
        revisions[rollup.key] = revision
    again = [revision for key, revision in revisions.items() if b"team=billing" in (key or b"")]
    assert again
    assert min(again) > 2 * REVISIONS_PER_GENERATION
