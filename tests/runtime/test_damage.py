"""A row that can be read and says what cannot be ends the worker with one line: which changelog, which partition, what to do."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from schemas import events as ev
from stream.app import _verdict, stages
from stream.core.customer import decode_customer, encode_customer
from stream.core.dead_letters import DeadLetterLimitError
from stream.core.fact import NO_SCALE
from stream.core.pane import META_KEY, ROLLUP_KIND
from stream.core.record import SourceRecord
from stream.core.state_shape import GenerationError
from stream.core.tally import METRIC_SHIFT, decode_window, encode_window
from stream.core.ticket import decode_ticket, encode_ticket
from stream.metrics import BY_NAME
from stream.runtime.config import RuntimeConfig
from stream.runtime.damage import naming
from stream.runtime.errors import StateError
from stream.runtime.guard import Fetched
from stream.runtime.shell import Shell
from stream.runtime.stage import Part
from stream.settings import load
from tests.support.customers import tell
from tests.support.histories import START_MS, make
from tests.support.log import log
from tests.support.pipeline import Pipeline

CORE = load(
    {
        "STREAM_CLOCK": "event",
        "STREAM_PARTITIONS": "1",
        "STREAM_DELTA_PARTITIONS": "1",
        "STREAM_METRICS": "csat,csat_mean,csat_change,lifetime_value",
        "STREAM_SESSION_TIMEOUT": "3s",
    }
).core()
DAY_MS = 86_400_000
FIVE = ev.Scale(min=1, max=5)
ANSWER: dict[str, Any] = {
    "survey_id": "s-1",
    "kind": "csat",
    "revision": 0,
    "scale": FIVE,
    "score": 5,
    "customer_id": "c-1",
}
BEFORE = [
    ("customers", tell(ev.CustomerJoined, START_MS)),
    ("customers", tell(ev.CustomerPurchased, START_MS, order_id="o-1", amount_minor=500, currency="EUR")),
    ("tickets", make(ev.TicketCreated, START_MS, channel="email", team="billing")),
    ("surveys", make(ev.SurveyAnswered, START_MS, **ANSWER)),
]
AFTER = [
    ("tickets", make(ev.TicketDeleted, START_MS + 1000)),
    ("customers", tell(ev.CustomerLeft, START_MS + 1000)),
]
SECRET = ("acme", "4711", "c-1", "billing")
Rows = dict[bytes, bytes]


class Kept:
    """A checkpoint that writes nothing and remembers deltas."""

    committed_reads = True
    notes = ()

    def __init__(self) -> None:
        self.deltas: list[SourceRecord] = []

    async def write(self, part: Part, flush: object, positions: Mapping[str, int]) -> None:
        for output in flush.outputs:  # type: ignore[attr-defined]  # a Flush
            if output.topic == CORE.topics.deltas:
                self.deltas.append(SourceRecord(output.topic, 0, len(self.deltas), 0, None, output.value))


def ended(plant: Callable[[dict[str, Rows]], None]) -> str:
    """Let a shell work on a state in which something was planted; its last line."""
    pipeline = Pipeline(CORE)
    everything = log([*BEFORE, *AFTER], timestamp_ms=START_MS + 40 * DAY_MS)
    pipeline.feed(everything[: len(BEFORE)])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    state = dict(zip(("tickets", "customers", "windows"), pipeline.changelogs, strict=True))
    plant(state)
    said = asyncio.run(_work(state, everything[len(BEFORE) :], len(pipeline.deltas[0])))
    assert "\n" not in said
    assert not any(word in said for word in SECRET), said
    assert "stream worker --rebuild" in said
    return said


async def _work(state: dict[str, Rows], after: Sequence[SourceRecord], deltas: int) -> str:
    shell = Shell(RuntimeConfig(brokers=("localhost:1",), app_id="x"), stages(CORE, load({}).runtime()))
    kept = Kept()
    shell.checkpoint = kept  # type: ignore[assignment]  # as much of one as is used
    parts = {spec.name: Part(spec, 0) for spec in shell.specs}
    try:
        for name, part in parts.items():
            part.shard.rows.update(state[name])
            shell._start(part)
            part.positions = {**dict.fromkeys(part.spec.sources, 0), **part.shard.positions}
            shell.parts[name, 0] = part
    except StateError as exc:
        shell.fail(exc)
    for record in after:
        shell.apply(record.topic, 0, _fetched([record], record.offset))
    shell.tick()
    await shell.commit()
    shell.apply(CORE.topics.deltas, 0, _fetched(kept.deltas, deltas))
    await shell.commit()
    failure = shell.failure.exception() if shell.failure.done() else None
    assert isinstance(failure, StateError)
    said, code = _verdict(failure)
    assert code == 70
    return said


def _fetched(records: Sequence[SourceRecord], start: int) -> Fetched:
    fetched = Fetched(start)
    fetched.extend(record._replace(offset=start + n) for n, record in enumerate(records))
    fetched.end = start + len(records)
    return fetched


def unknown_scale(state: dict[str, Rows]) -> None:
    """A ticket's answer on a scale that nobody knows."""
    [key] = [key for key in state["tickets"] if key[:1] == b"t"]
    ticket = decode_ticket(state["tickets"][key], key)
    answer = ticket.surveys[0].answer
    assert answer is not None
    answer.what = NO_SCALE - 1
    state["tickets"][key] = encode_ticket(ticket)


def customers_scale(state: dict[str, Rows]) -> None:
    """The same of an answer that came to its customer."""
    [key] = [key for key in state["customers"] if key[:1] == b"c"]
    customer = decode_customer(state["customers"][key], key)
    customer.answers = [msgspec.structs.replace(customer.answers[0], scale=NO_SCALE - 1)]
    state["customers"][key] = encode_customer(customer)


def planted(metric: str, slot: int) -> Callable[[dict[str, Rows]], None]:
    """A slot in every rollup window that the metric does not have."""

    def plant(state: dict[str, Rows]) -> None:
        rows = state["windows"]
        for key in [key for key in rows if key[:1] == ROLLUP_KIND]:
            window = decode_window(rows[key])
            window.tally[(BY_NAME[metric].id << METRIC_SHIFT) + slot] = 1
            rows[key] = encode_window(window)

    return plant


def far_future(state: dict[str, Rows]) -> None:
    """A watermark that no calendar has."""
    fields = msgspec.msgpack.decode(state["windows"][META_KEY], strict=False)
    fields[2] = 10**17
    state["windows"][META_KEY] = msgspec.msgpack.encode(fields)


@pytest.mark.parametrize(
    ("plant", "changelog", "function"),
    [
        (unknown_scale, CORE.topics.tickets_changelog, "stream.metrics.csat.slot_of"),
        (customers_scale, CORE.topics.customers_changelog, "stream.metrics.csat_change._measures"),
        (
            planted("csat_mean", 255),
            CORE.topics.windows_changelog,
            "stream.metrics.scores.parts_by_scale",
        ),
        (
            planted("lifetime_value", 4000),
            CORE.topics.windows_changelog,
            "stream.metrics.lifetime_value._figures",
        ),
    ],
)
def test_a_position_that_no_list_has(
    plant: Callable[[dict[str, Rows]], None], changelog: str, function: str
) -> None:
    assert ended(plant) == (
        f"{changelog}[0]: a row of it, or what came in last, says what cannot be (IndexError in {function}): stop all workers and "
        "start one with `stream worker --rebuild`, which builds the state anew from what the source topics still hold. If it comes "
        "again after that, the fault is in that function"
    )


def test_a_time_that_no_calendar_has() -> None:
    said = ended(far_future)
    assert said.startswith(f"{CORE.topics.windows_changelog}[0]: a row of it, or what came in last,")
    assert "(ValueError in stream.core.rollup.instant)" in said


def test_a_row_of_bytes_that_are_no_row() -> None:
    def plant(state: dict[str, Rows]) -> None:
        for key in [key for key in state["tickets"] if key[:1] == b"t"]:
            state["tickets"][key] = b"\xc1"

    said = ended(plant)
    assert said.startswith(f"{CORE.topics.tickets_changelog}[0]: a ticket row of partition 0 cannot be read")
    assert "If a newer version wrote it, upgrade this worker." in said


@pytest.mark.parametrize(
    "other", [GenerationError("of a newer one"), DeadLetterLimitError("half"), MemoryError()]
)
def test_what_is_no_fault_of_the_rows_goes_by(other: Exception) -> None:
    with pytest.raises(type(other)) as caught, naming("changelog", 0):
        raise other
    assert caught.value is other
