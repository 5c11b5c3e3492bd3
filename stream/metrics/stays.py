"""What metrics of a customer base share: joins, leaves, and how many were customers when the window began."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from stream.core.config import MINUTE_MS, CoreConfig
from stream.core.customer import Customer, Stay
from stream.core.interval import Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Measure, Tally

START: Final = EXCLUDED_SLOTS
"""The stock: customers at the window's start."""
JOINED: Final = EXCLUDED_SLOTS + 1
LEFT: Final = EXCLUDED_SLOTS + 2
BRIEF: Final = EXCLUDED_SLOTS + 3
"""Of :func:`base_measures` alone: those who left after less time than the longest window takes. Nobody else can have joined and left
within one window; whether these have, no sum over a window can tell, because it depends on where the window begins."""

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


def longest_window_ms(config: CoreConfig) -> int:
    """The longest of all windows that figures are computed for."""
    return max(*config.rollup_windows_ms, *config.gauge_windows_ms, MINUTE_MS)


def base_measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    """Joins and leaves, and leaves that are excluded."""
    if not customer.memberships:
        return []
    longest_ms = longest_window_ms(config)
    brief = [
        (stay.left_ms, customer.labels_at(stay.joined_ms, config), BRIEF, 1)
        for stay in customer.stays()
        if stay.left_ms is not None and stay.left_ms - stay.joined_ms < longest_ms
    ]
    return [*stay_measures(customer, config), *brief, *stray_leaves(customer, config)]


OF_THE_START: Final = (
    "95 % interval after Wilson, of those at the start; perhaps_new of the leavers, at most, may have joined in the window: the interval "
    "is so wide that it is right however many have. None where more left than had been there."
)
"""What :attr:`Lost.interval` is, for definitions."""


class Lost(NamedTuple):
    """Who left in a window.

    Losses of two windows may be compared though many are at the start of both: who is at the start of the second has stayed through the
    first, and of such conditional shares none says anything of the next one's chance (E. L. Kaplan, P. Meier, "Nonparametric estimation
    from incomplete observations", JASA 53, 1958).
    """

    start: int
    left: int
    perhaps_new: int
    """How many of them may have joined in the same window, at most: then they were not there at its start."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the share of those at the start who left.

        All Wilson intervals that are possible, together: from none of the leavers being new ones to :attr:`perhaps_new` of them. None where
        nobody was there, or more left than were.
        """
        most = wilson(self.left, self.start)
        least = wilson(self.left - self.perhaps_new, self.start)
        return None if most is None or least is None else (least[0], most[1])

    @property
    def share(self) -> Share | None:
        """The sample behind the rate; None where some of those who left may not have been there, or nobody was."""
        is_share = 0 <= self.left <= self.start and self.start > 0 and not self.perhaps_new
        return Share(self.left, self.start) if is_share else None


def lost_of(tally: Tally) -> Lost:
    """Who left, of a tally of :func:`base_measures` with its stock."""
    return Lost(
        tally.get(START, 0), tally.get(LEFT, 0), min(max(tally.get(JOINED, 0), 0), tally.get(BRIEF, 0))
    )


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
