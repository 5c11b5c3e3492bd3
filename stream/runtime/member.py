"""The consumer group's member: in a thread and loop of its own, with what it hears from the group noted."""

import time
from collections import deque
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.runtime import clients
from stream.runtime.errors import ShellError
from stream.runtime.shell import Shell

NEVER_MS = 36 * 86_400_000
"""Batches are handed over in their own time; the heartbeats say that the worker lives."""

METADATA_MS = 60_000
"""So soon it is noticed that partitions were added to a topic; the group then assigns anew."""

LOST_TIMES, LOST_WITHIN_SECONDS = 5, 120.0
"""A static member that the group forgets so often shares its name with another one: they take it from each other for ever."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The group's consumer, in a thread and loop of its own: heartbeats go on while the shards work."""

    app: Any
    """The ``App`` of ``upstream``."""
    _consumer: Any
    heartbeat_at: float | None = None
    error: Exception | None = None
    """Why the group cannot be joined: nobody would ever ask for it, as nothing is fetched before partitions are assigned."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        shell: Shell = self.app.shell
        config = shell.config
        self._assignor = self.app.assignor
        return clients.reader(
            config,
            committed=shell.checkpoint.committed_reads,
            group_id=config.app_id,
            group_instance_id=config.instance_id or None,
            partition_assignment_strategy=[self._assignor],
            max_poll_records=config.max_poll_records,
            max_partition_fetch_bytes=config.fetch_bytes,
            fetch_max_wait_ms=500,
            session_timeout_ms=config.session_timeout_ms,
            rebalance_timeout_ms=config.rebalance_timeout_ms,
            heartbeat_interval_ms=config.heartbeat_ms,
            max_poll_interval_ms=NEVER_MS,
            metadata_max_age_ms=METADATA_MS,
        )

    async def on_start(self) -> None:
        """Start the consumer; note every heartbeat that the group has answered, and the error that ends all attempts to join it."""
        await super().on_start()
        coordinator = self._consumer._coordinator
        beat = coordinator._do_heartbeat
        instance_id = self.app.shell.config.instance_id
        lost_at: deque[float] = deque(maxlen=LOST_TIMES)

        async def noted() -> Any:
            asked_at = time.monotonic()
            answered = await beat()
            if answered:
                self.heartbeat_at = asked_at
            elif instance_id and coordinator.generation < 0:  # the group does not know this member any more
                lost_at.append(asked_at)
                if len(lost_at) == LOST_TIMES and asked_at - lost_at[0] < LOST_WITHIN_SECONDS:
                    self.error = ShellError(
                        f"the group has taken this worker for another one {LOST_TIMES} times: is STREAM_INSTANCE_ID={instance_id} "
                        "given to two workers?"
                    )
            return answered

        coordinator._do_heartbeat = noted
        tell = coordinator._push_error_to_user

        async def told(error: Exception) -> Any:
            self.error = error
            return await tell(error)

        coordinator._push_error_to_user = told

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Changelogs are read by the loader only: without this the group's consumer would fetch our own rows back."""
        self.heartbeat_at = time.monotonic()
        changelogs = self.app.tables.changelog_topics
        self._consumer.pause(*(tp for tp in self._consumer.assignment() if tp.topic in changelogs))
        await super().on_partitions_assigned(assigned, generation_id)

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is theirs
        max_records: int | None = None,
    ) -> Any:
        """Deltas first: under a backlog of source records aiokafka empties one buffered partition after the other."""
        first = {tp for tp in active_partitions if tp.topic in self.app.first_topics}
        if first:
            records = await super()._fetch_records(consumer, first, timeout=0, max_records=max_records)
            if records:
                return records
        return await super()._fetch_records(
            consumer, active_partitions, timeout=timeout, max_records=max_records
        )
