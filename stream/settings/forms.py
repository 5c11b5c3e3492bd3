"""How settings are written: each form reads a text, shows a value as such a text again, and says what it allows."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from stream.core.config import DeadLetterLimit
from stream.core.fact import AUTHOR_BYTES

T = TypeVar("T")

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_UNITS_MS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS, "ms": 1}
_DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d)")
_TOKEN = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")
_LIMIT = re.compile(r"(\d{1,3})%/(\d{1,7})")
_AUTHOR = re.compile(f"[0-9a-f]{{{2 * AUTHOR_BYTES}}}")
_SIZES = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "B": 1}
_SIZE = re.compile(r"(\d{1,15})(B|KiB|MiB|GiB)")


class Form(NamedTuple, Generic[T]):
    """``parse`` raises ValueError for what ``allowed`` does not describe; a message, if any, narrows it down."""

    parse: Callable[[str], T]
    show: Callable[[T], str]
    allowed: str
    separator: str = ","
    """What joins a list of the settings file into one text."""
    as_json: bool = False
    """Lists and tables of the settings file are read as JSON."""


def parse_duration(text: str) -> int:
    """Milliseconds of ``200ms``, ``90s``, ``5m``, ``1h`` or ``35d``; raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError("write a duration as a whole number and a unit: 200ms, 90s, 5m, 1h, 35d")
    return int(found[1]) * _UNITS_MS[found[2]]


def show_duration(duration_ms: int, largest: str = "d") -> str:
    """The shortest text that :func:`parse_duration` reads as this many milliseconds, in no unit above ``largest``."""
    if duration_ms == 0:
        return "0s"
    allowed_ms = _UNITS_MS[largest]
    unit = next(
        unit for unit, unit_ms in _UNITS_MS.items() if unit_ms <= allowed_ms and duration_ms % unit_ms == 0
    )
    return f"{duration_ms // _UNITS_MS[unit]}{unit}"


def duration(lowest_ms: int, highest_ms: int) -> Form[int]:
    """A duration within limits, in milliseconds."""

    def parse(text: str) -> int:
        value = parse_duration(text)
        if not lowest_ms <= value <= highest_ms:
            raise ValueError
        return value

    return Form(
        parse,
        show_duration,
        f"a duration (200ms, 90s, 5m, 1h, 35d) from {show_duration(lowest_ms)} to {show_duration(highest_ms)}",
    )


def durations(lowest_ms: int, highest_ms: int, largest: str = "d") -> Form[tuple[int, ...]]:
    """A list of different durations, in milliseconds, put in order of length and shown in no unit above ``largest``."""
    one = duration(lowest_ms, highest_ms)

    def parse(text: str) -> tuple[int, ...]:
        return tuple(sorted(_distinct([one.parse(part) for part in _parts(text)])))

    return Form(
        parse,
        lambda values: ",".join(show_duration(value, largest) for value in values),
        f"a list with commas, each {one.allowed}",
    )


def some_durations(all_of: str, lowest_ms: int, highest_ms: int) -> Form[tuple[int, ...] | None]:
    """Some of the durations of another setting: a list, ``longest`` (None), or ``none`` (an empty one)."""
    several = durations(lowest_ms, highest_ms, "h")

    def parse(text: str) -> tuple[int, ...] | None:
        word = text.strip().lower()
        if word in ("longest", "none"):
            return () if word == "none" else None
        return several.parse(text)

    def show(values: tuple[int, ...] | None) -> str:
        return "longest" if values is None else several.show(values) or "none"

    return Form(parse, show, f"longest, none, or some of {all_of} with commas")


def horizons() -> Form[dict[int, int]]:
    """Rollup window -> time, in milliseconds; one duration alone stands under the key 0 for all windows."""

    def parse(text: str) -> dict[int, int]:
        parts = _parts(text)
        if len(parts) == 1 and ":" not in parts[0]:
            return {0: parse_duration(parts[0])}
        pairs = [part.split(":") for part in parts]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError
        windows = _distinct([parse_duration(window) for window, _ in pairs])
        return dict(zip(windows, (parse_duration(horizon) for _, horizon in pairs), strict=True))

    def show(values: dict[int, int]) -> str:
        return ",".join(
            show_duration(horizon) if window == 0 else f"{show_duration(window)}:{show_duration(horizon)}"
            for window, horizon in values.items()
        )

    return Form(parse, show, "one duration (35d), or one per rollup window (1m:6h,1h:35d,1d:35d)")


def weights(known: Sequence[str]) -> Form[dict[str, int]]:
    """Part -> weight, ``purchases:1,referrals:3``; at least one that counts."""

    def parse(text: str) -> dict[str, int]:
        pairs = [part.split(":") for part in _parts(text)]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError
        for name in _distinct([name for name, _ in pairs]):
            if name not in known:
                raise ValueError(f"{name!r} is no part{nearest(name, known)}")
        found = {name: one.parse(weight) for name, weight in pairs}
        if not any(found.values()):
            raise ValueError("no part has a weight")
        return found

    one = whole_number(0, 1000)
    return Form(
        parse,
        lambda values: ",".join(f"{name}:{weight}" for name, weight in values.items()),
        f"a list with commas of part:weight, the parts {', '.join(known)}, the weights {one.allowed}",
    )


def whole_number(lowest: int, highest: int) -> Form[int]:
    """An integer within limits."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,12}", text.strip()) or not lowest <= int(text) <= highest:
            raise ValueError
        return int(text)

    return Form(parse, str, f"a whole number from {lowest} to {highest}")


def whole_number_or_auto(lowest: int, highest: int) -> Form[int | None]:
    """A whole number, or ``auto`` (None): found out when it is needed."""
    number = whole_number(lowest, highest)

    def parse(text: str) -> int | None:
        return None if text.strip() == "auto" else number.parse(text)

    return Form(parse, lambda value: "auto" if value is None else str(value), f"auto, or {number.allowed}")


def dead_letter_limit() -> Form[DeadLetterLimit | None]:
    """A share of a block of offsets, ``50%/1000``, or ``off`` for None."""

    def parse(text: str) -> DeadLetterLimit | None:
        if text.strip().lower() == "off":
            return None
        found = _LIMIT.fullmatch(text.strip())
        if not found or not 1 <= int(found[1]) <= 100 or not 10 <= int(found[2]) <= 1_000_000:
            raise ValueError
        return DeadLetterLimit(int(found[1]), int(found[2]))

    return Form(
        parse,
        lambda limit: "off" if limit is None else f"{limit.percent}%/{limit.offsets}",
        "a share of so many offsets (50%/1000; 1 to 100 %, 10 to 1000000 offsets), or off",
    )


def size(lowest: int, highest: int) -> Form[int]:
    """Bytes within limits, written ``512MiB`` or ``4GiB``."""

    def parse(text: str) -> int:
        found = _SIZE.fullmatch(text.strip())
        if not found:
            raise ValueError
        bytes_ = int(found[1]) * _SIZES[found[2]]
        if not lowest <= bytes_ <= highest:
            raise ValueError
        return bytes_

    return Form(
        parse,
        show_size,
        f"a size (512KiB, 64MiB, 4GiB) from {show_size(lowest)} to {show_size(highest)}",
    )


def show_size(bytes_: int) -> str:
    """The shortest exact text: ``4GiB``."""
    unit = next(unit for unit, factor in _SIZES.items() if bytes_ % factor == 0)
    return f"{bytes_ // _SIZES[unit]}{unit}"


def choice(*options: str) -> Form[Any]:
    """One of a closed set, whatever its case."""
    by_lower = {option.lower(): option for option in options}

    def parse(text: str) -> str:
        try:
            return by_lower[text.strip().lower()]
        except KeyError:
            raise ValueError from None

    return Form(parse, str, "one of " + ", ".join(options))


def yes_or_no() -> Form[bool]:
    """A switch."""
    texts = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}

    def parse(text: str) -> bool:
        try:
            return texts[text.strip().lower()]
        except KeyError:
            raise ValueError from None

    return Form(parse, lambda value: "yes" if value else "no", "yes or no")


def matching(pattern: str, allowed: str) -> Form[str]:
    """A text of one shape."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return Form(parse, str, allowed)


def addresses() -> Form[tuple[str, ...]]:
    """Bootstrap servers, ``host:port,...``."""

    def parse(text: str) -> tuple[str, ...]:
        parts = _distinct(_parts(text))
        for part in parts:
            found = _ADDRESS.fullmatch(part)
            if not found or not 0 < int(found[1]) < 65536:
                raise ValueError(f"{part!r} is no host:port")
        return tuple(parts)

    return Form(parse, ",".join, "a list host:port,host:port")


def names(known: Sequence[str], more: Callable[[], Sequence[str]], allowed: str) -> Form[tuple[str, ...]]:
    """A list of different names, at least one: ``known``, or ``more``, which is asked only for a name that is not."""

    def parse(text: str) -> tuple[str, ...]:
        parts = _distinct(_parts(text))
        for part in parts:
            if part not in known and part not in more():
                raise ValueError(f"{part!r} is not known{nearest(part, [*known, *more()])}")
        return tuple(parts)

    return Form(parse, ",".join, f"a list with commas of {', '.join(known)}{allowed}")


def tokens() -> Form[tuple[str, ...]]:
    """A list of different label names; may be empty."""

    def parse(text: str) -> tuple[str, ...]:
        parts = _distinct(_parts(text)) if text.strip() else []
        for part in parts:
            if not _TOKEN.fullmatch(part):
                raise ValueError(f"{part!r} is no label name")
        return tuple(parts)

    return Form(parse, ",".join, "a list with commas of label names (a-z, 0-9, _), or nothing")


def groupings() -> Form[tuple[tuple[str, ...], ...]]:
    """Grouping sets, ``all;team;team+channel``; ``()`` is ``all``."""

    def parse(text: str) -> tuple[tuple[str, ...], ...]:
        sets: list[tuple[str, ...]] = []
        for part in _parts(text, ";"):
            labels = () if part == "all" else tuple(_distinct(_parts(part, "+")))
            for label in labels:
                if label == "tenant":
                    raise ValueError("tenant is in every segment already")
                if label == "all" or not _TOKEN.fullmatch(label):
                    raise ValueError(f"{label!r} is no label name")
            sets.append(labels)
        if len({frozenset(labels) for labels in sets}) != len(sets):
            raise ValueError("a grouping set stands in it twice")
        return tuple(sets)

    return Form(
        parse,
        lambda sets: ";".join("+".join(labels) or "all" for labels in sets),
        "grouping sets with semicolons, labels with plus (all;team;channel;team+channel)",
        separator=";",
    )


def authors() -> Form[dict[str, frozenset[bytes]]]:
    """Tenant -> keys of authors, written ``acme/3fa9c1``; a tenant may have any character but a comma."""

    def parse(text: str) -> dict[str, frozenset[bytes]]:
        found: dict[str, set[bytes]] = {}
        for part in _distinct(_parts(text)) if text.strip() else []:
            tenant, separator, key = part.rpartition("/")
            if not (tenant and separator and _AUTHOR.fullmatch(key)):
                raise ValueError(f"{part!r} is no TENANT/KEY; `stream author` says the key of an author's id")
            found.setdefault(tenant, set()).add(bytes.fromhex(key))
        return {tenant: frozenset(keys) for tenant, keys in found.items()}

    def show(values: dict[str, frozenset[bytes]]) -> str:
        return ",".join(
            f"{tenant}/{key.hex()}" for tenant, keys in sorted(values.items()) for key in sorted(keys)
        )

    return Form(parse, show, "a list with commas of TENANT/KEY (acme/3fa9c1), or nothing")


def existing_file() -> Form[Path | None]:
    """A readable file that is not empty, or nothing."""

    def parse(text: str) -> Path | None:
        if not text:
            return None
        path = Path(text)
        try:
            with path.open("rb") as file:
                if not file.read(1):
                    raise ValueError("the file is empty")
        except OSError as exc:
            raise ValueError(f"the file cannot be read ({exc.strerror})") from None
        return path

    return Form(parse, lambda path: str(path or ""), "the path of a readable file")


def _parts(text: str, separator: str = ",") -> list[str]:
    parts = [part.strip() for part in text.split(separator)]
    if not all(parts):
        raise ValueError
    return parts


def _distinct(parts: list[T]) -> list[T]:
    if len(set(parts)) != len(parts):
        raise ValueError("a part stands in it twice")
    return parts


def nearest(word: str, known: Iterable[str], show: Callable[[str], str] = str) -> str:
    """`` (did you mean X?)`` for a mistyped name, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for it

    found = get_close_matches(word, list(known), n=1)
    return f" (did you mean {show(found[0])}?)" if found else ""
