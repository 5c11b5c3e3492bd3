"""Hostile input through the whole program: teams by the thousand, markup, control characters, ids of 10 kB.

``HOSTILE_TEAMS=100000`` for the long form.
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.core.record import SourceRecord
from tests.broker.conftest import Product, free_ports, scrape
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

TEAMS = int(os.environ.get("HOSTILE_TEAMS", "4000"))
LIMIT = 20
NASTY = ('"} 1 # ', "a&b=c%3D", "\u202efdp.exe", "x" * 100, "{{7*7}}$(id)", "\u2028")
REFUSED = ("\x1b[2J", "a\nb", "\x00", "\x9b31m", "\x7f")
DAY = (datetime.now(UTC) - timedelta(days=1)).date()
"""The clock is the wall's: a fixed day would be too late for every window some weeks after."""
MOST_BYTES = 400 * 2**20 + 1024 * TEAMS
"""Each answer is on a ticket of its own, which has its row, as any ticket has; what teams could add to that is bounded."""


def answer(number: int, team: str, ticket_id: str) -> SourceRecord:
    value = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/hostile",
        "type": "contact-centre.survey.answered.v1",
        "time": f"{DAY}T12:34:56Z" if number else f"{DAY}T12:44:56Z",
        "data": {
            "ticket_id": ticket_id,
            "survey_id": "s",
            "kind": "csat",
            "scale": {"min": 1, "max": 5},
            "score": 1 + number % 5,
            "revision": 0,
            "team": team,
        },
    }
    return SourceRecord("x.surveys", 0, 0, 0, ticket_id.encode(), json.dumps(value).encode())


def log() -> Iterator[SourceRecord]:
    for number in range(TEAMS):
        yield answer(number, f"{NASTY[number % len(NASTY)]}{number}", f"t{number}")
    for number, team in enumerate(REFUSED):
        yield answer(number + 1, team, f"c{number}")
        yield answer(number + 1, "good", f"{team}{number}")
    yield answer(1, "good", "i" * 10_000)
    yield answer(1, "t" * 10_000, "long")


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def harmless(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


def test_nothing_hostile_gets_through_and_everything_stays_bounded(product: Product) -> None:
    product.settings["STREAM_MAX_LABEL_VALUES"] = str(LIMIT)
    product.settings["STREAM_IDLE_AFTER"] = "1s"
    product.settings["STREAM_CLOCK"] = "wall"
    product.settings["STREAM_GAUGE_WINDOWS"] = "48h"
    (port,) = free_ports(1)
    worker = product.worker(port=port)
    worker.wait_for("worker.ready")
    product.send(list(log()))
    refused = 2 * len(REFUSED) + 2

    def done() -> bool:
        now = scrape(port)
        events = {name: value for name, value in now.items() if "stream_events_total" in name}
        answers = {name: n for name, n in now.items() if name.startswith("contact_centre_csat_answers{")}
        whole = [n for name, n in answers.items() if "team=" not in name]
        by_team = [n for name, n in answers.items() if "team=" in name and "channel=" not in name]
        # The figures, too: a lag is known from fetches, and the last deltas may not have been fetched yet.
        return sum(events.values()) == TEAMS + refused and whole == [TEAMS] and sum(by_team) == TEAMS

    wait_until(done, 120 + TEAMS / 500)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        page = response.read().decode()
    assert "\x1b" not in page
    assert "\x00" not in page
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    answers = [one for one in samples if one.name == "contact_centre_csat_answers"]
    by_team = [one for one in answers if set(one.labels) == {"tenant", "team", "window"}]
    (whole,) = (one.value for one in answers if set(one.labels) == {"tenant", "window"})
    assert len(by_team) <= 4 * LIMIT + 1
    assert whole == sum(one.value for one in by_team) == TEAMS
    assert len(samples) < 100 * len(by_team)
    print("series", len(samples), "resident MiB", resident_bytes(worker.pid) // 2**20)
    assert resident_bytes(worker.pid) < MOST_BYTES
    wait_until(product.rollups, 60)  # open figures are put off while a worker catches up
    assert worker.stop() == 0
    assert harmless(worker.output)
    assert "fdp.exe" not in worker.output

    for arguments in (
        ("tail", "rollups", "--once", "--window", "1h"),
        ("tail", "dlq", "--once"),
        ("dlq", "list"),
        ("dlq", "count"),
    ):
        command = product.stream(*arguments)
        assert command.wait() == 0, command.output
        assert command.output, arguments
        assert harmless(command.output), arguments
    counted = product.stream("dlq", "count", "--json")
    assert counted.wait() == 0
    assert [(one["reason"], one["letters"]) for one in json.loads(counted.output)] == [
        ("out_of_range", refused)
    ]
    team = next(one.labels["team"] for one in by_team if one.labels["team"].startswith("\u202e"))
    explained = product.stream(
        *(
            "explain",
            "csat",
            "--segment",
            "tenant=default",
            "--segment",
            f"team={team}",
            "--window",
            f"{DAY}T12:00/1h",
        )
    )
    assert explained.wait() == 0, explained.output
    assert harmless(explained.output)
