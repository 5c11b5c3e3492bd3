"""A figure as it would be if an author were a bot, from the facts: exactly what STREAM_BOT_AUTHORS would make of it."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from stream.core.config import CoreConfig
from stream.core.labels import LabelBook
from stream.core.measure import Figure
from stream.core.metric import Metric
from stream.core.tally import drop_zeros
from stream.core.ticket import Ticket, decode_ticket
from stream.core.tickets_meta import take_meta


def figures_without(
    config: CoreConfig,
    metric: Metric,
    tickets: Iterable[Mapping[bytes, bytes]],
    segment: str,
    *,
    start_ms: int,
    end_ms: int,
    tenant: str,
    author: bytes,
) -> list[Figure]:
    """The metric's figures of a segment in ``[start_ms, end_ms)``. ``tickets``: the rows of each source partition, in order.

    Raises what reading the rows raises: UnknownRowError, RowVersionError, msgspec.DecodeError.
    """
    bots = config.bot_authors.get(tenant, frozenset()) | {author}
    config = msgspec.structs.replace(config, bot_authors={**config.bot_authors, tenant: bots})
    tally: dict[int, int] = {}
    for ticket, book in tickets_of(config, tickets, tenant):
        for instant_ms, labels, slot, amount in metric.says(ticket, config):
            if start_ms <= instant_ms < end_ms and any(name == segment for name, _ in book.segments(labels)):
                tally[slot] = tally.get(slot, 0) + amount
    drop_zeros(tally)
    return metric.figures(tally)


def tickets_of(
    config: CoreConfig, tickets: Iterable[Mapping[bytes, bytes]], tenant: str
) -> Iterator[tuple[Ticket, LabelBook]]:
    """A tenant's tickets, each with what its partition knows of labels. Raises as :func:`figures_without` does."""
    begins = f"t{tenant}\0".encode()
    for partition, rows in enumerate(tickets):
        own = dict(rows)
        found = take_meta(own, f"tickets partition {partition}")
        book = LabelBook(config, found[1] if found is not None else None)
        for key, row in own.items():
            if key.startswith(begins):
                yield decode_ticket(row, key), book
