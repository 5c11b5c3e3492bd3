"""How far two figures are apart, as people read it: the difference, its interval, and one sentence on it."""

import textwrap
from collections.abc import Iterator

from stream.commands.words import row, value_text
from stream.core.compare import Comparison

PERCENTAGE_POINTS = " percentage points"


def difference_lines(compared: Comparison, min_n: int) -> Iterator[str]:
    """The difference with its interval, the sentence, and the method of the interval if there is one."""
    unit = compared.this.unit
    interval = ""
    if compared.low is not None and compared.high is not None:
        low = apart_text(compared.low, unit).removesuffix(PERCENTAGE_POINTS)
        interval = f"   95 % interval {low} .. {apart_text(compared.high, unit)}"
    yield row("difference", apart_text(compared.difference, unit) + interval)
    yield row("verdict", verdict(compared, min_n))
    if compared.method:
        first, *more = textwrap.wrap(compared.method, 96)
        yield row("method", first)
        yield from (row("", line) for line in more)


def verdict(compared: Comparison, min_n: int) -> str:
    """One sentence: whether the interval contains zero, and whether there are enough to say so."""
    if compared.contains_zero is None:
        return f"No interval: {compared.why_not}."
    if compared.contains_zero:
        said = "the interval contains zero, so chance alone may have put the two apart"
    else:
        said = "the interval does not contain zero, so chance alone hardly put the two apart"
    if compared.n < min_n:
        return f"Too few (n {compared.n:,}, at least {min_n:,} are asked for); {said}."
    return f"{said[0].upper()}{said[1:]}."


def apart_text(difference: float | None, unit: str) -> str:
    """A difference as people read it: ``+11.43 percentage points``, ``-12.0 s``; a dash for none."""
    if difference is None:
        return "-"
    sign = "-" if difference < 0 else "+"
    if unit == "ratio":
        return f"{sign}{100 * abs(difference):.2f}{PERCENTAGE_POINTS}"
    return sign + value_text(abs(difference), unit)
