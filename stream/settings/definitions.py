"""How settings that definitions of metrics follow are written."""

from typing import Any

import msgspec

from schemas.base import MAX_CRITERIA, MAX_TEXT
from stream.metrics.first_reply_within import MINUTES_UP_TO_MS, SECONDS_UP_TO_MS
from stream.metrics.profiles import genesys
from stream.metrics.quality_score import criterion_name
from stream.metrics.service_level import OTHER_QUEUES
from stream.settings.forms import (
    MINUTE_MS,
    SECOND_MS,
    Form,
    durations,
    names,
    show_duration,
    tokens,
    whole_number,
)

DEFAULT_LEVEL = (20,)
LONGEST_LEVEL = 2000
MOST_LEVELS = 20
"""Different thresholds over all queues, and reply targets: each has series of its own."""
MOST_QUEUES = 1000
NO_SWITCH = "none"


def criteria() -> Form[tuple[str, ...]]:
    """Names of criteria, as :func:`stream.metrics.quality_score.criterion_name` writes them."""
    form = tokens()

    def parse(text: str) -> tuple[str, ...]:
        names = form.parse(text)
        if len(names) > MAX_CRITERIA:
            raise ValueError(f"at most {MAX_CRITERIA} criteria")
        for name in names:
            if criterion_name(name) != name:
                raise ValueError(f"{name!r} is written {criterion_name(name)!r}")
        return names

    return Form(
        parse,
        form.show,
        "a list with commas of criteria (a-z, 0-9 and single _ for everything else), or nothing",
    )


def reply_targets() -> Form[tuple[int, ...]]:
    """Durations from the shortest on, in milliseconds."""
    form = durations(SECOND_MS, MINUTES_UP_TO_MS, "h")

    def parse(text: str) -> tuple[int, ...]:
        values = form.parse(text)
        if len(values) > MOST_LEVELS:
            raise ValueError(f"at most {MOST_LEVELS} targets")
        for value in values:
            if value % (SECOND_MS if value <= SECONDS_UP_TO_MS else MINUTE_MS):
                raise ValueError(
                    f"{show_duration(value)} is no whole second up to 15m, nor a whole minute above"
                )
        return values

    return Form(parse, form.show, f"{form.allowed}; whole seconds up to 15m, whole minutes above")


def service_levels() -> Form[dict[str, tuple[int, ...]]]:
    """Queue -> seconds, the target first. ``20,60`` is for all queues; a table names some, ``*`` the others."""

    def parse(text: str) -> dict[str, tuple[int, ...]]:
        if text.lstrip()[:1] not in ("{", "["):
            return {OTHER_QUEUES: _thresholds([part.strip() for part in text.split(",")])}
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError as exc:
            raise ValueError(f"not JSON: {exc}") from None
        if isinstance(found, list):
            return {OTHER_QUEUES: _thresholds(found)}
        if len(found) > MOST_QUEUES:
            raise ValueError(f"at most {MOST_QUEUES} queues")
        for queue in found:
            if not 0 < len(queue) <= MAX_TEXT:
                raise ValueError(f"a queue's name has 1 to {MAX_TEXT} characters")
        levels = {OTHER_QUEUES: DEFAULT_LEVEL} | {
            queue: _thresholds(value if isinstance(value, list) else [value])
            for queue, value in found.items()
        }
        if len({seconds for thresholds in levels.values() for seconds in thresholds}) > MOST_LEVELS:
            raise ValueError(f"at most {MOST_LEVELS} different thresholds")
        return levels

    def show(levels: dict[str, tuple[int, ...]]) -> str:
        if levels.keys() == {OTHER_QUEUES}:
            return ",".join(map(str, levels[OTHER_QUEUES]))
        return msgspec.json.encode(levels).decode()

    return Form(
        parse,
        show,
        f"whole seconds from 1 to {LONGEST_LEVEL} with commas, the target first (20,60), "
        'or a table by queue ({"vip": [10], "*": [20, 60]})',
        as_json=True,
    )


def bands() -> Form[tuple[int, int]]:
    """Two percents, the lower one first."""

    def parse(text: str) -> tuple[int, int]:
        parts = text.split(",")
        if len(parts) != 2:
            raise ValueError
        poor, good = (whole_number(0, 100).parse(part.strip()) for part in parts)
        if poor > good:
            raise ValueError("the first is above the second")
        return poor, good

    return Form(
        parse,
        lambda both: f"{both[0]},{both[1]}",
        "two whole percents from 0 to 100, the lower one first: 60,80",
    )


def genesys_switches() -> Form[tuple[str, ...]]:
    """Which of Genesys' switches are on, in their order; ``none`` for none."""
    one = names(genesys.PARTS, tuple, "")

    def parse(text: str) -> tuple[str, ...]:
        found = () if text.strip() == NO_SWITCH else one.parse(text)
        if genesys.SHORT_ABANDONS in found and genesys.ABANDONS not in found:
            raise ValueError("without abandons, short ones among them are not in it either")
        return tuple(part for part in genesys.PARTS if part in found)

    return Form(
        parse,
        lambda parts: ",".join(parts) or NO_SWITCH,
        f"{one.allowed}, or {NO_SWITCH}; short_abandons only beside abandons",
    )


def _thresholds(values: list[Any]) -> tuple[int, ...]:
    numbers = []
    for value in values:
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isdigit()
            and len(value) <= len(str(LONGEST_LEVEL))
        ):
            numbers.append(int(value))
        elif isinstance(value, int) and not isinstance(value, bool):
            numbers.append(value)
        else:
            raise ValueError(f"{value!r} is no number of whole seconds")
    if not numbers or not all(1 <= number <= LONGEST_LEVEL for number in numbers):
        raise ValueError
    if len(set(numbers)) != len(numbers):
        raise ValueError("a part stands in it twice")
    if len(numbers) > MOST_LEVELS:
        raise ValueError(f"at most {MOST_LEVELS} different thresholds")
    return tuple(numbers)
