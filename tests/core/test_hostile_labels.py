"""A sender that puts ids, markup and nonsense into teams: what is kept, and what is shown, is bounded and harmless."""

import json
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from stream.core.config import CoreConfig
from stream.core.labels import OTHER
from stream.core.record import SourceRecord
from stream.metrics import selected
from stream.runtime.status import PartStatus, RuntimeStatus
from stream.web.exporter import Exporter
from tests.support.pipeline import NOW_MS, Pipeline

TEAMS = 100_000
LIMIT = 50
CONFIG = CoreConfig(
    source_partitions=1,
    delta_partitions=1,
    partitioner="any",
    max_label_values=LIMIT,
    metrics=("csat", "live"),
    groupings=((), ("team",), ("channel",)),
)
NASTY = (
    '"} 1\\n',
    "a&b=c%3D",
    "{{7*7}}",
    "../../etc/passwd",
    "\u202etxt.exe",
    "\u2028",
    "x" * 100,
    "__other__",
    " ",
    "é\u0301",
)


def answers(count: int) -> Iterator[SourceRecord]:
    """One answer each for as many teams; no two alike."""
    topic = CONFIG.topics.surveys
    for number in range(count):
        ticket_id = f"t{number}"
        value = json.dumps(
            {
                "specversion": "1.0",
                "id": f"e{number}",
                "source": "/hostile",
                "type": "contact-centre.survey.answered.v1",
                "time": "2026-11-05T12:34:56Z",
                "data": {
                    "ticket_id": ticket_id,
                    "survey_id": "s",
                    "kind": "csat",
                    "scale": {"min": 1, "max": 5},
                    "score": 1 + number % 5,
                    "revision": 0,
                    "team": f"{NASTY[number % len(NASTY)]}{number}",
                },
            }
        )
        yield SourceRecord(topic, 0, number, NOW_MS, ticket_id.encode(), value.encode())


def test_a_hundred_thousand_teams_are_a_few_series_and_every_answer_counts() -> None:
    pipeline = Pipeline(CONFIG)
    records = list(answers(TEAMS))
    for start in range(0, TEAMS, 5_000):
        pipeline.feed(records[start : start + 5_000])
        pipeline.commit_tickets()
        pipeline.commit_windows()
    (tickets,), (windows,) = pipeline.tickets, pipeline.windows
    assert tickets.counts[CONFIG.topics.surveys] == {"applied": TEAMS}
    assert tickets.overflowed == {"team": TEAMS - LIMIT}
    segments = {dict(segment.labels).get("team") for segment in windows.snapshot.segments.values()}
    assert len(segments) == LIMIT + 2  # those that came first, all others, and the tenant as a whole
    assert OTHER in segments
    assert len(windows.rows) < 20 * (LIMIT + 2)  # a few windows per segment

    part = PartStatus("windows", 0, len(windows.rows), 0, windows.snapshot)
    page = Exporter(selected(CONFIG), lambda: RuntimeStatus(parts={("windows", 0): part})).render("", "").body
    text = page.decode()
    assert all(character.isprintable() or character in "\n\u202e\u0301" for character in text)
    found = [
        sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "contact_centre_csat_answers" and sample.labels["window"] == "24h"
    ]
    assert len(found) == LIMIT + 2
    whole = next(sample.value for sample in found if "team" not in sample.labels)
    assert whole == sum(sample.value for sample in found if "team" in sample.labels) == TEAMS
