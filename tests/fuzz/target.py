"""What is fuzzed, and what must hold for every input: ``check`` raises where it does not.

An input's first byte says what the rest is: a value (``S``), headers and a value (``B``), a row of a changelog that is read, or a
row or a record between two stages that a worker lives with (:mod:`tests.fuzz.lives`). Nothing here knows the fuzzer, so that the
corpus is an ordinary test.
"""

from collections.abc import Callable, Iterator
from functools import partial

import orjson

from schemas.events import WIRE_TYPE, encode_event
from stream.core.author_days import decode_day, encode_day, judge
from stream.core.config import CoreConfig
from stream.core.customer import decode_customer, encode_customer
from stream.core.dead_letter import dead_letter
from stream.core.decode import Accepted, Decoder, Refused, Skipped
from stream.core.delta import decode_delta, encode_delta
from stream.core.live import decode_counts, encode_counts
from stream.core.pane import META_KEY, levels, live_key
from stream.core.record import SourceRecord
from stream.core.refusal import REASONS
from stream.core.state_shape import GenerationError, ShapeChangedError
from stream.core.tally import DamagedRowError, decode_window, encode_window
from stream.core.ticket import decode_ticket, encode_ticket
from stream.core.tickets_meta import LABELS_KEY, UnknownRowError
from stream.core.tickets_meta import META_KEY as SOURCE_META_KEY
from tests.fuzz import lives as rows
from tests.fuzz.lives import lives, slots
from tests.support.core import new_tickets, new_windows
from tests.support.examples import FOLDER, NOW_MS, PARTITIONS, record

CONFIG = CoreConfig(source_partitions=PARTITIONS, delta_partitions=1)
FAST = Decoder(CONFIG)
CAREFUL = Decoder(CONFIG, fast=False)
SEGMENT = b"team=billing&tenant=acme"


def check(data: bytes) -> None:
    """Check one input; nothing is promised of an unknown first byte."""
    kind = KINDS.get(data[:1])
    if kind is not None:
        kind(data[1:])


# --- events -----------------------------------------------------------------------------------------------------------


def _structured(value: bytes) -> None:
    _judge(record(value))


def _binary(data: bytes) -> None:
    """``name: value`` lines, an empty line, the data."""
    head, _, value = data.partition(b"\n\n")
    headers = []
    for line in head.split(b"\n"):
        name, _, text = line.partition(b": ")
        headers.append((name.decode("utf-8", "replace"), text))
    wire_type = dict(headers).get("ce_type", b"").decode("utf-8", "replace")
    placed = record(b'{"type":%s,"data":%s}' % (orjson.dumps(wire_type), value))
    _judge(placed._replace(value=value, headers=tuple(headers)))


def _judge(placed: SourceRecord) -> None:
    """A verdict, the same both ways; a refusal is a dead letter; an event goes through the whole core."""
    verdict = FAST.decode(placed)
    assert verdict == CAREFUL.decode(placed)
    if isinstance(verdict, Refused):
        assert verdict.reason in REASONS
        assert verdict.message.isprintable()
        letter = dead_letter(placed, verdict, CONFIG.topics)
        assert (letter.key, letter.value) == (placed.key, placed.value)
    elif isinstance(verdict, Accepted):
        written = placed._replace(value=encode_event(verdict.event), headers=())
        assert FAST.decode(written) == verdict
        if placed.topic in CONFIG.topics.sources:
            _counted(placed)
    else:
        assert isinstance(verdict, Skipped)


def _counted(placed: SourceRecord) -> None:
    """Applied once, a repetition is one, and what the stages write can be read again."""
    tickets = new_tickets(CONFIG, placed.partition)
    tickets.ready()
    tickets.apply(placed.topic, [placed, placed], 2, NOW_MS)
    assert tickets.counts[placed.topic] == {"applied": 1, "duplicate": 1}
    tickets.close_input()
    flush = tickets.flush(NOW_MS)
    again = new_tickets(CONFIG, placed.partition)
    again.rows = {key: value for key, value in flush.rows if value is not None}
    again.ready()
    again.apply(placed.topic, [placed], 3, NOW_MS)
    assert again.counts[placed.topic] == {"applied": 1, "duplicate": 2}
    windows = new_windows(CONFIG, 0)
    windows.ready()
    deltas = [
        SourceRecord(output.topic, 0, offset, NOW_MS, None, output.value)
        for offset, output in enumerate(flush.outputs)
        if output.topic == CONFIG.topics.deltas
    ]
    windows.apply(CONFIG.topics.deltas, deltas, len(deltas), NOW_MS)
    written = windows.flush(NOW_MS)
    for output in written.outputs:
        orjson.loads(output.value or b"")
    loaded = new_windows(CONFIG, 0)
    loaded.rows = {key: value for key, value in written.rows if value is not None}
    loaded.ready()


# --- rows: they are ours, but a disk or an older version may say something else -----------------------------------------


KEY = b"tacme\x004711"


def _ticket_row(data: bytes) -> None:
    try:
        ticket = decode_ticket(data, KEY)
    except ValueError:
        return
    assert decode_ticket(encode_ticket(ticket), KEY) == ticket


def _customer_row(data: bytes) -> None:
    try:
        customer = decode_customer(data, KEY)
    except ValueError:
        return
    assert decode_customer(encode_customer(customer), KEY) == customer


def _window_row(data: bytes) -> None:
    try:
        window = decode_window(data)
    except DamagedRowError:
        return
    again = decode_window(encode_window(window))
    assert (again.tally, again.states) == (window.tally, window.states)


def _live_row(data: bytes) -> None:
    try:
        counts = decode_counts(data)
    except DamagedRowError:
        return
    assert decode_counts(encode_counts(counts)) == counts


def _author_row(data: bytes) -> None:
    try:
        day = decode_day(data)
    except DamagedRowError:
        return
    again = decode_day(encode_day(day))
    assert (again.sums, again.counts, again.full) == (day.sums, day.counts, day.full)
    judge(b"tenant=acme", {0: day})


def _delta(data: bytes) -> None:
    try:
        delta = decode_delta(data)
    except ValueError:
        return
    assert decode_delta(encode_delta(delta)) == delta


def _source_meta(data: bytes) -> None:
    _load_tickets({SOURCE_META_KEY: data})


def _source_labels(data: bytes) -> None:
    shard = new_tickets(CONFIG, 0)
    written = {key: row for key, row in shard.flush(0).rows if row is not None}
    _load_tickets({**written, LABELS_KEY: data})


def _load_tickets(rows: dict[bytes, bytes]) -> None:
    shard = new_tickets(CONFIG, 0)
    shard.rows = rows
    try:
        shard.ready()
    except (UnknownRowError, GenerationError, ShapeChangedError):
        return
    shard.flush(NOW_MS)


def _windows_rows(key: bytes) -> Callable[[bytes], None]:
    def load(data: bytes) -> None:
        shard = new_windows(CONFIG, 0)
        shard.rows = {key: data}
        try:
            shard.ready()
        except (DamagedRowError, GenerationError, ShapeChangedError):
            return
        shard.flush(NOW_MS)

    return load


KINDS: dict[bytes, Callable[[bytes], None]] = {
    b"S": _structured,
    b"B": _binary,
    b"t": _ticket_row,
    b"c": _customer_row,
    b"w": _window_row,
    b"l": _live_row,
    b"f": _author_row,
    b"d": _delta,
    b"m": _source_meta,
    b"v": _source_labels,
    b"p": _windows_rows(META_KEY),
    b"P": _windows_rows(levels(CONFIG)[0].key(1, SEGMENT)),
    b"L": _windows_rows(live_key(60, 60, SEGMENT)),
    b"a": _windows_rows(b"a" + b"csat_low\0" + SEGMENT),
    **{kind: partial(lives, kind) for kind in slots()},
}


# --- where the fuzzer starts ------------------------------------------------------------------------------------------


def seeds() -> Iterator[bytes]:
    """The contract's examples in both modes, and the rows and deltas that they come to; and a state with every kind of row."""
    read = {b"0": b"t", b"1": b"c", b"7": b"w", b"9": b"l", b"F": b"f", b"R": b"a", b"D": b"d"}
    for seed in rows.seeds():
        yield seed
        if seed[:1] in read:
            yield read[seed[:1]] + seed[1:]
    for path in sorted((*(FOLDER / "valid").glob("*.json"), *(FOLDER / "invalid").glob("*.json"))):
        value = path.read_bytes()
        yield b"S" + value
        try:
            document = orjson.loads(value)
            attributes = {name: text for name, text in document.items() if name != "data"}
            head = "\n".join(f"ce_{name}: {text}" for name, text in attributes.items())
            yield b"B" + head.encode() + b"\n\n" + orjson.dumps(document["data"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        placed = record(value)
        if isinstance(FAST.decode(placed), Accepted) and placed.topic in CONFIG.topics.sources:
            yield from _rows(placed)


def _rows(placed: SourceRecord) -> Iterator[bytes]:
    tickets = new_tickets(CONFIG, placed.partition)
    tickets.ready()
    tickets.apply(placed.topic, [placed], 1, NOW_MS)
    flush = tickets.flush(NOW_MS)
    for key, value in flush.rows:
        yield {SOURCE_META_KEY: b"m", LABELS_KEY: b"v"}.get(key, b"t") + (value or b"")
    windows = new_windows(CONFIG, 0)
    windows.ready()
    deltas = (output for output in flush.outputs if output.topic == CONFIG.topics.deltas)
    for offset, output in enumerate(deltas):
        yield b"d" + (output.value or b"")
        delta = SourceRecord(output.topic, 0, offset, NOW_MS, None, output.value)
        windows.apply(CONFIG.topics.deltas, [delta], offset + 1, NOW_MS)
    readers = {b"\0": (b"p",), b"a": (b"a",), b"l": (b"l", b"L")}
    for key, value in windows.flush(NOW_MS).rows:
        for kind in readers.get(key[:1], (b"w", b"P")):
            yield kind + (value or b"")


def words() -> list[bytes]:
    """What the contract is written in, for the fuzzer's dictionary."""
    found = {wire_type.encode() for wire_type in WIRE_TYPE.values()}
    for path in (FOLDER.parent / "json").glob("*.json"):
        _strings(orjson.loads(path.read_bytes()), found)
    return sorted(word for word in found if 0 < len(word) <= 40)


def _strings(node: object, found: set[bytes]) -> None:
    if isinstance(node, dict):
        for name, child in node.items():
            found.add(b'"%s":' % str(name).encode())
            _strings(child, found)
    elif isinstance(node, list):
        for child in node:
            _strings(child, found)
    elif isinstance(node, str) and " " not in node:
        found.add(orjson.dumps(node))
