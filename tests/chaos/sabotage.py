"""The product with one of its protections taken out, for showing that the suite notices. Never part of the product."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka.structs import OffsetAndMetadata

from stream.core.record import Flush, Record
from stream.runtime import checkpoint, clients, guard
from stream.runtime.batches import output_batches, row_batches
from stream.runtime.stage import Part


def no_barrier() -> None:
    """Rows in a transaction of their own, outputs and offsets in the next one: a death in between loses outputs."""

    async def write(
        self: checkpoint.Transactions, part: Part, flush: Flush, positions: Mapping[str, int]
    ) -> None:
        producer = self._producers[part.name]
        counts = await self._counts.of(producer, {output.topic for output in flush.outputs})
        await producer.begin_transaction()
        rows = row_batches(producer, part.spec.changelog, part.number, flush)
        await checkpoint._send(producer, rows, lambda: None)
        await producer.commit_transaction()
        self._fault(part.name, "between")
        await producer.begin_transaction()
        outputs = output_batches(producer, counts, part.number, flush)
        await checkpoint._send(producer, outputs, lambda: None)
        offsets = checkpoint._offsets(part, positions)
        if offsets:
            await producer.send_offsets_to_transaction(
                {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}, self._config.app_id
            )
        await producer.commit_transaction()

    checkpoint.Transactions.write = write  # type: ignore[method-assign]  # that is the point


def no_rekeying() -> None:
    """Answers leave for their customers in a transaction of their own, behind the commit: a death in between loses them."""
    whole = checkpoint.Transactions.write

    async def write(
        self: checkpoint.Transactions, part: Part, flush: Flush, positions: Mapping[str, int]
    ) -> None:
        answers = [output for output in flush.outputs if output.topic.endswith("-answers")]
        others = [output for output in flush.outputs if output not in answers]
        await whole(self, part, Flush(flush.rows, others), positions)
        self._fault(part.name, "between")
        producer = self._producers[part.name]
        counts = await self._counts.of(producer, {output.topic for output in answers})
        await producer.begin_transaction()
        batches = output_batches(producer, counts, part.number, Flush([], answers))
        await checkpoint._send(producer, batches, lambda: None)
        await producer.commit_transaction()

    checkpoint.Transactions.write = write  # type: ignore[method-assign]  # that is the point


def no_guard() -> None:
    """Whatever was fetched is applied: what was lost on the way is lost, what comes twice counts twice."""

    def admit(
        self: guard.PositionGuard, topic: str, partition: int, expected: int, fetched: guard.Fetched
    ) -> Sequence[Record]:
        return fetched

    guard.PositionGuard.admit = admit  # type: ignore[method-assign]  # that is the point


def no_fencing() -> None:
    """Transactional ids of each process's own: a new owner does not shut the old one out."""
    make = clients.producer

    def producer(config: Any, transactional_id: str | None = None, **options: Any) -> Any:
        own = None if transactional_id is None else f"{transactional_id}-{os.getpid()}"
        return make(config, own, **options)

    clients.producer = producer


APPLY: dict[str, Callable[[], None]] = {
    "barrier": no_barrier,
    "rekeying": no_rekeying,
    "guard": no_guard,
    "fencing": no_fencing,
}
