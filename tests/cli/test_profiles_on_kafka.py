"""Profiles in the commands against a real Kafka: whose figure is explained, compared and followed; they come and go exactly."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_backfill import event, write
from tests.cli.test_commands_on_kafka import Installation
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

WINDOW = ("--window", "2026-11-05T12:00/1h")
OF = ("--segment", "tenant=acme", *WINDOW)
TICKETS = 5


def rated_twice(number: int) -> list[dict[str, Any]]:
    """A ticket whose first survey is answered badly and whose second one well; solved, opened and solved again, with one reply."""
    ticket = {"ticket_id": f"t{number}"}
    at = f"2026-11-05T12:{number:02d}"

    def answered(second: str, survey: str, score: int) -> dict[str, Any]:
        scale = {"min": 1, "max": 5}
        rated = {
            "survey_id": f"{survey}{number}",
            "kind": "csat",
            "revision": 0,
            "scale": scale,
            "score": score,
        }
        return event("survey.answered", f"{at}:{second}Z", number, **ticket, **rated)

    created = {"channel": "chat", "team": "billing", "created_by": "customer"}
    reply = {"reply_id": f"r{number}", "author": "agent", "public": True}
    told = [
        event("ticket.created", f"{at}:00Z", number, **ticket, **created),
        event("reply.added", f"{at}:30Z", number, **ticket, **reply),
        event("ticket.status_changed", f"{at}:40Z", number, **ticket, status="solved"),
        event("ticket.status_changed", f"{at}:50Z", number, **ticket, status="open"),
        event("ticket.status_changed", f"{at}:55Z", number, **ticket, status="solved"),
        answered("56", "a", 1),
        answered("57", "b", 5),
    ]
    return [one | {"id": f"e{number}-{place}"} for place, one in enumerate(told)]


@pytest.fixture(scope="module")
def profiled(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Ours and two platforms' definitions side by side, of five tickets, all of it worked off."""
    program = Installation(kafka, "profiles")
    program.environ |= {
        "STREAM_PROFILES": "default,zendesk,chatwoot",
        "STREAM_METRICS": "csat,nps,first_resolution_time,full_resolution_time",
    }
    program("topics", "create")
    file = write(
        tmp_path_factory.mktemp("in") / "events.ndjson",
        [one for number in range(TICKETS) for one in rated_twice(number)],
    )
    program("publish", file)
    program("worker", "--drain")
    return program


def test_explain_says_whose_figure_it_is_and_how_they_count(profiled: Installation) -> None:
    ours = profiled("explain", "csat", *OF).stdout
    assert "50.00 %" in ours
    assert "satisfied 5, answered 10" in ours
    assert "default, definition version 1" in ours
    theirs = profiled("explain", "csat", *OF, "--profile", "zendesk").stdout
    assert "100.00 %" in theirs
    assert "satisfied 5, answered 5" in theirs
    assert "zendesk, definition version 1" in theirs
    assert "Tickets whose rating is good" in theirs
    assert "https://support.zendesk.com/hc/en-us/articles/4408827693594" in theirs
    found = json.loads(profiled("explain", "csat", *OF, "--profile", "zendesk", "--json").stdout)
    assert found["key"] == "zendesk/csat/tenant=acme/2026-11-05T12:00:00Z/3600"
    assert (found["figures"][0]["n"], found["figures"][0]["value"]) == (5, 1.0)
    # As we do, but by their own page.
    alike = profiled("explain", "first_resolution_time", *OF, "--profile", "zendesk").stdout
    assert "https://support.zendesk.com/hc/en-us/articles/4408834848154" in alike


def test_a_profile_that_is_not_computed_or_has_no_such_metric_is_named(profiled: Installation) -> None:
    unknown = profiled("explain", "csat", *OF, "--profile", "genesys", code=2).stderr
    assert "'genesys' is not computed (STREAM_PROFILES); there are: default, zendesk, chatwoot" in unknown
    assert "nps" in profiled("explain", "nps", *OF, "--profile", "chatwoot", code=2).stderr
    assert "'moon' is not computed" in profiled("tail", "rollups", "--profile", "moon", code=2).stderr
    assert (
        "'moon' is not computed" in profiled("compare", "csat", *OF, "--with-profile", "moon", code=2).stderr
    )
    assert (
        "no metric, segment, window or profile"
        in profiled("tail", "dlq", "--profile", "zendesk", code=2).stderr
    )


def test_without_a_profile_the_first_one_that_has_the_metric_is_explained(profiled: Installation) -> None:
    """The order of STREAM_PROFILES is not part of the state: no figure is built anew for it."""
    before = profiled.environ["STREAM_PROFILES"]
    profiled.environ["STREAM_PROFILES"] = "chatwoot,zendesk,default"
    try:
        assert "chatwoot, definition version 1" in profiled("explain", "csat", *OF).stdout
        assert "zendesk, definition version 1" in profiled("explain", "nps", *OF).stdout
    finally:
        profiled.environ["STREAM_PROFILES"] = before


def test_compare_puts_two_profiles_side_by_side(profiled: Installation) -> None:
    text = profiled("compare", "full_resolution_time", *OF, "--with-profile", "chatwoot").stdout
    assert "55.0 s" in text or "55 s" in text
    assert "profile chatwoot" in text
    assert "n 5" in text
    assert "n 10" in text
    found = json.loads(
        profiled("compare", "csat", *OF, "--profile", "zendesk", "--with-profile", "default", "--json").stdout
    )
    assert (found["this"]["profile"], found["this"]["n"], found["this"]["value"]) == ("zendesk", 5, 1.0)
    assert (found["with"]["profile"], found["with"]["n"], found["with"]["value"]) == ("default", 10, 0.5)
    assert found["difference"] == pytest.approx(0.5)
    assert (found["low"], found["high"]) == (None, None), "of the same events there is no interval"
    assert found["this"]["key"].startswith("zendesk/csat/")
    # Two profiles and two windows at once.
    other = profiled(
        "compare", "csat", *OF, "--with-window", "2026-11-05T11:00/1h", "--profile", "zendesk"
    ).stdout
    assert other.count("profile zendesk") == 2


def test_tail_shows_the_figures_of_one_profile_and_says_whose_they_are(profiled: Installation) -> None:
    everything = profiled.tail("rollups", *WINDOW)
    assert {one["data"]["profile"] for one in everything} == {"default", "zendesk", "chatwoot"}
    theirs = profiled.tail("rollups", "--profile", "zendesk", "--metric", "csat", *WINDOW)
    assert {(one["data"]["profile"], one["data"]["metric"]) for one in theirs} == {("zendesk", "csat")}
    assert {one["data"]["n"] for one in theirs if one["data"]["status"] == "final"} == {TICKETS}
    lines = profiled("tail", "rollups", "--once", "--metric", "csat", *WINDOW).stdout.splitlines()
    assert {line.split()[2] for line in lines} == {"csat", "zendesk/csat", "chatwoot/csat"}


def test_profiles_come_and_go_and_the_audit_knows_each(profiled: Installation, tmp_path: Path) -> None:
    """Last, as it changes what is computed: each change builds the figures anew; in the end they are those of a backfill."""

    def figures(rollups: list[dict[str, Any]], profiles: tuple[str, ...]) -> dict[str, Any]:
        fleeting = ("emitted_at", "revision", "watermark", "status")
        return {
            one["id"].rpartition("/")[0]: {
                name: it for name, it in one["data"].items() if name not in fleeting
            }
            for one in rollups
            if one["data"]["profile"] in profiles and one["data"]["n"]
        }

    def audited() -> str:
        said = profiled("audit")
        return said.stdout + said.stderr

    assert ", 0 differ" in audited()
    archive = write(
        tmp_path / "all.ndjson", [one for number in range(TICKETS + 1) for one in rated_twice(number)]
    )
    more = write(tmp_path / "more.ndjson", rated_twice(TICKETS))
    for profiles, added in (("zendesk", more), ("default,chatwoot", None), ("default,zendesk,seed", None)):
        profiled.environ["STREAM_PROFILES"] = profiles
        if added is not None:
            profiled("publish", added)
        profiled("worker", "--drain")
        assert ", 0 differ" in audited()
        out = tmp_path / f"{profiles}.ndjson"
        profiled("backfill", archive, "--rollups", out)
        filed = [json.loads(line) for line in out.read_text().splitlines()]
        shown = tuple(profiles.split(","))
        assert figures(filed, shown)
        assert figures(profiled.tail("rollups"), shown) == figures(filed, shown)
