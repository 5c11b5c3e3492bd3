"""A state that cannot be used: one line that names its changelog, its partition, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stream.core.dead_letters import DeadLetterLimitError
from stream.core.state_shape import GenerationError, ShapeChangedError
from stream.core.tally import DamagedRowError
from stream.core.tickets_meta import UnknownRowError
from stream.runtime.errors import StateError

_NOT_OF_ROWS: Final = (DeadLetterLimitError, GenerationError, MemoryError)
"""What a shard raises, or meets, that its rows are not to blame for."""

_ANEW: Final = (
    "stop all workers and start one with `stream worker --rebuild`, which builds the state anew from what the source topics "
    "still hold"
)


@contextmanager
def naming(changelog: str, partition: int) -> Iterator[None]:
    """Around what a shard does with its rows: raises StateError where they are damaged, or say what cannot be.

    Nobody checks what each row says when it is read: a byte that flipped may make a position, a time or a count that no event ever
    had, and computing with that raises whatever Python has for it. This is around whole batches and flushes, so it costs nothing.
    """
    try:
        yield
    except _NOT_OF_ROWS:
        raise
    except Exception as exc:
        raise StateError(f"{changelog}[{partition}]: {_said(exc)}") from exc


def _said(exc: Exception) -> str:
    if isinstance(exc, ShapeChangedError):  # says what to do
        return str(exc)
    if isinstance(exc, (DamagedRowError, UnknownRowError)):
        return f"{exc}. If a newer version wrote it, upgrade this worker. If it is damaged, {_ANEW}"
    return (
        f"a row of it, or what came in last, says what cannot be ({raised_in(exc)}): {_ANEW}. If it ends so again after that, the "
        "fault is in that function"
    )


def raised_in(exc: BaseException) -> str:
    """``IndexError in stream.metrics.csat.slot_of``, without the error's own text: that may quote what a row says."""
    kind = type(exc)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    trace = exc.__traceback__
    if trace is None:
        return name
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    function = frame.f_code.co_qualname.partition(".<locals>")[0]
    return f"{name} in {frame.f_globals.get('__name__', '?')}.{function}"
