"""What metrics of a customer base share: joins, leaves, and how many were customers when the window began."""

from collections.abc import Sequence
from typing import Final

from stream.core.config import CoreConfig
from stream.core.customer import Customer, Stay
from stream.core.interval import Share
from stream.core.measure import EXCLUDED_SLOTS, Measure, Tally

START: Final = EXCLUDED_SLOTS
"""The stock: customers at the window's start."""
JOINED: Final = EXCLUDED_SLOTS + 1
LEFT: Final = EXCLUDED_SLOTS + 2

NOT_A_CUSTOMER: Final = "not_a_customer"
EXCLUDED: Final = (NOT_A_CUSTOMER,)
_NOT_A_CUSTOMER: Final = 0


def stay_measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    """Joins and leaves. Both count under the labels of the join, so that a stock is left where it was entered."""
    measures: list[Measure] = []
    for joined_ms, left_ms in customer.stays():
        labels = customer.labels_at(joined_ms, config)
        measures += ((joined_ms, labels, START, 1), (joined_ms, labels, JOINED, 1))
        if left_ms is not None:
            measures += ((left_ms, labels, START, -1), (left_ms, labels, LEFT, 1))
    return measures


def stray_leaves(customer: Customer, config: CoreConfig) -> list[Measure]:
    """Leaves of somebody who was no customer then, as excluded."""
    ended = {stay.left_ms for stay in customer.stays()}
    return [
        (one.at, customer.labels_at(one.at, config), _NOT_A_CUSTOMER, 1)
        for one in customer.memberships
        if not one.joined and one.at not in ended
    ]


def base_measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    """Joins and leaves, and leaves that are excluded."""
    if not customer.memberships:
        return []
    return [*stay_measures(customer, config), *stray_leaves(customer, config)]


def lost_of(tally: Tally) -> Share | None:
    """How many left, of those who were there at the window's start. None where that is no share: nobody was, or more left.

    Who joined and left within the window is among those who left, as in the rates themselves.
    """
    start, left = tally.get(START, 0), tally.get(LEFT, 0)
    return Share(left, start) if 0 <= left <= start and start > 0 else None


def stay_of(stays: Sequence[Stay], at_ms: int) -> Stay | None:
    """The stay that an instant lies in, its first and its last one included; None for a guest's.

    Who did something in a stay is, in the window in which they did it, among those of :func:`customers_in`, under the labels of that
    stay's join.
    """
    for stay in stays:
        if stay.joined_ms <= at_ms and (stay.left_ms is None or at_ms <= stay.left_ms):
            return stay
    return None


def customers_in(tally: Tally) -> int:
    """All who were customers at some time in the window: those at its start and those who joined in it, once for each join."""
    return tally.get(START, 0) + tally.get(JOINED, 0)
