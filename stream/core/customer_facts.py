"""The facts of one customer as plain data, in the shape of their row.

Rows are MessagePack arrays. Every ``at`` is in epoch milliseconds. Lists are kept in one canonical order, so that equal facts are
equal rows.
"""

import msgspec

from stream.core.fact import Fact

ROW_VERSION = 1


class Membership(Fact, gc=False):
    """Somebody became a customer (``joined``) or ceased to be one. One per (kind, time); segments are sorted by name."""

    joined: bool
    segments: dict[str, str] | None


class Purchase(Fact, gc=False):
    """The latest word on an order. ``amount`` in minor units, negative for a refund."""

    key: bytes
    amount: int
    currency: int | str
    """Position in :data:`stream.core.currency.CURRENCIES`, or the code of one that is not there."""


class Referral(Fact, gc=False):
    """Somebody whom the customer brought, by the key of their id."""

    key: bytes


class Mention(Fact, gc=False):
    """The latest word on a mention. ``sentiment``: a code of :data:`SENTIMENTS`."""

    key: bytes
    network: str
    sentiment: int


class Given(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A satisfaction answer that stands, on whatever ticket; fields as in :class:`stream.core.answers.AnswerSaid`."""

    at: int
    key: bytes
    scale: int
    score: int | None
    labels: tuple[str | None, ...]
    generation: int
    gone: int = 0


class CustomerFacts(msgspec.Struct, array_like=True, gc=False):
    """Everything known of one customer."""

    version: int = ROW_VERSION
    memberships: list[Membership] = []
    """Ascending in the order of facts."""
    purchases: list[Purchase] = []
    """This and the following by key."""
    mentions: list[Mention] = []
    referrals: list[Referral] = []
    answers: list[Given] = []
    """By (time, key)."""
    tenant: str = ""
    """Not in the row: its key says it."""
