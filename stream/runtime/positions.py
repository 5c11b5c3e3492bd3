"""Where a part that was just loaded reads on: rows, committed offsets and the log have to fit together."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple

from stream.runtime.errors import StateError
from stream.runtime.stage import Part

TopicPartition = tuple[str, int]

REBUILD = "build the state anew from what the source topics still hold: stop all workers, and start one with `stream worker --rebuild`"

ROTTEN = (
    "is damaged on the broker's disk: stop all workers, delete that topic, and start one with `stream worker --rebuild`, which builds "
    "the state anew from what the source topics still hold"
)
"""Tombstones do not help here: what is damaged stays in the log, and is met by every reader."""

ROTTEN_INPUT = (
    "what the topic holds there is damaged on the broker's disk, and a worker that is started again meets it again. Move the partition's "
    "leader to another replica. Of the deltas, which this program writes itself, `stream worker --rebuild` needs none; of a source "
    "without another replica restore the topic: what is damaged is lost"
)


class Offsets(NamedTuple):
    """Of one source partition."""

    committed: int | None
    begin: int
    end: int


AskOffsets = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, Offsets]]]


def check_count(topic: str, found: int, expected: int) -> None:
    """Raises StateError where partitions were added to a topic under a running worker; 0 found: it is not known yet."""
    if found not in (0, expected):
        raise StateError(
            f"{topic} has {found} partitions now, and had {expected} when this worker was started: keys have moved, and what stands in "
            "the new ones is not read. Topics cannot grow under the tickets that are in them: make new ones with equal counts "
            "(another STREAM_TOPIC_PREFIX), publish into those, and start with a new STREAM_APP_ID"
        )


def shorter(tp: TopicPartition, kept: int, end: int) -> StateError:
    """What to say of a log that ends before what has been read of it."""
    return StateError(
        f"{tp[0]}[{tp[1]}] ends at offset {end}, but the state already contains what came before {kept}: the topic was "
        f"deleted or recreated. If that is meant, {REBUILD}"
    )


def gone(topic: str) -> StateError:
    """What to say of a topic that was there when the worker was started."""
    return StateError(
        f"topic {topic} does not exist any more, or this user may not see it: it was deleted, or permissions were taken away. Bring it "
        f"back and start the worker again; if it has to be made anew, {REBUILD}"
    )


def first_position(tp: TopicPartition, part: Part, offsets: Offsets) -> int:
    """Where a part that was just loaded reads on. Raises StateError where rows, offsets and log do not fit together."""
    topic, number = tp
    kept = part.shard.positions.get(topic)
    where = f"{topic}[{number}]"
    if kept is None:
        if offsets.committed is None:
            return offsets.begin
        raise StateError(
            f"{where}: offset {offsets.committed} is committed, but {part.spec.changelog}[{number}] holds no state for it: "
            f"it was deleted or truncated. Restore it, or {REBUILD}"
        )
    if offsets.committed is not None and offsets.committed > kept:
        raise StateError(
            f"{where}: offset {offsets.committed} is committed, but the state in {part.spec.changelog}[{number}] ends at {kept}: "
            f"rows were lost or offsets were moved by hand. Restore them, or {REBUILD}"
        )
    if kept > offsets.end:
        raise shorter(tp, kept, offsets.end)
    if kept < offsets.begin:
        raise StateError(
            f"{where} begins at offset {offsets.begin}, but the state ends at {kept}: what lies between was deleted before it was "
            f"read. Raise the topic's retention.ms and {REBUILD}"
        )
    return kept
