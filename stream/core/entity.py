"""The kinds of entities that facts are kept of. One shard does for all of them; a kind says what is different."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from schemas import events as ev
from stream.core.config import CoreConfig
from stream.core.customer import (
    CUSTOMER_ALWAYS,
    CUSTOMER_GROUPS_OF,
    Customer,
    customer_key,
    decode_customer,
    encode_customer,
)
from stream.core.ticket import ALWAYS, GROUPS_OF, Ticket, decode_ticket, encode_ticket, entity_key
from stream.core.topics import Topics


class Entity(Protocol):
    """The facts of one ticket or customer."""

    tenant: str
    """Empty of one of which nothing is known."""

    @property
    def base_ms(self) -> int:
        """An instant that is not after the latest fact, in epoch milliseconds."""

    def merge(self, time_ms: int, event: ev.Event) -> int:
        """Take in one event; see :meth:`stream.core.ticket.Ticket.merge`."""

    def may_go(self, config: CoreConfig) -> bool:
        """Whether age alone decides how long it is kept."""

    def latest_ms(self) -> int:
        """Time of the latest fact in epoch milliseconds."""

    def reach_ms(self, config: CoreConfig) -> int:
        """For how long after it its facts can decide what is said of later ones."""


class Kind(NamedTuple):
    """One kind of entity, and the stage that keeps it."""

    name: str
    """Of its stage, and of its row in messages."""
    entity: str
    """What metrics call it: ``ticket`` or ``customer``."""
    sources: Callable[[CoreConfig], tuple[str, ...]]
    """Topics that its stage reads."""
    rekeyed: Callable[[CoreConfig], tuple[str, ...]]
    """Internal topics that it reads beside them, which another such stage writes."""
    changelog: Callable[[Topics], str]
    """Topic of its rows."""
    first_feed: Callable[[CoreConfig], int]
    """Number of its first partition among all that feed the windows stage."""
    new: Callable[[], Any]
    decode: Callable[[bytes, bytes], Entity]
    """Row and key -> entity."""
    encode: Callable[[Any], bytes]
    key_of: Callable[[ev.Event], bytes]
    groups_of: Mapping[type[Any], frozenset[str]]
    """Class of event, or of what another stage says, -> groups of facts that it can change."""
    always: frozenset[str]
    """What every metric of it reads: where a measure counts."""


TICKETS: Final = Kind(
    name="tickets",
    entity="ticket",
    sources=lambda config: config.topics.sources,
    rekeyed=lambda config: (),
    changelog=lambda topics: topics.tickets_changelog,
    first_feed=lambda config: 0,
    new=Ticket,
    decode=decode_ticket,
    encode=encode_ticket,
    key_of=entity_key,
    groups_of=GROUPS_OF,
    always=ALWAYS,
)
CUSTOMERS: Final = Kind(
    name="customers",
    entity="customer",
    sources=lambda config: (config.topics.customers,),
    rekeyed=lambda config: (config.topics.answers,) if config.answers else (),
    changelog=lambda topics: topics.customers_changelog,
    first_feed=lambda config: config.source_partitions,
    new=Customer,
    decode=decode_customer,
    encode=encode_customer,
    key_of=customer_key,
    groups_of=CUSTOMER_GROUPS_OF,
    always=CUSTOMER_ALWAYS,
)
KINDS: Final = (TICKETS, CUSTOMERS)


def kinds(config: CoreConfig) -> tuple[Kind, ...]:
    """Those that the configuration has a stage for, in the order of their feeds."""
    return KINDS if config.customers else KINDS[:1]
