"""Customers: retention, churn, referrals, mentions, lifetime value, engagement; and through which channels they come."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, CoreConfig
from stream.core.interval import wilson
from stream.core.measure import Figure
from tests.metrics.figures import figures_of, metric_of
from tests.support.core import oracle
from tests.support.customers import customer_histories, customer_of, tell
from tests.support.histories import START_MS, History, make, wire_time
from tests.support.log import log
from tests.support.pipeline import stable

MONTH = 30 * DAY_MS
BEGIN_MS = START_MS // MONTH * MONTH
"""The beginning of a window of 30 days; what is told of the days before lies in the windows before it."""
CONFIG = CoreConfig(
    clock="event",
    metrics=(
        "retention_rate",
        "churn_rate",
        "referral_rate",
        "sentiment_share",
        "lifetime_value",
        "engagement",
    ),
    customers=True,
    groupings=((), ("channel",), ("location",)),
    segment_labels=("location",),
    rollup_windows_ms=(MONTH,),
    gauge_windows_ms=(MONTH,),
    horizons_ms={MONTH: -1},
)


def figures(events: Sequence[ev.Event], config: CoreConfig = CONFIG, **segment: str) -> dict[str, Any]:
    """Figures by name of the window that begins at :data:`BEGIN_MS`, as rollups say them."""
    records = log([("customers", event) for event in events], timestamp_ms=BEGIN_MS + 4000 * DAY_MS)
    start = wire_time(BEGIN_MS).replace(".000Z", "Z")
    return {
        data["metric"]: data
        for data in stable(oracle(config, records, now_ms=0).rollups).values()
        if data["window_start"] == start and data["segment"] == {"tenant": "acme", **segment}
    }


def values(found: dict[str, Any], *names: str) -> list[float | None]:
    return [found[name]["value"] for name in names]


def joined(first: int, last: int, day: float, **data: Any) -> list[ev.Event]:
    """Customers ``first`` to ``last`` without the last, that many days after the window's beginning."""
    at_ms = BEGIN_MS + int(day * DAY_MS)
    return [tell(ev.CustomerJoined, at_ms, f"c-{number}", **data) for number in range(first, last)]


def left(first: int, last: int, day: float) -> list[ev.Event]:
    at_ms = BEGIN_MS + int(day * DAY_MS)
    return [tell(ev.CustomerLeft, at_ms, f"c-{number}") for number in range(first, last)]


def bought(number: int, order: int, day: float, amount: int, currency: str = "EUR") -> ev.Event:
    return tell(
        ev.CustomerPurchased,
        BEGIN_MS + int(day * DAY_MS),
        f"c-{number}",
        order_id=f"o-{order}",
        amount_minor=amount,
        currency=currency,
    )


def test_200_at_the_start_and_at_the_end_with_20_new_are_90_percent_retained() -> None:
    found = figures([*joined(0, 200, -40), *joined(200, 220, 3), *left(0, 20, 5)])
    assert values(found, "retention_rate", "churn_rate") == [0.9, 0.1]
    assert found["retention_rate"]["parts"] == {"start": 200, "joined": 20, "end": 200, "perhaps_new": 0}


def test_20_lost_of_250_are_a_churn_of_8_percent() -> None:
    found = figures([*joined(0, 250, -1), *left(0, 20, 29.9)])
    assert (found["churn_rate"]["value"], found["churn_rate"]["n"]) == (0.08, 250)
    assert found["churn_rate"]["parts"] == {"lost": 20, "start": 250, "perhaps_new": 0}


def test_rates_of_a_customer_base_have_the_interval_of_a_share_of_those_at_the_start() -> None:
    found = figures([*joined(0, 250, -1), *left(0, 20, 29.9)])
    churn, kept = found["churn_rate"], found["retention_rate"]
    assert (churn["low"], churn["high"]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.1203, abs=5e-5))
    assert (kept["low"], kept["high"]) == (pytest.approx(1 - churn["high"]), pytest.approx(1 - churn["low"]))


def test_they_have_none_where_more_left_than_were_there() -> None:
    found = figures([*joined(0, 1, -1), *joined(1, 4, 1), *left(1, 4, 2)])
    assert values(found, "retention_rate", "churn_rate") == [-2, 3]
    for name in ("retention_rate", "churn_rate"):
        assert (found[name]["low"], found[name]["high"]) == (None, None)
    assert figures(joined(0, 3, 1))["churn_rate"]["low"] is None


def test_bounds_are_right_however_many_of_the_leavers_had_just_come() -> None:
    """Ten at the start, two of them left and one of two new ones, after 28.5 of 30 days: from 2 of 10 to 3 of 10."""
    found = figures([*joined(0, 10, -40), *joined(10, 12, 0.5), *left(0, 2, 3), *left(10, 11, 29)])
    churn, kept = found["churn_rate"], found["retention_rate"]
    assert churn["parts"] == {"lost": 3, "start": 10, "perhaps_new": 1}
    assert (churn["low"], churn["high"]) == (pytest.approx(0.0567, abs=5e-5), pytest.approx(0.6032, abs=5e-5))
    assert (kept["low"], kept["high"]) == (pytest.approx(1 - churn["high"]), pytest.approx(1 - churn["low"]))


@given(st.lists(customer_histories(), min_size=1, max_size=8), st.integers(0, 30 * DAY_MS), st.data())
def test_what_is_said_of_a_window_is_said_of_its_customers(
    histories: list[History], after_ms: int, data: st.DataObject
) -> None:
    """Bounds of churn are right for those who were there at the start, and nobody acts who is not among the customers."""
    length_ms = data.draw(st.sampled_from([60_000, HOUR_MS, DAY_MS, MONTH]))
    start_ms = (START_MS + after_ms) // 60_000 * 60_000
    end_ms = start_ms + length_ms
    customers = [customer_of([event for _, event in history]) for history in histories]

    def window_of(name: str) -> list[Figure]:
        metric = metric_of(name, CONFIG)
        tally: Counter[int] = Counter()
        for customer in customers:
            for instant_ms, _, slot, amount in metric.measures(customer, CONFIG):
                if slot == metric.stock:
                    tally[slot] += amount * (instant_ms < start_ms)
                elif start_ms <= instant_ms < end_ms:
                    tally[slot] += amount
        return metric.figures(tally)

    [churn], [kept] = window_of("churn_rate"), window_of("retention_rate")
    there = [stay for customer in customers for stay in customer.stays() if stay.joined_ms < start_ms]
    there = [stay for stay in there if stay.left_ms is None or stay.left_ms >= start_ms]
    lost = sum(stay.left_ms is not None and stay.left_ms < end_ms for stay in there)
    assert churn.n == kept.n == len(there)
    assert churn.parts["lost"] - churn.parts["perhaps_new"] <= lost <= churn.parts["lost"]
    if churn.low is not None and churn.high is not None:
        wilson_low, wilson_high = wilson(lost, churn.n) or (0.0, 1.0)
        assert churn.low <= wilson_low <= wilson_high <= churn.high
        assert (kept.low, kept.high) == (1 - churn.high, 1 - churn.low)
    else:
        assert not there or churn.parts["lost"] > churn.n
    if churn.parts["perhaps_new"] == 0 and there:
        assert churn.parts["lost"] == lost
    [engagement], [counts, *money] = window_of("engagement"), window_of("lifetime_value")
    assert engagement.n == counts.n == len(there) + kept.parts["joined"]
    if not counts.n:
        assert not engagement.parts["sum"]
        assert not money


def test_the_stock_is_that_of_the_windows_first_moment() -> None:
    on_the_edge = [*joined(0, 4, -1 / 86_400_000), *joined(4, 6, 0), *left(0, 1, 0)]
    assert figures(on_the_edge)["churn_rate"]["parts"] == {"lost": 1, "start": 4, "perhaps_new": 1}
    assert figures([*on_the_edge, *left(1, 2, -1 / 86_400_000)])["churn_rate"]["parts"]["start"] == 3


def test_there_is_no_rate_where_nobody_was_there_and_no_figure_where_nobody_came_or_went() -> None:
    first = figures(joined(0, 3, 1))
    assert values(first, "retention_rate", "churn_rate") == [None, None]
    assert first["retention_rate"]["parts"] == {"start": 0, "joined": 3, "end": 3, "perhaps_new": 0}
    assert "retention_rate" not in figures(joined(0, 3, -40))


def test_who_left_can_come_back_and_who_is_there_cannot_join() -> None:
    history = [*joined(0, 1, -20), *left(0, 1, -10), *joined(0, 1, 1), *joined(0, 1, 2)]
    assert figures(history)["retention_rate"]["parts"] == {
        "start": 0,
        "joined": 1,
        "end": 1,
        "perhaps_new": 0,
    }


def test_a_leave_of_somebody_who_never_joined_is_excluded() -> None:
    found = figures([*joined(0, 1, -1), *left(0, 1, 1), *left(0, 1, 2), *left(7, 8, 1)])
    assert found["churn_rate"]["parts"] == {"lost": 1, "start": 1, "perhaps_new": 0}
    assert found["churn_rate"]["excluded"] == {"not_a_customer": 2}


def test_a_customer_is_lost_where_they_joined() -> None:
    oslo, rome = {"segments": {"location": "oslo"}}, {"segments": {"location": "rome"}}
    move = tell(ev.CustomerJoined, BEGIN_MS, "c-0", **rome)
    history = [*joined(0, 2, -1, **oslo), *joined(2, 3, -1, **rome), move, *left(0, 1, 1), *left(2, 3, 1)]
    lost = [figures(history, location=where)["churn_rate"]["parts"] for where in ("oslo", "rome")]
    assert [(one["lost"], one["start"]) for one in lost] == [(1, 2), (1, 1)]


def test_referred_of_new() -> None:
    referred = [
        tell(ev.CustomerReferred, BEGIN_MS + DAY_MS, "c-0", referred_customer_id=f"r-{number}")
        for number in (1, 2, 3, 3)
    ]
    found = figures([*joined(0, 12, 1), *referred])["referral_rate"]
    assert (found["value"], found["n"], found["parts"]) == (0.25, 12, {"referred": 3, "new": 12})


def test_moods_of_mentions() -> None:
    moods = ["positive"] * 6 + ["neutral"] * 3 + ["negative"]
    mentions = [
        tell(ev.CustomerMentioned, BEGIN_MS, mention_id=f"m-{n}", network="mastodon", sentiment=mood)
        for n, mood in enumerate(moods)
    ]
    found = figures(mentions)
    names = ("sentiment_share", "sentiment_share_neutral", "sentiment_share_negative")
    assert values(found, *names) == [0.6, 0.3, 0.1]
    assert found["sentiment_share"]["parts"] == {"positive": 6, "neutral": 3, "negative": 1, "mentions": 10}
    assert found["sentiment_share"]["low"] < 0.6 < found["sentiment_share"]["high"]
    assert values(figures(mentions, channel="mastodon"), *names) == [0.6, 0.3, 0.1]


def test_50_five_times_a_year_for_three_years_are_750() -> None:
    years = 3 * 365.25
    orders = [bought(0, n, 20 - years + n * 73, 50) for n in range(15)]
    found = figures([*joined(0, 1, 20 - years), *orders, *left(0, 1, 20)])["lifetime_value_simple_eur"]
    assert (found["value"], found["n"], found["unit"]) == (750, 1, "minor")
    parts = found["parts"]
    factors = [parts[name] for name in ("average_purchase_minor", "purchases_per_year", "lifetime_years")]
    assert factors == pytest.approx([50, 5, 3])


def test_what_customers_bought_times_the_margin() -> None:
    config = msgspec.structs.replace(CONFIG, margin_percent=30)
    history = [*joined(0, 2, -1), *joined(2, 4, 1), bought(0, 1, 2, 6000), bought(2, 1, 3, 2000)]
    found = figures([*history, bought(3, 1, 3, -500)], config)
    historic = found["lifetime_value_historic_eur"]
    assert (historic["value"], historic["n"]) == (0.3 * 7500 / 4, 4)
    assert historic["parts"] == {"sum_minor": 7500, "margin_minor": 2250, "orders": 2, "customers": 4}


def test_monthly_transactions_times_average_order_times_months() -> None:
    # 100 customers with 4 orders of 25.00 each in a month; 5 of them leave, so that one stays for 20 months.
    orders = [bought(number, order, 5, 2500) for number in range(100) for order in range(4)]
    found = figures([*joined(0, 100, -1), *orders, *left(0, 5, 6)])["lifetime_value_predictive_eur"]
    assert (found["value"], found["n"]) == (4 * 2500 * 20, 100)


def test_currencies_are_never_mixed_and_what_is_no_currency_is_excluded() -> None:
    money = [(100, "EUR"), (900, "JPY"), (5, "XQX"), (10**14, "EUR")]
    history = [*joined(0, 1, 0), *(bought(0, n, 1, *one) for n, one in enumerate(money))]
    found = figures(history)
    assert values(found, "lifetime_value_historic_eur", "lifetime_value_historic_jpy") == [100, 900]
    assert found["lifetime_value"]["value"] is None
    assert found["lifetime_value"]["excluded"] == {"unknown_currency": 1, "amount_too_large": 1}


def test_the_latest_word_on_an_order_stands() -> None:
    history = [*joined(0, 1, 0), bought(0, 1, 1, 500), bought(0, 1, 2, 300), bought(0, 1, 1, 500)]
    assert figures(history)["lifetime_value_historic_eur"]["parts"]["sum_minor"] == 300


def test_engagement_weighs_what_customers_do() -> None:
    config = msgspec.structs.replace(CONFIG, engagement={"purchases": 2, "referrals": 5, "mentions": 0})
    acts = [
        bought(0, 1, 1, 100),
        bought(0, 2, 1, 100),
        bought(0, 3, 1, -100),
        tell(ev.CustomerReferred, BEGIN_MS, "c-1", referred_customer_id="r"),
        tell(ev.CustomerMentioned, BEGIN_MS, "c-1", mention_id="m", network="x", sentiment="positive"),
    ]
    found = figures([*joined(0, 3, -1), *acts], config)["engagement"]
    assert (found["value"], found["n"]) == (3, 3)
    assert found["parts"] == {"purchases": 2, "referrals": 1, "mentions": 0, "sum": 9, "customers": 3}


def test_channels_of_contacts() -> None:
    channels = ["email"] * 5 + ["voice"] * 3 + ["fax", "pigeon"]
    events = [
        make(ev.TicketCreated, START_MS, ticket_id=f"t-{n}", channel=channel)
        for n, channel in enumerate(channels)
    ]
    found = figures_of("channel_share", events)
    shares = {name.removeprefix("channel_share_"): figure.value for name, figure in found.items()}
    assert shares == {"channel_share": None, "email": 0.5, "voice": 0.3, "other": 0.2}
    assert found["channel_share"].n == 10
