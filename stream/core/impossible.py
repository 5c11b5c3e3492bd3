"""A row that can be read and says what cannot be: one line for whoever met it, the worker, its page or a command.

Nobody checks what each row says when it is read: a byte that flipped may make a position, a time or a count that no event ever had,
and computing with that raises whatever Python has for it.
"""

from typing import Final

ANEW: Final = (
    "stop all workers and start one with `stream worker --rebuild`, which builds the state anew from what the source topics "
    "still hold"
)


def impossible(where: str, raised: str, *, what: str = "a row of it", so: str = "") -> str:
    """The line. ``where``: the changelog with its partition; ``raised``: see :func:`raised_in`; ``so``: what follows from it."""
    return f"{where}: {what} says what cannot be ({raised}): {so}{ANEW}. If it comes again after that, the fault is in that function"


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
