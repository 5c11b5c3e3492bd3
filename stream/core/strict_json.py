"""JSON by RFC 8259, without what readers disagree on: no duplicate names, no NaN, no half surrogate pairs."""

import json
import re
from itertools import accumulate
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 32
_PARSED_DEPTH: Final = 200
"""Deeper than this is not parsed at all: the parser's own limit depends on the caller's stack."""

_MAX_INT_DIGITS: Final = 30
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class NotJsonError(ValueError):
    """Not JSON; the message says why."""


class TooDeepError(ValueError):
    """Nested deeper than the limit."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotJsonError("an object has the same name twice")
    return fields


def _no_constant(name: str) -> Any:
    raise NotJsonError(f"{name} is not JSON")


def _bounded_int(digits: str) -> int:
    # Beyond every range of the contract; int() itself refuses a few thousand digits with another error.
    return int(digits if len(digits) <= _MAX_INT_DIGITS else digits[:_MAX_INT_DIGITS])


_PARSER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int
)


def parse(value: bytes, outer_depth: int = 0) -> Any:
    """The document in ``value``, which may lie ``outer_depth`` levels deep in another one.

    Raises UnicodeDecodeError, NotJsonError, or TooDeepError (over 32 levels), in this order; a text nested so deep
    that parsing it is no option counts as too deep, well-formed or not.
    """
    depth = _depth(value) + outer_depth
    if depth <= MAX_DEPTH and b'\\"' not in value:
        try:
            document = msgspec.json.decode(value)
        except (ValueError, RecursionError):
            pass  # the slower parser finds the reason, or accepts 1e400
        else:
            if value.count(b'"') == _quotes(document):  # no name was lost: none is there twice
                return document
    text = value.decode()
    if depth <= _PARSED_DEPTH:
        document = _parse(text)
    if depth > MAX_DEPTH:
        raise TooDeepError(f"nested {depth} deep, {MAX_DEPTH} is the limit")
    return document


def _parse(text: str) -> Any:
    try:
        document = _PARSER.decode(text)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at character {error.pos}") from None
    except UnicodeEncodeError:
        raise NotJsonError("a string has half of a surrogate pair") from None
    return document


def _quotes(node: Any) -> int:
    """Quotation marks that the strings and names of a document need."""
    kind = type(node)
    if kind is str:
        return 2
    if kind is dict:
        total = 2 * len(node)
        for child in node.values():
            kind = type(child)
            if kind is str:
                total += 2
            elif kind is dict or kind is list:
                total += _quotes(child)
        return total
    return sum(map(_quotes, node)) if kind is list else 0


def _depth(value: bytes) -> int:
    if value.count(b"{") + value.count(b"[") <= MAX_DEPTH // 2:
        return 0
    brackets = _STRING.sub(b"", value).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)
