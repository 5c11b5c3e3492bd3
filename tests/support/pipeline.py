"""All stages as pure shards in one process: what the workers do, without Kafka, with every cut and restart under the test's control."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from stream.core.config import CoreConfig
from stream.core.entity import kinds
from stream.core.record import Output, Record, SourceRecord
from stream.core.tickets_shard import TicketsShard
from stream.core.windows_shard import WindowsShard
from tests.support.core import new_customers, new_tickets, new_windows

VOLATILE = ("emitted_at", "revision", "watermark", "status")
"""Fields of a rollup that may differ between two runs over the same log."""

NOW_MS = 1_793_966_400_000


def stable(rollups: Sequence[Output]) -> dict[bytes, dict[str, Any]]:
    """Rollup key -> its data as it stands after all upserts, without what may differ between runs."""
    found: dict[bytes, dict[str, Any]] = {}
    for rollup in rollups:
        assert rollup.key is not None
        assert rollup.value is not None
        data = orjson.loads(rollup.value)["data"]
        found[rollup.key] = {name: value for name, value in data.items() if name not in VOLATILE}
    return found


def _inputs(config: CoreConfig) -> list[TicketsShard]:
    """The shards that feed the windows, by their feed."""
    partitions = range(config.source_partitions)
    customers = [new_customers(config, p) for p in partitions] if config.customers else []
    return [*(new_tickets(config, p) for p in partitions), *customers]


class Pipeline:
    """Tickets shards, customers shards and windows shards with their changelogs; deltas stand in logs in between."""

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.tickets = _inputs(config)
        self.windows = [new_windows(config, p) for p in range(config.delta_partitions)]
        self.changelogs: list[dict[bytes, bytes]] = [{} for _ in (*self.tickets, *self.windows)]
        self._customers: list[dict[bytes, bytes]] = []
        self.deltas: list[list[SourceRecord]] = [[] for _ in self.windows]
        self.answers: list[list[SourceRecord]] = [[] for _ in range(config.source_partitions)]
        self.rollups: list[Output] = []
        self.alerts: list[Output] = []
        self.followups: list[Output] = []
        self.dead_letters: list[Output] = []
        for shard in self._shards():
            shard.ready()

    def facts(self) -> dict[str, list[dict[bytes, bytes]]]:
        """The rows of each stage that keeps facts, by partition."""
        number = self.config.source_partitions
        return {
            kind.name: self.changelogs[one * number : (one + 1) * number]
            for one, kind in enumerate(kinds(self.config))
        }

    def _shards(self) -> list[TicketsShard | WindowsShard]:
        return [*self.tickets, *self.windows]

    def feed(self, records: Sequence[Record]) -> None:
        """One fetch: the records of each (topic, partition) in one batch."""
        batches: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in records:
            batches[record.topic, record.partition].append(record)
        for (topic, partition), batch in batches.items():
            feed = partition + self.config.source_partitions * (topic == self.config.topics.customers)
            shard = self.tickets[feed]
            shard.apply(topic, batch, batch[-1].offset + 1, NOW_MS)
        for shard in self.tickets:
            shard.tick(NOW_MS, {})

    def hear(self, most: int | None = None) -> None:
        """Every customers partition takes in the answers that it has not heard, or so many records of them."""
        topic = self.config.topics.answers
        if self.config.answers:
            for log, shard in zip(self.answers, self.tickets[self.config.source_partitions :], strict=True):
                start = shard.positions.get(topic, 0)
                heard = log[start:] if most is None else log[start : start + most]
                if heard:
                    shard.apply(topic, heard, start + len(heard), NOW_MS)

    def commit_tickets(self, *, hear: int | None = None) -> None:
        """One commit of every source partition; those of customers take in ``hear`` records of answers first, or all."""
        for index, shard in enumerate(self.tickets):
            if index == self.config.source_partitions:
                self.hear(hear)
                for one in self.tickets[index:]:
                    one.tick(NOW_MS, {})
            flush = shard.flush(NOW_MS)
            self._store(index, flush.rows)
            for output in flush.outputs:
                if output.topic in (self.config.topics.deltas, self.config.topics.answers):
                    assert output.partition is not None
                    logs = self.deltas if output.topic == self.config.topics.deltas else self.answers
                    log = logs[output.partition]
                    log.append(
                        SourceRecord(output.topic, output.partition, len(log), NOW_MS, None, output.value)
                    )
                elif output.topic == self.config.topics.followups:
                    self.followups.append(output)
                else:
                    self.dead_letters.append(output)

    def commit_windows(self) -> None:
        """Every windows partition takes in what there is and commits."""
        topic = self.config.topics.deltas
        for index, shard in enumerate(self.windows):
            start = shard.positions.get(topic, 0)
            log = self.deltas[index]
            shard.apply(topic, log[start:], len(log), NOW_MS)
            shard.tick(NOW_MS, {})
            flush = shard.flush(NOW_MS)
            self._store(len(self.tickets) + index, flush.rows)
            for output in flush.outputs:
                (self.rollups if output.topic == self.config.topics.rollups else self.alerts).append(output)

    def restart(self) -> None:
        """All shards anew from their changelogs, as after a crash right behind a commit of every partition."""
        self.tickets = _inputs(self.config)
        self.windows = [new_windows(self.config, p) for p in range(self.config.delta_partitions)]
        for shard, changelog in zip(self._shards(), self.changelogs, strict=True):
            shard.rows.update(changelog)
            shard.ready()
            assert shard.rows_missing == 0

    def change(self, config: CoreConfig) -> None:
        """Restart under other settings. Rows of customers outlive a time without a stage that reads them."""
        first, last = self.config.source_partitions, self.config.feeds
        if self.config.customers and not config.customers:
            self._customers = self.changelogs[first:last]
            del self.changelogs[first:last]
        elif config.customers and not self.config.customers:
            self.changelogs[first:first] = self._customers or [{} for _ in range(first)]
        self.config = config
        self.restart()

    def building(self) -> bool:
        """Whether a generation is still being built."""
        return any(shard.building for shard in self._shards())

    def build(self) -> None:
        """Commit until the generation is complete."""
        for _ in range(10_000):
            own = [shard for shard in self.tickets if shard.building and "are to come" not in shard.building]
            assert all(shard.changed() for shard in own), "the shell would not commit"
            self.commit_tickets()
            self.commit_windows()
            if not self.building():
                return
        raise AssertionError("a generation is never complete")

    def close(self) -> None:
        """End of the input: every window closes."""
        for shard in self.tickets:
            shard.close_input()
        self.commit_tickets()
        self.commit_windows()

    def _store(self, index: int, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        for key, row in rows:
            if row is None:
                self.changelogs[index].pop(key, None)
            else:
                self.changelogs[index][key] = row
