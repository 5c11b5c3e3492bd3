"""What every topic must be like: declared once, for ``stream topics`` and for the worker's start."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from stream.core.config import DAY_MS, CoreConfig

Kind = Literal["source", "internal", "output"]

LARGE_BYTES = 4 * 2**20
DEAD_LETTER_BYTES = 2 * 2**20

CHANGELOG_SEGMENT_BYTES = 32 * 2**20
"""The segment that is being written is never compacted, and a new owner reads all of it."""

DELTAS_RETENTION_MS = 7 * DAY_MS
ROLLUPS_RETENTION_MS = 400 * DAY_MS
DEAD_LETTER_RETENTION_MS = 30 * DAY_MS


class TopicSpec(NamedTuple):
    """One topic as it should be."""

    name: str
    kind: Kind
    partitions: int
    exact: bool
    """Whether any other partition count is wrong."""
    config: Mapping[str, str]
    """What ``create`` sets."""
    purpose: str


def specs(core: CoreConfig) -> tuple[TopicSpec, ...]:
    """Every topic that a worker reads or writes."""
    topics = core.topics
    compacted = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(LARGE_BYTES),
        "min.cleanable.dirty.ratio": "0.3",
        "segment.bytes": str(CHANGELOG_SEGMENT_BYTES),
    }
    sources = [
        TopicSpec(
            name,
            "source",
            core.source_partitions,
            True,
            {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"},
            "events in",
        )
        for name in core.sources
    ]
    dead_letters = [
        TopicSpec(
            topics.dlq(name),
            "output",
            core.source_partitions,
            False,
            {
                "cleanup.policy": "delete",
                "max.message.bytes": str(DEAD_LETTER_BYTES),
                "retention.ms": str(DEAD_LETTER_RETENTION_MS),
            },
            "refused events with their reasons",
        )
        for name in core.sources
    ]
    return (
        *sources,
        TopicSpec(
            topics.rollups,
            "output",
            core.source_partitions,
            False,
            {"cleanup.policy": "compact,delete", "retention.ms": str(ROLLUPS_RETENTION_MS)},
            "figures per window, upserts",
        ),
        TopicSpec(
            topics.alerts,
            "output",
            core.source_partitions,
            False,
            {"cleanup.policy": "compact"},
            "alerts, upserts",
        ),
        TopicSpec(
            topics.followups,
            "output",
            core.source_partitions,
            False,
            {"cleanup.policy": "compact"},
            "bad answers to react to, upserts",
        ),
        *dead_letters,
        TopicSpec(
            topics.deltas,
            "internal",
            core.delta_partitions,
            True,
            {
                "cleanup.policy": "delete",
                "retention.ms": str(DELTAS_RETENTION_MS),
                "max.message.bytes": str(LARGE_BYTES),
            },
            "differences of tallies, from the tickets stage to the windows stage",
        ),
        *(
            [
                TopicSpec(
                    topics.answers,
                    "internal",
                    core.source_partitions,
                    True,
                    {
                        "cleanup.policy": "delete",
                        "retention.ms": str(DELTAS_RETENTION_MS),
                        "max.message.bytes": str(LARGE_BYTES),
                    },
                    "survey answers by customer, from the tickets stage to the customers stage",
                )
            ]
            if core.answers
            else []
        ),
        TopicSpec(
            topics.tickets_changelog, "internal", core.source_partitions, True, compacted, "facts per ticket"
        ),
        *(
            [
                TopicSpec(
                    topics.customers_changelog,
                    "internal",
                    core.source_partitions,
                    True,
                    compacted,
                    "facts per customer",
                )
            ]
            if core.customers
            else []
        ),
        TopicSpec(
            topics.windows_changelog, "internal", core.delta_partitions, True, compacted, "tallies per window"
        ),
        TopicSpec(
            topics.generations, "internal", 1, True, compacted, "settings of each generation of the state"
        ),
    )


def unread(core: CoreConfig) -> tuple[TopicSpec, ...]:
    """Topics of the contract that no chosen metric needs: they are made for producers, and no worker asks for them."""
    if core.customers:
        return ()
    return (
        TopicSpec(
            core.topics.customers,
            "source",
            core.source_partitions,
            False,
            {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"},
            "events in, read where a metric of customers is chosen",
        ),
    )
