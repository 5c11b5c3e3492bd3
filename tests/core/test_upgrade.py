"""A state that an earlier version wrote is read by this one, which goes on exactly where it ends; a later version's is refused."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.core.audit import audit
from stream.core.config import CoreConfig
from stream.core.customer import decode_customer
from stream.core.customer_facts import CustomerFacts, Given
from stream.core.entity import kinds
from stream.core.followup import followups
from stream.core.pane import META_KEY as WINDOWS_META
from stream.core.progress import Progress
from stream.core.record import Output, SourceRecord
from stream.core.state_shape import ShapeChangedError, shape
from stream.core.tally import DamagedRowError
from stream.core.ticket import decode_ticket
from stream.core.ticket_facts import Facts, Rare
from stream.core.tickets_meta import META_KEY, UnknownRowError
from stream.core.tickets_shard import TicketsShard
from stream.core.windows_shard import WindowsShard
from stream.metrics import selected
from stream.settings import load
from tests.support.core import oracle
from tests.support.pipeline import NOW_MS, Pipeline, stable

FIXTURES = Path(__file__).parents[1] / "fixtures"
VERSIONS = sorted(FIXTURES.glob("changelog-v*"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def _raw(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


class Kept:
    """One fixture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.core = load(json.loads((folder / "settings.json").read_text(encoding="ascii"))).core()
        try:
            Progress(self.core).load(
                self.rows("windows", 0)[WINDOWS_META], "", shape(self.core, selected(self.core))
            )
        except ShapeChangedError:  # workers agree on a new generation then
            self.core = msgspec.structs.replace(self.core, generation=self.core.generation + 1)
        self.before = self._log("before")
        self.after = self._log("after")
        self.rollups = {line["key"].encode(): line["data"] for line in _lines(folder / "rollups.ndjson")}

    def _log(self, name: str) -> list[SourceRecord]:
        return [
            SourceRecord(
                line["topic"],
                line["partition"],
                line["offset"],
                line["timestamp"],
                _raw(line["key"]),
                _raw(line["value"]),
            )
            for line in _lines(self.folder / f"{name}.ndjson")
        ]

    def rows(self, stage: str, partition: int) -> dict[bytes, bytes]:
        """The surviving rows of one changelog partition."""
        lines = _lines(self.folder / f"{stage}-{partition}.ndjson")
        return {base64.b64decode(line["key"]): base64.b64decode(line["value"]) for line in lines}

    def pipeline(self, core: CoreConfig) -> Pipeline:
        """This version on the stored state."""
        pipeline = Pipeline(core)
        sources = range(core.source_partitions)
        pipeline.changelogs = [
            *(self.rows(kind.name, number) for kind in kinds(core) for number in sources),
            *(self.rows("windows", number) for number in range(core.delta_partitions)),
        ]
        pipeline.restart()
        customers = pipeline.tickets[core.source_partitions :]
        pipeline.answers = [self._left("answers", core.topics.answers, shard) for shard in customers]
        pipeline.deltas = [self._left("deltas", core.topics.deltas, shard) for shard in pipeline.windows]
        return pipeline

    def _left(self, name: str, topic: str, reader: TicketsShard | WindowsShard) -> list[SourceRecord]:
        """One partition of an internal topic, of which only what its reader has not taken in is kept."""
        number = reader.partition
        taken_in = [SourceRecord("", number, n, 0, None, None) for n in range(reader.positions.get(topic, 0))]
        kept = self.folder / f"{name}-{number}.ndjson"
        return taken_in + (self._log(kept.stem) if kept.exists() else [])


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def kept(request: pytest.FixtureRequest) -> Kept:
    return Kept(request.param)


def test_the_newest_one_has_every_kind_of_fact() -> None:
    """What is added to a row is added to :mod:`tests.fixtures.write`, too, and a fixture of it is written before the next release."""
    kept = Kept(VERSIONS[-1])
    numbers = range(kept.core.source_partitions)
    rows = [row for number in numbers for row in kept.rows("tickets", number).items() if row[0][:1] == b"t"]
    tickets = [decode_ticket(row, key) for key, row in rows]
    rare = [ticket.rare for ticket in tickets if ticket.rare is not None]
    rows = [row for number in numbers for row in kept.rows("customers", number).items() if row[0][:1] == b"c"]
    customers = [decode_customer(row, key) for key, row in rows]
    answers = [answer for customer in customers for answer in customer.answers]
    for facts, found in ((Facts, tickets), (Rare, rare), (CustomerFacts, customers), (Given, answers)):
        never = [name for name in facts.__struct_fields__ if not any(getattr(one, name) for one in found)]
        assert never == []


def _counted(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure without what it leaves out: more is told of that than once was."""
    return {name: value for name, value in figure.items() if name != "excluded"}


def test_it_goes_on_exactly(kept: Kept) -> None:
    pipeline = kept.pipeline(kept.core)
    fired = any(alert.firing for shard in pipeline.windows for alert in shard.snapshot.alerts)
    for record in kept.after:
        pipeline.feed([record])
        pipeline.commit_tickets()
        pipeline.commit_windows()
    pipeline.close()
    published = stable(pipeline.rollups)
    versions = {one.name: metric.version for metric in selected(kept.core) for one in metric.named()}
    same = {  # a later definition may say something else
        key: _counted(figure)
        for key, figure in kept.rollups.items()
        if versions.get(figure["metric"], figure["definition_version"]) == figure["definition_version"]
    }
    assert len(same) > len(kept.rollups) / 2
    assert {key: _counted(figure) for key, figure in published.items() if key in same} == same
    whole = stable(oracle(kept.core, [*kept.before, *kept.after], now_ms=NOW_MS).rollups)
    assert all(whole[key] == figure for key, figure in published.items() if figure["n"])
    firings = [alert for alert in pipeline.alerts if b'"firing"' in (alert.value or b"")]
    assert len(firings) == (0 if fired else 1), "one that fired before does not fire again"


@pytest.mark.parametrize("other_settings", [False, True], ids=["the same settings", "a new generation"])
def test_follow_ups_that_it_had_opened_are_withdrawn_and_none_is_opened_again(
    kept: Kept, other_settings: bool
) -> None:
    core = kept.core
    if other_settings:
        core = msgspec.structs.replace(core, groupings=((), ("agent",)), generation=2)
    pipeline = kept.pipeline(core)
    open_now = {name for shard in pipeline.tickets for name in _open_in(shard.rows, core)}
    opened_before = set(open_now)
    pipeline.build()
    assert pipeline.followups == [], "what is open is not said again"
    withdrawn = set()
    for record in kept.after:
        said = len(pipeline.followups)
        pipeline.feed([record])
        pipeline.commit_tickets()
        for output in pipeline.followups[said:]:
            name, is_open = output.key or b"", _is_open(output)
            assert is_open != (name in open_now), name
            (open_now.add if is_open else open_now.remove)(name)
            withdrawn |= set() if is_open else {name}
    gone = {b"acme/ticket/t-first/s-1", b"acme/ticket/t-other/s-1"} & opened_before
    assert withdrawn == gone
    latest = {
        output.key: _is_open(output)
        for output in oracle(core, [*kept.before, *kept.after], now_ms=NOW_MS).followups
    }
    if opened_before:
        assert gone
        assert open_now == {key for key, is_open in latest.items() if is_open}
    else:  # a version that knew nothing of follow-ups: of what had been answered by then there are none
        assert open_now == {b"acme/ticket/t-second/s-1"}


def _is_open(output: Output) -> bool:
    return bool(json.loads(output.value or b"")["data"]["open"])


def _open_in(rows: Mapping[bytes, bytes], core: CoreConfig) -> Iterator[bytes]:
    """Keys of the follow-ups that rows of tickets call for: an earlier version has opened them."""
    for key, row in rows.items():
        if key[:1] == b"t":
            for one in followups(decode_ticket(row, key), core):
                tenant, ticket_id = key[1:].split(b"\0")
                yield b"/".join((tenant, b"ticket", ticket_id, one.survey_id.encode()))


def test_its_figures_are_what_its_facts_come_to(kept: Kept) -> None:
    pipeline = kept.pipeline(kept.core)
    pipeline.build()
    found = audit(
        kept.core,
        selected(kept.core),
        pipeline.facts(),
        pipeline.changelogs[kept.core.feeds :],
        [len(deltas) for deltas in pipeline.deltas],
        [len(answers) for answers in pipeline.answers],
    )
    assert found.differences == []
    assert found.windows > 50


def test_under_other_settings_its_facts_give_the_figures_of_those(kept: Kept) -> None:
    core = msgspec.structs.replace(kept.core, groupings=((), ("agent",)), generation=2)
    pipeline = kept.pipeline(core)
    pipeline.build()
    pipeline.feed(kept.after)
    pipeline.close()
    whole = stable(oracle(core, [*kept.before, *kept.after], now_ms=NOW_MS).rollups)
    published = stable(pipeline.rollups)
    long = {key: figure for key, figure in whole.items() if figure["window_seconds"] > 60 and figure["n"]}
    assert {key: figure for key, figure in published.items() if key in long} == long


def test_rows_of_a_later_version_are_refused(kept: Kept) -> None:
    tickets = kept.rows("tickets", 0)
    windows = kept.rows("windows", 0)
    for rows, key in ((tickets, META_KEY), (windows, WINDOWS_META)):
        fields = msgspec.msgpack.decode(rows[key])
        rows[key] = msgspec.msgpack.encode([99, *fields[1:]])
    pipeline = Pipeline(kept.core)
    pipeline.tickets[0].rows.update(tickets)
    with pytest.raises(UnknownRowError, match=r"tickets partition 0 has version 99, this program reads 1"):
        pipeline.tickets[0].ready()
    pipeline.windows[0].rows.update(windows)
    with pytest.raises(DamagedRowError, match=r"windows partition 0 .* has version 99, this program reads 1"):
        pipeline.windows[0].ready()


def test_a_ticket_of_a_later_version_is_refused_when_it_is_touched(kept: Kept) -> None:
    pipeline = kept.pipeline(kept.core)
    for shard in pipeline.tickets:
        for key in [key for key in shard.rows if key[:1] == b"t"]:
            shard.rows[key] = msgspec.msgpack.encode([99, *msgspec.msgpack.decode(shard.rows[key])[1:]])
    with pytest.raises(UnknownRowError, match=r"version 99, this program reads 2"):
        pipeline.feed(kept.after)
