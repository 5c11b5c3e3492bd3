"""Generated histories of customers: joins, leaves, purchases, referrals and mentions, with ties, corrections and repetitions."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from schemas import events as ev
from stream.core.customer import Customer
from tests.support.histories import START_MS, TENANT, History, ids, make, time_of

CUSTOMER = "c-1"
KEY = f"c{TENANT}\0{CUSTOMER}".encode()
"""Key of that customer's row."""

DAY = 86_400_000

_times = st.integers(0, 12).map(lambda minute: minute * 60_000) | st.integers(0, 30 * DAY)
_segments = st.none() | st.sampled_from([{"location": "oslo"}, {"location": "rome", "age_group": "30s"}])

_told: st.SearchStrategy[tuple[type[ev.Event], dict[str, Any]]] = st.one_of(
    _segments.map(lambda segments: (ev.CustomerJoined, {"segments": segments})),
    _segments.map(lambda segments: (ev.CustomerLeft, {"segments": segments})),
    st.fixed_dictionaries(
        {
            "order_id": st.integers(1, 5).map(lambda number: f"o-{number}"),
            "amount_minor": st.integers(-500, 5000) | st.just(10**14),
            "currency": st.sampled_from(["EUR", "EUR", "USD", "XQX"]),
        }
    ).map(lambda data: (ev.CustomerPurchased, data)),
    st.integers(1, 4).map(lambda number: (ev.CustomerReferred, {"referred_customer_id": f"r-{number}"})),
    st.fixed_dictionaries(
        {
            "mention_id": st.integers(1, 4).map(lambda number: f"m-{number}"),
            "network": st.sampled_from(["mastodon", "forum"]),
            "sentiment": st.sampled_from(["positive", "neutral", "negative"]),
        }
    ).map(lambda data: (ev.CustomerMentioned, data)),
)


def tell(event_class: type[ev.Event], time_ms: int, customer_id: str = CUSTOMER, **more: Any) -> ev.Event:
    """One event of customer c-1 of tenant acme, unless said otherwise."""
    return make(event_class, time_ms, customer_id=customer_id, **more)


def customer_of(events: Sequence[ev.Event]) -> Customer:
    """The facts of one customer after their events in this order."""
    customer = Customer()
    for event in events:
        customer.merge(time_of(event), event)
    return customer


@st.composite
def customer_histories(draw: st.DrawFn, *, customer_id: str = CUSTOMER) -> History:
    """Everything that one customer did: mostly joined first, sometimes never seen to."""
    random_ids = draw(st.booleans())
    history: History = []
    told: list[tuple[type[ev.Event], dict[str, Any], int]] = []
    if draw(st.integers(0, 3)):
        told.append((ev.CustomerJoined, {"segments": draw(_segments)}, 0))
    for _ in range(draw(st.integers(0, 14))):
        event_class, data = draw(_told)
        told.append((event_class, data, draw(_times)))
    for number, (event_class, data, after_ms) in enumerate(told):
        event = tell(
            event_class,
            START_MS + after_ms,
            customer_id,
            event_id=draw(ids(number, form=0) if random_ids else ids(number)),
            **data,
        )
        history.append(("customers", event))
    return history
