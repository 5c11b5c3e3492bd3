"""Files of events -> log records: NDJSON of CloudEvents, plain or gzipped, or the help-desk CSV, which its first line gives away."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

import msgspec

from schemas.events import TOPIC_OF, WIRE_TYPE, encode_event
from stream.gateway import helpdesk_csv

TOPIC_OF_TYPE = {WIRE_TYPE[event_class]: topic for event_class, topic in TOPIC_OF.items()}
"""``type`` on the wire -> short name of the topic."""


TELL_EVERY = 100
"""Lines between two words on how far the reading has come."""
AHEAD_BYTES = 1 << 15
"""So much is read ahead: as far as the reading may seem to have come before the lines are there."""


class FileError(Exception):
    """A file cannot be read at all; the message names it."""


class Line(NamedTuple):
    """One event of a file, as bytes; whether it is valid is not this module's to judge."""

    number: int
    """Of the line in the file, from 1."""
    topic: str
    """Short name: tickets, replies, surveys or customers."""
    key: bytes
    value: bytes
    time: str
    """Event time as written, empty if there is none."""


class Unroutable(NamedTuple):
    """A line without a known type or without the id that is its key."""

    number: int
    reason: str
    value: bytes


class _Ids(msgspec.Struct, frozen=True):
    ticket_id: object = None
    customer_id: object = None


class _Envelope(msgspec.Struct):
    type: object = None
    time: object = None
    data: _Ids = _Ids()


_envelope = msgspec.json.Decoder(_Envelope).decode


def read(
    path: Path,
    *,
    tenant: str | None = None,
    count_bots: bool = False,
    at: Callable[[int], None] = lambda _position: None,
) -> Iterator[Line | Unroutable]:
    """Every line of a file that is not blank, in its order; ``at`` is told now and then how many bytes have been read.

    ``tenant`` and ``count_bots`` are for the help-desk CSV, see :func:`stream.gateway.helpdesk_csv.events`. Raises FileError.
    """
    try:
        with path.open("rb") as raw, _plain(raw) as file:
            buffered = io.BufferedReader(cast("io.RawIOBase", file), AHEAD_BYTES)
            if buffered.peek(64).startswith(",".join(helpdesk_csv.HEADER[:3]).encode()):
                lines: Iterator[Line | Unroutable] = _helpdesk(
                    buffered, tenant or helpdesk_csv.TENANT, count_bots
                )
            else:
                lines = (
                    route(number, value) for number, text in enumerate(buffered, 1) if (value := text.strip())
                )
            for line in lines:
                if line.number % TELL_EVERY == 0:
                    at(raw.tell())
                yield line
            at(path.stat().st_size)
    except (OSError, EOFError, zlib.error) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise FileError(f"{path} cannot be read: {reason}") from exc
    except (helpdesk_csv.NotHelpdeskError, UnicodeDecodeError) as exc:
        raise FileError(f"{path} is not the help-desk CSV that it looks like: {exc}") from exc


def route(number: int, value: bytes) -> Line | Unroutable:
    """Topic and key of one event."""
    try:
        envelope = _envelope(value)
    except msgspec.ValidationError:
        return Unroutable(number, "it is no event: not an object, or without an object as data", value)
    except msgspec.DecodeError:
        return Unroutable(number, "it is not JSON", value)
    except RecursionError:
        return Unroutable(number, "it is nested too deeply", value)
    topic = TOPIC_OF_TYPE.get(envelope.type) if isinstance(envelope.type, str) else None
    if topic is None:
        return Unroutable(number, "its type is not known", value)
    ids = envelope.data
    key = ids.customer_id if topic == "customers" else ids.ticket_id
    if topic == "surveys":
        key = ids.ticket_id or ids.customer_id
    if not isinstance(key, str) or not key:
        return Unroutable(number, "its data have no id that could be its key", value)
    return Line(number, topic, key.encode(), value, envelope.time if isinstance(envelope.time, str) else "")


def _plain(raw: IO[bytes]) -> IO[bytes]:
    magic = raw.read(2)
    raw.seek(0)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if magic == b"\x1f\x8b" else raw


def _helpdesk(file: "io.BufferedReader[io.RawIOBase]", tenant: str, count_bots: bool) -> Iterator[Line]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    for number, event in enumerate(helpdesk_csv.events(text, tenant=tenant, count_bots=count_bots), 1):
        yield Line(
            number, TOPIC_OF[type(event)], event.data.ticket_id.encode(), encode_event(event), event.time
        )
