"""The pure core with the metrics that a configuration selects, as the program runs it."""

from collections.abc import Iterable

from stream.core import fold
from stream.core.config import CoreConfig
from stream.core.customers_shard import CustomersShard
from stream.core.record import Record
from stream.core.tickets_shard import TicketsShard
from stream.core.windows_shard import WindowsShard
from stream.metrics import selected


def new_tickets(config: CoreConfig, partition: int) -> TicketsShard:
    """A fresh partition of tickets."""
    return TicketsShard(config, partition, selected(config))


def new_customers(config: CoreConfig, partition: int) -> CustomersShard:
    """A fresh partition of customers."""
    return CustomersShard(config, partition, selected(config))


def new_windows(config: CoreConfig, partition: int) -> WindowsShard:
    """A fresh partition of windows."""
    return WindowsShard(config, partition, selected(config))


def oracle(config: CoreConfig, records: Iterable[Record], *, now_ms: int) -> fold.FoldResult:
    """What the records come to: the judge of every fault test."""
    return fold.fold(config, selected(config), records, now_ms=now_ms)
