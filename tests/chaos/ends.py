"""How a worker may end, and what has to have been done to it for that; every other end fails the run.

An end is its exit code and the last line about it. "A broker was away" is not enough for any end, nor is "it was frozen": each line
here says what it stands for, and how long after the fault it may still come.
"""

import math
import re
import signal
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.chaos.trial import EXIT_FAILED, SETTINGS

EXIT_REFUSED: Final = 1

SESSION_SECONDS: Final = float(SETTINGS["STREAM_SESSION_TIMEOUT"].removesuffix("s"))
HEARTBEAT_SECONDS: Final = 1.0
EXPELLED_SECONDS: Final = SESSION_SECONDS - HEARTBEAT_SECONDS
"""Frozen for less, a worker's session cannot have run out: its last heartbeat was an interval old at most."""
ABORTED_SECONDS: Final = 10.0
"""Brokers abort a transaction that has been open for so long, and look for such ones every ten seconds."""
RECOVERS_SECONDS: Final = 20.0
"""A broker that answers again has its leaders and coordinators back after that."""
FELT_SECONDS: Final = RECOVERS_SECONDS + 2 * ABORTED_SECONDS
"""So long after a broker's return a commit that it has cut in two, or had aborted, may still come to its end."""


class Treatment(NamedTuple):
    """What had been done to a worker when it ended."""

    killed: bool = False
    asked: bool = False
    """To end, by SIGTERM."""
    frozen_seconds: float = 0.0
    """The longest time without a break."""
    away_seconds: float = math.inf
    """How long ago a broker was last away while the worker was at work, 0 if it still is."""
    began: bool = True
    """It had come as far as to answer signals."""

    @property
    def cut_off(self) -> bool:
        """A commit of it may have been cut in two, or aborted, by a broker's absence."""
        return self.away_seconds <= FELT_SECONDS

    @property
    def expelled(self) -> bool:
        """Others may have its partitions."""
        return self.frozen_seconds >= EXPELLED_SECONDS or self.cut_off


class Honest(NamedTuple):
    """An end with its reason."""

    name: str
    code: int
    line: str
    """Pattern at the beginning of the last line about the end; empty: there is none."""
    after: Callable[[Treatment], bool]


HONEST: Final = (
    Honest("killed", -signal.SIGKILL, "", lambda done: done.killed),
    Honest("ended in order", 0, "", lambda done: done.asked),
    Honest("ended before it had begun", -signal.SIGTERM, "", lambda done: done.asked and not done.began),
    Honest(
        "committed, but could not leave the group",
        0,
        "everything is committed; the consumer group was not told of the end",
        lambda done: done.asked and done.cut_off,
    ),
    Honest(
        "could not commit any more",
        EXIT_FAILED,
        "error: the worker could not commit within ",
        lambda done: done.asked and done.cut_off,
    ),
    Honest(
        "found no broker",
        EXIT_REFUSED,
        "error: no broker answers at ",
        lambda done: done.away_seconds <= RECOVERS_SECONDS,
    ),
    Honest(
        "fenced",
        EXIT_FAILED,
        "error: ProducerFenced: another worker has taken over a part of this one, or the brokers ended a commit",
        lambda done: done.expelled,
    ),
    Honest(
        "gave a commit up",
        EXIT_FAILED,
        r"error: ShellError: a commit came to no end within (STREAM_DELIVERY_TIMEOUT|\d+ s though the brokers answer)",
        lambda done: done.cut_off,
    ),
    Honest(
        "lost its connection as it began",
        EXIT_FAILED,
        "error: KafkaConnectionError: ",
        lambda done: done.away_seconds <= RECOVERS_SECONDS and not done.began,
    ),
    Honest(
        "asked where logs end and was not answered",
        EXIT_FAILED,
        "error: KafkaTimeoutError: KafkaTimeoutError: Failed to get offsets by times in 30000 ms",
        lambda done: done.cut_off,
    ),
    Honest(
        "aiokafka gave a batch up",
        EXIT_FAILED,
        "error: KafkaError: KafkaError: Unexpected error during batch delivery",
        lambda done: done.cut_off,
    ),
)


def reason(code: int, output: str, done: Treatment) -> str | None:
    """Why a worker ended, None where nothing that was done to it explains that it ended so."""
    line = last_line(output)
    honest = [one for one in HONEST if one.after(done)]
    said = [one for one in honest if one.line and re.match(one.line, line)]
    if not line or (said and code < 0):  # a signal may meet one that ends by itself and has said why
        return next((one.name for one in honest if one.code == code and not one.line), None)
    return next((one.name for one in said if one.code == code), None)


def last_line(output: str) -> str:
    """What a worker says of its end; other threads may still say something after it. Empty for nothing."""
    about = [
        line
        for line in output.splitlines()
        if line.startswith(("error: ", "everything is committed; ", "Fatal Python error"))
    ]
    return about[-1] if about else ""


STARTING: Final = re.compile(r'"event": "(?!http\.listening|settings\.note)')


def has_begun(output: str) -> bool:
    """Whether a worker has logged more than what comes before it answers signals."""
    return STARTING.search(output) is not None
