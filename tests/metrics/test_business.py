"""Durations in business hours: worked figures, which calendar counts, and what is left out."""

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.calendar import Calendars
from stream.core.config import CoreConfig
from stream.core.measure import Labels
from stream.core.metric import Metric
from stream.metrics import BY_NAME, METRICS
from stream.metrics.business import business
from stream.metrics.durations import SUM_SLOT, measured
from tests.metrics.figures import figure_of, measures_of
from tests.support.calendars import ALWAYS, local_ms, made
from tests.support.histories import History, histories, make, ticket_of

HOUR = 3600
SPLIT = made(week=[["09:00-12:30", "13:30-18:00"]] * 5 + [[], []])
OFFICE = made(dates={"2026-12-25": []})
NIGHTS = made(week=[["22:00-06:00"]] * 7)
BOOK = Calendars(
    {"office": OFFICE, "split": SPLIT, "nights": NIGHTS, "short": made(years=(2026, 2026))},
    teams={(None, "night-desk"): "nights", ("acme", "billing"): "split"},
    tenants={"acme": "office"},
)
CONFIG = CoreConfig(calendars=BOOK)
TWINS = [metric for metric in METRICS if metric.business]


def created(at: str, **data: str) -> ev.Event:
    return make(ev.TicketCreated, local_ms(at), channel="email", **data)


def reply(at: str) -> ev.Event:
    return make(ev.ReplyAdded, local_ms(at), reply_id=f"r {at}", author="agent", public=True)


def status(at: str, value: str) -> ev.Event:
    return make(ev.TicketStatusChanged, local_ms(at), status=value)


def hours(metric: str, *events: ev.Event, config: CoreConfig = CONFIG) -> float:
    figure = figure_of(metric, events, config)
    assert (figure.n, figure.excluded, figure.unit) == (1, {}, "seconds")
    assert figure.value is not None
    return figure.value / HOUR


def left_out(metric: str, *events: ev.Event, config: CoreConfig = CONFIG) -> dict[str, int]:
    figure = figure_of(metric, events, config)
    assert (figure.n, figure.value) == (0, None)
    return figure.excluded


def test_a_ticket_of_the_evening_that_is_answered_the_next_morning_waited_for_an_hour() -> None:
    events = created("2026-11-05 19:00"), reply("2026-11-06 10:00")
    assert hours("first_reply_time", *events) == 15
    assert hours("first_reply_time_business", *events) == 1
    assert hours("reply_time_business", *events) == 1


def test_a_weekend_is_no_business_time() -> None:
    assert hours("first_reply_time_business", created("2026-11-06 16:00"), reply("2026-11-09 10:00")) == 2


def test_a_holiday_is_no_business_time() -> None:
    # Thursday 24 December 16:00 to Monday 28 December 10:00; Friday is Christmas Day.
    assert hours("first_reply_time_business", created("2026-12-24 16:00"), reply("2026-12-28 10:00")) == 2


def test_the_break_of_a_split_shift_is_no_business_time() -> None:
    events = created("2026-11-05 12:00", team="billing"), reply("2026-11-05 14:00")
    assert hours("first_reply_time_business", *events) == 1


def test_a_night_desk_is_open_over_midnight() -> None:
    events = created("2026-11-05 21:00", team="night-desk"), reply("2026-11-06 07:00")
    assert hours("first_reply_time_business", *events) == 8


def test_the_clock_that_is_put_back_gives_the_night_an_hour_more() -> None:
    assert (
        hours(
            "first_reply_time_business",
            created("2026-10-24 21:00", team="night-desk"),
            reply("2026-10-25 07:00"),
        )
        == 9
    )
    assert (
        hours(
            "first_reply_time_business",
            created("2026-03-28 21:00", team="night-desk"),
            reply("2026-03-29 07:00"),
        )
        == 7
    )


def test_nothing_of_it_in_business_hours_is_0_and_counts() -> None:
    assert hours("first_reply_time_business", created("2026-11-07 12:00"), reply("2026-11-08 12:00")) == 0


def test_resolution_in_business_hours() -> None:
    reopened = [
        created("2026-11-05 16:00", kind="complaint"),
        make(ev.TicketEscalated, local_ms("2026-11-05 16:30"), tier="2"),
        status("2026-11-06 10:00", "solved"),
        status("2026-11-07 12:00", "open"),
        status("2026-11-09 11:00", "solved"),
    ]
    assert hours("first_resolution_time_business", *reopened) == 1 + 1
    for metric in ("full_resolution_time", "complaint_resolution_time", "escalation_resolution_time"):
        assert hours(f"{metric}_business", *reopened) == 1 + 8 + 2


def test_waiting_in_business_hours_adds_up_over_reopenings() -> None:
    events = [
        created("2026-11-05 16:00"),
        status("2026-11-05 16:30", "open"),
        status("2026-11-05 20:00", "pending"),
        status("2026-11-06 10:00", "on_hold"),
        status("2026-11-06 12:00", "solved"),
        status("2026-11-07 12:00", "open"),
        status("2026-11-09 09:30", "solved"),
    ]
    assert hours("requester_wait_time_business", *events) == 0.5 + 0.5 + 2 + 0.5
    assert hours("agent_wait_time_business", *events) == 1
    assert hours("on_hold_time_business", *events) == 2


def test_a_visit_of_a_queue_in_business_hours() -> None:
    visit = {"queue": "voice", "visit_id": "v"}
    events = [
        make(ev.TicketQueueEntered, local_ms("2026-11-05 08:50"), **visit),
        make(ev.TicketQueueLeft, local_ms("2026-11-05 09:15"), outcome="answered", **visit),
    ]
    assert hours("queue_wait_time_business", *events) == 0.25


def test_work_on_a_visit_ends_with_its_report() -> None:
    """Two hours of it, of which the office was open for the first half hour."""
    spent: Any = {"talk_ms": 3_600_000, "hold_ms": 1_800_000, "after_ms": 1_800_000}
    handled = make(ev.TicketHandled, local_ms("2026-11-05 18:30"), visit_id="v", agent_id="ann", **spent)
    assert hours("handle_time", handled) == 2
    assert hours("handle_time_business", handled) == 0.5


def test_the_calendar_that_the_ticket_names_goes_before_its_teams() -> None:
    events = created("2026-11-05 12:00", team="billing", calendar="office"), reply("2026-11-05 14:00")
    assert hours("first_reply_time_business", *events) == 2


def test_the_team_is_the_one_of_the_instant_and_its_calendar_counts_for_the_whole_time() -> None:
    moved = make(ev.TicketAssigned, local_ms("2026-11-05 23:00"), team="night-desk")
    events = created("2026-11-05 12:00", team="billing"), moved, reply("2026-11-06 00:00")
    assert hours("first_reply_time_business", *events) == 2
    later = make(ev.TicketAssigned, local_ms("2026-11-06 00:01"), team="night-desk")
    assert hours("first_reply_time_business", events[0], later, events[2]) == 0.5 + 4.5


def of_tenant(tenant: str, *events: ev.Event) -> list[ev.Event]:
    return [
        msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, tenant=tenant))  # type: ignore[attr-defined]  # all have data
        for event in events
    ]


EVENTS = (created("2026-11-05 12:00"), reply("2026-11-05 14:00"))


def test_without_a_calendar_it_is_left_out_and_counted_and_never_in_calendar_hours() -> None:
    assert left_out("first_reply_time_business", *of_tenant("other", *EVENTS)) == {"no_calendar": 1}
    assert left_out("first_reply_time_business", *EVENTS, config=CoreConfig()) == {"no_calendar": 1}
    unknown = created("2026-11-05 12:00", calendar="none-such"), EVENTS[1]
    assert left_out("first_reply_time_business", *unknown) == {"no_calendar": 1}


def test_beyond_the_years_of_its_calendar_it_is_left_out_and_counted() -> None:
    events = created("2026-12-31 12:00", calendar="short"), reply("2027-01-01 12:00")
    assert left_out("first_reply_time_business", *events) == {"no_calendar": 1}


def test_a_negative_one_is_excluded_as_in_calendar_hours() -> None:
    assert left_out("first_reply_time_business", EVENTS[0], reply("2026-11-05 11:00")) == {
        "negative_duration": 1
    }


def test_it_counts_in_the_window_and_for_whom_its_twin_counts() -> None:
    def where(metric: str) -> list[tuple[int, Labels]]:
        return sorted(
            {(instant_ms, labels) for instant_ms, labels, _, _ in measures_of(metric, EVENTS, CONFIG)}
        )

    assert where("first_reply_time_business") == where("first_reply_time") != []


ALWAYS_OPEN = CoreConfig(calendars=Calendars({"always": made("Asia/Kathmandu", ALWAYS)}, default="always"))


@settings(max_examples=150)
@given(twin=st.sampled_from(TWINS), history=histories())
def test_where_it_is_always_open_it_is_the_duration_itself(twin: Metric, history: History) -> None:
    name = twin.name
    ticket = ticket_of([event for _, event in history])
    if ticket.creation is not None:
        ticket.creation.calendar = None
    of = BY_NAME[name.removesuffix("_business")]
    assert of.waits is not None
    assert BY_NAME[name].measures(ticket, ALWAYS_OPEN) == measured(of.waits)(ticket, ALWAYS_OPEN)


@settings(max_examples=150)
@given(twin=st.sampled_from(TWINS), history=histories())
def test_it_is_never_more_than_the_duration(twin: Metric, history: History) -> None:
    name = twin.name
    ticket = ticket_of([event for _, event in history])
    of = BY_NAME[name.removesuffix("_business")]
    assert of.waits is not None
    for _, _, stretches in of.waits(ticket, CONFIG):
        if isinstance(stretches, int):  # left out, in both
            continue
        assume(all(begin <= end for begin, end in zip(stretches[::2], stretches[1::2], strict=True)))

    def spent(metric: str) -> int:
        return sum(
            amount for _, _, slot, amount in BY_NAME[metric].measures(ticket, CONFIG) if slot == SUM_SLOT
        )

    assert spent(name) <= spent(of.name)


def test_every_duration_has_a_twin_and_nothing_else_has() -> None:
    assert {metric.name.removesuffix("_business") for metric in TWINS} == {
        metric.name for metric in METRICS if metric.unit == "seconds" and not metric.business
    }
    with pytest.raises(ValueError, match="csat says no waits"):
        business(BY_NAME["csat"])
