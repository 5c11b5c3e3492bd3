"""The customers stage: facts per customer in, differences of measures out. All of it is the tickets stage's, over other facts."""

from stream.core.entity import CUSTOMERS
from stream.core.tickets_shard import TicketsShard


class CustomersShard(TicketsShard):
    """Pure state machine of one partition of the customers topic; implements :class:`stream.core.record.Shard`."""

    kind = CUSTOMERS
