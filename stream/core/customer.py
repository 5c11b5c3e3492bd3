"""The facts of one customer: merged from their events in any order, read by the metrics, kept as one row.

Rules of repetition, order and correction are those of the event contract and the same as a ticket's.
"""

from bisect import insort
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple

import msgspec

from schemas import events as ev
from stream.core.answers import AnswerSaid
from stream.core.config import PAIR_WITHIN_MS, CoreConfig
from stream.core.currency import CURRENCY_CODES
from stream.core.customer_facts import (
    ROW_VERSION,
    CustomerFacts,
    Given,
    Membership,
    Mention,
    Purchase,
    Referral,
)
from stream.core.fact import Fact, natural_key, order_of, supersedes
from stream.core.measure import Labels
from stream.core.ticket import RowVersionError
from stream.core.ticket_facts import keyed
from stream.core.ticket_merge import place

SENTIMENTS: Final = {"positive": 0, "neutral": 1, "negative": 2}

CUSTOMER_GROUPS_OF: Final[dict[type[Any], frozenset[str]]] = {
    event: frozenset((group,))
    for event, group in (
        (ev.CustomerJoined, "membership"),
        (ev.CustomerLeft, "membership"),
        (ev.CustomerPurchased, "purchase"),
        (ev.CustomerReferred, "referral"),
        (ev.CustomerMentioned, "mention"),
        (AnswerSaid, "answer"),
    )
}
"""Class of event, or of an answer that the tickets stage says -> the groups of facts that it can change."""

CUSTOMER_ALWAYS: Final = frozenset(("membership",))
"""What every metric of customers reads: where a measure counts (its labels)."""


class Stay(NamedTuple):
    """From becoming a customer to ceasing to be one, in epoch milliseconds; None while it lasts."""

    joined_ms: int
    left_ms: int | None


class Customer(CustomerFacts, array_like=True, gc=False):
    """Facts with what is asked of them. A fresh one knows nothing."""

    gone: ClassVar[bool] = False
    """Customers are neither merged nor deleted."""
    base_ms: ClassVar[int] = -1
    """Their facts stand by their own times, so that nothing is said by this; see ``Entity``."""

    def merge(self, time_ms: int, event: ev.Event) -> int:
        """As :meth:`stream.core.ticket.Ticket.merge`. Raises KeyError for a type that customers do not have."""
        if not self.tenant:
            self.tenant = event.data.tenant  # type: ignore[attr-defined]  # all of _MERGES have it
        return _MERGES[type(event)](self, time_ms, event)

    def take_in(self, said: AnswerSaid) -> bool:
        """Take in the last word on one answer; whether anything changed."""
        self.tenant = self.tenant or said.tenant
        old = next((one for one in self.answers if one.key == said.key), None)
        new = (
            Given(said.at, said.key, said.scale, said.score, said.labels, said.generation, said.gone)
            if said.stands
            else None
        )
        if new == old:
            return False
        if old is not None:
            self.answers.remove(old)
        if new is not None:
            insort(self.answers, new, key=lambda one: (one.at, one.key))
        return True

    def forget_answers(self, before_ms: int) -> bool:
        """Leave out the answers that nothing from ``before_ms`` on is compared with; whether there were any."""
        kept = [one for one in self.answers if one.at + PAIR_WITHIN_MS >= before_ms]
        if len(kept) == len(self.answers):
            return False
        self.answers = kept
        return True

    def stays(self) -> list[Stay]:
        """When they were a customer. Joining again while being one, and leaving without being one, begin and end nothing."""
        found: list[Stay] = []
        joined_ms: int | None = None
        for one in self.memberships:
            if one.joined:
                joined_ms = one.at if joined_ms is None else joined_ms
            elif joined_ms is not None:
                found.append(Stay(joined_ms, one.at))
                joined_ms = None
        if joined_ms is not None:
            found.append(Stay(joined_ms, None))
        return found

    def labels_at(self, instant_ms: int, config: CoreConfig, channel: str | None = None) -> Labels:
        """Tenant, channel and segments: those that the latest join or leave up to the instant told, else the first ones told."""
        names = config.segment_labels
        if not names:
            return (self.tenant, None, channel, None, None)
        segments: dict[str, str] = {}
        for one in self.memberships:
            if one.segments and (one.at <= instant_ms or not segments):
                segments = one.segments
        return (self.tenant, None, channel, None, None, *[segments.get(name) for name in names])

    def may_go(self, config: CoreConfig) -> bool:
        """Whether age alone decides how long the row is kept: a present customer is part of every stock to come."""
        memberships = self.memberships
        return not memberships or not memberships[-1].joined

    def latest_ms(self) -> int:
        """Time of the latest fact in epoch milliseconds."""
        facts: tuple[list[Any], ...] = (
            self.memberships,
            self.purchases,
            self.mentions,
            self.referrals,
            self.answers,
        )
        return max((fact.at for kind in facts for fact in kind), default=0)

    def reach_ms(self, config: CoreConfig) -> int:
        """For how long after them their facts can decide what is said of later ones."""
        return PAIR_WITHIN_MS if self.answers else 0


def _joined(facts: CustomerFacts, time_ms: int, event: ev.CustomerJoined) -> int:
    return _membership(facts, Membership(time_ms, order_of(event), True, _sorted(event.data.segments)))


def _left(facts: CustomerFacts, time_ms: int, event: ev.CustomerLeft) -> int:
    return _membership(facts, Membership(time_ms, order_of(event), False, _sorted(event.data.segments)))


def _sorted(segments: dict[str, str] | None) -> dict[str, str] | None:
    return dict(sorted(segments.items())) if segments else None


def _membership(facts: CustomerFacts, new: Membership) -> int:
    return place(facts.memberships, new, lambda old: old.joined == new.joined)


def _purchased(facts: CustomerFacts, time_ms: int, event: ev.CustomerPurchased) -> int:
    data = event.data
    currency = CURRENCY_CODES.get(data.currency, data.currency)
    key = natural_key(data.order_id)
    return _put(facts.purchases, Purchase(time_ms, order_of(event), key, data.amount_minor, currency))


def _referred(facts: CustomerFacts, time_ms: int, event: ev.CustomerReferred) -> int:
    key = natural_key(event.data.referred_customer_id)
    return _put(facts.referrals, Referral(time_ms, order_of(event), key))


def _mentioned(facts: CustomerFacts, time_ms: int, event: ev.CustomerMentioned) -> int:
    data = event.data
    key = natural_key(data.mention_id)
    return _put(
        facts.mentions, Mention(time_ms, order_of(event), key, data.network, SENTIMENTS[data.sentiment])
    )


def _put(kept: list[Any], new: Fact) -> int:
    """Put a fact with a natural key in its place, instead of an earlier one of that key."""
    index, old = keyed(kept, new.key)  # type: ignore[attr-defined]  # those that come here have one
    outcome = supersedes(new, old)
    if old is None:
        kept.insert(index, new)
    elif outcome:
        kept[index] = new
    return outcome


_MERGES: Final[dict[type[ev.Event], Callable[[CustomerFacts, int, Any], int]]] = {
    ev.CustomerJoined: _joined,
    ev.CustomerLeft: _left,
    ev.CustomerPurchased: _purchased,
    ev.CustomerReferred: _referred,
    ev.CustomerMentioned: _mentioned,
}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Customer).decode
_FIELDS: Final = len(CustomerFacts.__struct_fields__)


def encode_customer(customer: Customer) -> bytes:
    """A customer as their row, without the last fields where they say nothing."""
    left_out = 1 if customer.answers else 2 if customer.referrals else 3 if customer.mentions else 4
    tenant = customer.tenant
    customer.tenant = ""
    row = _encode(customer)
    customer.tenant = tenant
    return bytes((0x90 | _FIELDS - left_out,)) + row[1:-left_out]  # what says nothing takes a byte


def decode_customer(row: bytes, key: bytes) -> Customer:
    """A customer from their row and its key. Raises msgspec.DecodeError for damage, RowVersionError for another version."""
    if len(row) > 1 and row[1] != ROW_VERSION:
        raise RowVersionError(f"the row has version {row[1]}, this program reads {ROW_VERSION}")
    customer = _decode(row)
    customer.tenant = key[1 : key.find(0)].decode()
    return customer


def customer_key(event: ev.Event) -> bytes:
    """The row key of an event's customer: ``c`` tenant NUL customer id."""
    data = event.data  # type: ignore[attr-defined]  # every class of _MERGES has data with these
    return f"c{data.tenant}\0{data.customer_id}".encode()
