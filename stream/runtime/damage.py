"""A state that cannot be used: one line that names its changelog, its partition, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stream.core.dead_letters import DeadLetterLimitError
from stream.core.impossible import ANEW, impossible, raised_in
from stream.core.state_shape import GenerationError, ShapeChangedError
from stream.core.tally import DamagedRowError
from stream.core.tickets_meta import UnknownRowError
from stream.runtime.errors import StateError

_NOT_OF_ROWS: Final = (DeadLetterLimitError, GenerationError, MemoryError)
"""What a shard raises, or meets, that its rows are not to blame for."""


@contextmanager
def naming(changelog: str, partition: int) -> Iterator[None]:
    """Around what a shard does with its rows: raises StateError where they are damaged, or say what cannot be.

    This is around whole batches and flushes, so it costs nothing.
    """
    try:
        yield
    except _NOT_OF_ROWS:
        raise
    except Exception as exc:
        raise StateError(_said(f"{changelog}[{partition}]", exc)) from exc


def _said(where: str, exc: Exception) -> str:
    if isinstance(exc, ShapeChangedError):  # says what to do
        return f"{where}: {exc}"
    if isinstance(exc, (DamagedRowError, UnknownRowError)):
        return f"{where}: {exc}. If a newer version wrote it, upgrade this worker. If it is damaged, {ANEW}"
    return impossible(where, raised_in(exc), what="a row of it, or what came in last,")
