"""The dead letters of one source partition between two commits, and the limit at which too many of them stop the worker.

The limit looks at blocks of offsets of each source topic: 0 to 999, 1000 to 1999, and so on. Where blocks begin depends on the log
alone, and how many of the present block were refused is kept with the state. So the same record trips it however the log was cut
into batches, and again after a restart: a supervisor that restarts the worker does not eat through a bad log block by block.
"""

from collections.abc import Mapping

from stream.core.config import CoreConfig
from stream.core.dead_letter import dead_letter, fitted
from stream.core.record import Output, Record
from stream.core.refusal import Refused


class DeadLetterLimitError(Exception):
    """So much of a source is refused that something must be wrong; the message says where and what to do."""


class DeadLetters:
    """Collects dead letters and counts them against the limit."""

    def __init__(self, config: CoreConfig) -> None:
        self.outputs: list[Output] = []
        self.blocks: dict[str, tuple[int, int]] = {}
        """Source topic -> first offset of the block that was refused in last, and how many were."""
        self.truncated: dict[str, int] = {}
        """Source topic -> dead letters that were cut to what the broker takes."""
        self._topics = config.topics
        self._limit = config.dead_letter_limit
        self._limit_bytes = config.dead_letter_bytes

    def load(self, blocks: Mapping[str, tuple[int, int]], truncated: Mapping[str, int]) -> None:
        """Go on from what a flush has kept."""
        self.blocks = dict(blocks)
        self.truncated = dict(truncated)

    def add(self, record: Record, refused: Refused) -> None:
        """Take in one. Raises DeadLetterLimitError: then nothing since the last commit may be written."""
        letter = dead_letter(record, refused, self._topics)
        output = fitted(letter, self._limit_bytes)
        if output is not letter:
            self.truncated[record.topic] = self.truncated.get(record.topic, 0) + 1
        self.outputs.append(output)
        if self._limit is not None:
            self._count(record, refused, self._limit.percent, self._limit.offsets)

    def take(self) -> list[Output]:
        """Those collected since the last time."""
        outputs, self.outputs = self.outputs, []
        return outputs

    def _count(self, record: Record, refused: Refused, percent: int, offsets: int) -> None:
        begin = record.offset - record.offset % offsets
        known, number = self.blocks.get(record.topic, (begin, 0))
        number = number + 1 if known == begin else 1
        self.blocks[record.topic] = (begin, number)
        if number * 100 >= percent * offsets:
            raise DeadLetterLimitError(
                f"{record.topic}[{record.partition}]: {number} records between the offsets {begin} and {record.offset} are refused, "
                f"the last one as {refused.reason} ({refused.message}): that is STREAM_DLQ_LIMIT={percent}%/{offsets}, and the "
                "offsets stop here. Mend what is wrong with the sender or the settings and start the worker again; to let such "
                "records through as dead letters, start it with STREAM_DLQ_LIMIT=off, and send them again later with "
                "`stream dlq replay`"
            )
