"""Why a document is not the event that it says it is, field by field. Only for documents that are refused."""

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import inspect

from schemas.base import NO_CONTROLS
from stream.core.refusal import REASONS, Reason

Problem = tuple[Reason, str]
"""The reason token, and what is wrong and where."""

_CONTROL: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f]")
_RANK: Final = {reason: rank for rank, reason in enumerate(REASONS)}


def first(found: list[Problem]) -> Problem | None:
    """The problem whose reason comes first in the contract's order."""
    return min(found, key=lambda problem: _RANK[problem[0]], default=None)


def problems(expected: inspect.Type, value: Any, path: str) -> Iterator[Problem]:
    """All that is wrong with ``value``. Never quotes the value: it may be a customer's text."""
    no_controls = False
    if isinstance(expected, inspect.Metadata):
        no_controls = (expected.extra_json_schema or {}).get("pattern") == NO_CONTROLS
        expected = expected.type
    match expected:
        case inspect.UnionType(types=types):
            if value is not None:  # every union of the contract is "this or null"
                yield from problems(
                    next(t for t in types if not isinstance(t, inspect.NoneType)), value, path
                )
        case inspect.StructType(fields=fields):
            yield from _struct(fields, value, path)
        case inspect.StrType():
            yield from _text(expected, value, path, no_controls)
        case inspect.IntType(ge=low, le=high):
            if type(value) is not int:
                yield "wrong_type", f"{path} is not an integer"
            elif not (low or 0) <= value <= (high or 0):
                yield "out_of_range", f"{path} is outside of {low}..{high}"
        case inspect.BoolType():
            if type(value) is not bool:
                yield "wrong_type", f"{path} is not true or false"
        case inspect.LiteralType(values=values):
            if type(value) is not str:
                yield "wrong_type", f"{path} is not a string"
            elif value not in values:
                yield "unknown_value", f"{path} is none of {', '.join(map(str, values))}"
        case inspect.DictType(key_type=key_type, value_type=value_type, max_length=most):
            yield from _map(key_type, value_type, most or 0, value, path)
        case inspect.ListType(item_type=item_type, min_length=least, max_length=most):
            if type(value) is not list:
                yield "wrong_type", f"{path} is not an array"
            elif not (least or 0) <= len(value) <= (most or 0):
                yield "out_of_range", f"{path} has {len(value)} entries, {least} to {most} are allowed"
            else:
                for index, item in enumerate(value):
                    yield from problems(item_type, item, f"{path}[{index}]")
        case _:
            raise TypeError(f"no rule for {expected!r} at {path}")


def _struct(fields: tuple[inspect.Field, ...], value: Any, path: str) -> Iterator[Problem]:
    if type(value) is not dict:
        yield "wrong_type", f"{path} is not an object"
        return
    for field in fields:
        name = field.encode_name
        field_path = f"{path}.{name}" if path else name
        if name in value:
            yield from problems(field.type, value[name], field_path)
        elif field.required:
            yield "missing_field", f"{field_path} is missing"


def _text(expected: inspect.StrType, value: Any, path: str, no_controls: bool) -> Iterator[Problem]:
    if type(value) is not str:
        yield "wrong_type", f"{path} is not a string"
        return
    shortest, longest = expected.min_length or 0, expected.max_length
    if len(value) < shortest or (longest is not None and len(value) > longest):
        yield "out_of_range", f"{path} has {len(value)} characters, {shortest} to {longest} are allowed"
    elif expected.pattern is not None and re.search(expected.pattern, value) is None:
        yield "out_of_range", f"{path} does not match {expected.pattern}"
    elif no_controls and _CONTROL.search(value):
        yield "out_of_range", f"{path} has a control character"


def _map(
    key_type: inspect.Type, value_type: inspect.Type, most: int, value: Any, path: str
) -> Iterator[Problem]:
    if type(value) is not dict:
        yield "wrong_type", f"{path} is not an object"
        return
    if len(value) > most:
        yield "out_of_range", f"{path} has {len(value)} entries, at most {most} are allowed"
    for name, entry in value.items():
        yield from problems(key_type, name, f"a name in {path}")
        yield from problems(value_type, entry, f"a value in {path}")
