"""The commands against a real Apache Kafka: topics, publish, worker --drain, tail, explain, compare."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import stream.demo
from tests.cli.test_backfill import event, ticket, write
from tests.support import topics as kafka_topics
from tests.support.kafka import Kafka
from tests.support.process import ROOT

pytestmark = pytest.mark.broker

HELPDESK = Path(stream.demo.__file__).parent / "data" / "helpdesk_comments.csv.gz"


class Installation:
    """One set of topics on the broker, and the program run against it."""

    def __init__(self, kafka: Kafka, name: str) -> None:
        own = {key: value for key, value in os.environ.items() if not key.startswith("STREAM_")}
        self.environ = own | {
            "STREAM_BROKERS": kafka.bootstrap,
            "STREAM_TOPIC_PREFIX": f"{name}.",
            "STREAM_APP_ID": name,
            "STREAM_PARTITIONS": "2",
            "STREAM_DELTA_PARTITIONS": "3",
            "STREAM_CLOCK": "event",
            "STREAM_HTTP_PORT": "0",
            "STREAM_LOG_LEVEL": "error",
            "STREAM_CORRECTION_HORIZON": "800d",
            "STREAM_ROLLUP_WINDOWS": "1h,1d",
        }

    def __call__(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "stream", *map(str, arguments)],
            capture_output=True,
            text=True,
            env=self.environ,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    def tail(self, *arguments: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self("tail", *arguments, "--once", "--json").stdout.splitlines()]


def answer(number: int) -> list[dict[str, Any]]:
    """A day earlier, of another team, three of ten are satisfied."""
    created, _, answered = ticket(number)
    created["data"] |= {"team": "returns"}
    answered["data"] |= {"score": 4 if number < 83 else 2}
    return [one | {"time": one["time"].replace("11-05", "11-04")} for one in (created, answered)]


@pytest.fixture(scope="module")
def installation(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Topics with the help-desk comments, some tickets and a bad event, all of it worked off."""
    program = Installation(kafka, "commands")
    program("topics", "create")
    events = [one for number in range(8) for one in ticket(number)] + [
        one for number in range(80, 90) for one in answer(number)
    ]
    bad = event(
        "reply.added", "2026-11-05T12:00:00Z", 1, ticket_id="t1", reply_id="r", author="ghost", public=True
    )
    file = write(tmp_path_factory.mktemp("in") / "events.ndjson.gz", [*events, bad])
    assert program("publish", HELPDESK).stdout == "7,290 events sent\n"
    assert program("publish", file).stdout == "45 events sent\n"
    program("worker", "--drain")
    return program


def test_topics_are_created_once_and_checked(kafka: Kafka) -> None:
    program = Installation(kafka, "topics")
    before = program("topics", "check", code=1)
    assert "error: topics.tickets does not exist; create it with 2 partitions" in before.stderr
    assert program("topics", "create").stdout.count("created ") == 14
    assert program("topics", "create").stdout == "all topics are there already\n"
    assert program("topics", "check").stderr == ""
    shown = program("topics", "show").stdout
    assert "topics.tickets " in shown
    assert "facts per ticket" in shown
    assert "topics.customers " in shown
    program.environ["STREAM_PARTITIONS"] = "4"
    after = program("topics", "check", code=1)
    assert "topics.replies has 2 partitions, expected 4" in after.stderr
    program("worker", code=1)


def test_nothing_is_created_beside_sources_that_do_not_fit(kafka: Kafka) -> None:
    program = Installation(kafka, "unequal")
    kafka_topics.create(kafka.bootstrap, {"unequal.tickets": 5, "unequal.replies": 3, "unequal.surveys": 5})
    del program.environ["STREAM_PARTITIONS"]
    assert "topic unequal.replies has 3 partitions, expected 5" in program("topics", "create", code=1).stderr
    found = json.loads(program("topics", "show", "--json").stdout)
    assert {one["topic"] for one in found if one["found"]["partitions"]} == {
        "unequal.tickets",
        "unequal.replies",
        "unequal.surveys",
    }


def test_created_topics_follow_the_sources_that_exist(kafka: Kafka) -> None:
    program = Installation(kafka, "follow")
    kafka_topics.create(kafka.bootstrap, {"follow.replies": 5})
    del program.environ["STREAM_PARTITIONS"]
    program("topics", "create")
    found = {
        one["topic"]: one["found"]["partitions"]
        for one in json.loads(program("topics", "show", "--json").stdout)
    }
    following = ("follow.tickets", "follow.surveys", "follow.customers", "follow-tickets-changelog")
    assert {found[name] for name in following} == {5}


def test_customers_events_are_sent_and_no_worker_needs_their_topic(kafka: Kafka, tmp_path: Path) -> None:
    program = Installation(kafka, "customers")
    program("topics", "create")
    joined = json.loads((ROOT / "schemas" / "examples" / "valid" / "customer.joined.json").read_text())
    file = write(tmp_path / "in.ndjson", [joined, *ticket(1)])
    assert program("publish", file).stdout == "4 events sent\n"
    assert len(kafka_topics.read(kafka.bootstrap, ["customers.customers"])) == 1
    kafka_topics.delete(kafka.bootstrap, ["customers.customers"])
    assert program("topics", "check").stderr == ""
    program("worker", "--drain")


def test_publish_names_what_it_cannot_send_and_sends_the_rest(kafka: Kafka, tmp_path: Path) -> None:
    program = Installation(kafka, "publish")
    program("topics", "create")
    file = write(
        tmp_path / "in.ndjson", [*ticket(1), "\n", "no event\n", event("ticket.sung", "", 1, ticket_id="t")]
    )
    done = program("publish", file, code=1)
    assert done.stdout == "3 events sent\n"
    assert f"{file}:5 cannot be sent: it is not JSON" in done.stderr
    assert f"{file}:6 cannot be sent: its type is not known" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: 2 lines were left out")
    assert f"{file}:5" in program("publish", "--strict", file, code=1).stderr


def test_publish_replays_in_event_time(kafka: Kafka, tmp_path: Path) -> None:
    program = Installation(kafka, "speed")
    program("topics", "create")
    file = write(tmp_path / "in.ndjson", ticket(1))  # half an hour
    began = time.monotonic()
    assert program("publish", "--speed", 900, file).stdout == "3 events sent\n"
    assert time.monotonic() - began > 1.9


def test_rollups_can_be_filtered_and_read(installation: Installation) -> None:
    days = installation.tail(
        "rollups", "--metric", "first_reply_time", "--segment", "tenant=helpdesk", "--window", "1d"
    )
    whole = [one["data"] for one in days if one["data"]["segment"] == {"tenant": "helpdesk"}]
    last = {one["window_start"]: one for one in whole}  # upserts: the last of a window stands
    assert sum(one["n"] for one in last.values()) == 354
    assert sum(one["parts"]["sum"] for one in last.values()) == 16_561_515
    text = installation(
        "tail", "rollups", "--once", "--metric", "csat", "--window", "2026-11-05T12:00/1h"
    ).stdout
    billing = [
        one for one in text.splitlines() if one.endswith(" team=billing tenant=acme") and "channel" not in one
    ]
    line = billing[-1]  # an upsert: before it, it may have been published as open
    assert "75.00 %, n 8" in line
    assert " final r" in line


def test_dead_letters_say_where_and_why_but_show_no_event(installation: Installation) -> None:
    text = installation("tail", "dlq", "--once").stdout
    assert "unknown_value" in text
    assert "commands.replies partition" in text
    assert "ghost" not in text
    (letter,) = installation.tail("dlq")
    assert (letter["reason"], letter["key"]) == ("unknown_value", "t1")
    assert "ghost" in str(letter["value"])


def test_explain_says_what_a_figure_is_made_of(installation: Installation) -> None:
    window = ("--window", "2026-11-05T12:00/1h")
    text = installation("explain", "csat", "--segment", "tenant=acme&team=billing", *window).stdout
    assert "team=billing tenant=acme   2026-11-05T12:00Z .. 2026-11-05T13:00Z (1h)" in text
    assert "75.00 %   95 % interval 40.9" in text
    assert "fair (good from 80 %, poor under 60 %)" in text
    installation.environ["STREAM_CSAT_BANDS"] = "50,75"
    try:
        stricter = installation("explain", "csat", "--segment", "tenant=acme&team=billing", *window).stdout
    finally:
        del installation.environ["STREAM_CSAT_BANDS"]
    assert "good (good from 75 %, poor under 50 %)" in stricter
    assert "satisfied 6, answered 8" in text
    assert "final, revision " in text
    assert "Wilson, JASA 22 (1927)" in text
    assert "default, definition version 1" in text
    assert "-   n 0   2026-11-05T11:00Z .. 2026-11-05T12:00Z   final" in text
    assert "No interval: too few, at least 100 are asked for on each side." in text
    found = json.loads(installation("explain", "csat", "--segment", "tenant=acme", "--json", *window).stdout)
    assert (found["figures"][0]["n"], found["figures"][0]["value"]) == (8, 0.75)
    assert found["key"] == "default/csat/tenant=acme/2026-11-05T12:00:00Z/3600"
    assert found["before"]["end_ms"] == found["start_ms"]
    (before,) = found["before"]["figures"]
    assert (before["n"], before["difference"], before["too_few"]) == (0, None, True)


def test_compare_puts_two_segments_and_two_windows_side_by_side(installation: Installation) -> None:
    this = ("compare", "csat", "--segment", "tenant=acme&team=billing", "--window", "2026-11-05/1d")
    other = ("--with-segment", "team=returns", "--with-window", "2026-11-04/1d")
    text = installation(*this, *other).stdout
    assert "75.00 %   n 8   95 % interval 40.93 % .. 92.85 %" in text
    assert "30.00 %   n 10   95 % interval 10.78 % .. 60.32 %" in text
    assert "team=returns tenant=acme   2026-11-04T00:00Z .. 2026-11-05T00:00Z (1d)" in text
    # Below: the root of 0.3407 squared and 0.3032 squared; above: of 0.1785 squared and 0.1922 squared.
    assert "+45.00 percentage points   95 % interval -0.61 .. +71.23 percentage points" in text
    assert "Too few (n 8, at least 100 are asked for); the interval contains zero" in text
    assert "Newcombe" in text
    found = json.loads(installation(*this, *other, "--min-n", "8", "--json").stdout)
    assert (found["this"]["n"], found["with"]["n"], found["too_few"], found["contains_zero"]) == (
        8,
        10,
        False,
        True,
    )
    assert (found["difference"], found["low"]) == (pytest.approx(0.45), pytest.approx(-0.0061, abs=5e-5))
    assert found["with"]["key"] == "default/csat/team=returns&tenant=acme/2026-11-04T00:00:00Z/86400"


def test_compare_says_when_there_is_nothing_left_to_compare(installation: Installation) -> None:
    windows = ("--window", "2022-09-12/1d", "--with-window", "2022-01-06/1d")
    text = installation("compare", "first_reply_time", "--segment", "tenant=helpdesk", *windows).stdout
    assert "(1d)   its tallies are deleted" in text  # older than the horizon
    assert "No interval: there is a figure on one side at most." in text


def test_explain_names_what_there_is(installation: Installation) -> None:
    window = ("--window", "2026-11-05T12:00/1h")
    assert "reply_time" in installation("explain", "cast", "--segment", "tenant=acme", *window, code=2).stderr
    lengths = installation("explain", "csat", "--window", "2026-11-05T12:00/5m", code=2).stderr
    assert "STREAM_ROLLUP_WINDOWS" in lengths
    empty = installation("explain", "nps", "--segment", "tenant=nobody", *window).stdout
    assert "nothing was measured in this window" in empty


def test_publishing_twice_changes_no_figure(installation: Installation) -> None:
    def rollups() -> dict[object, object]:
        return {one["id"]: one["data"] for one in installation.tail("rollups")}

    before = rollups()
    installation("publish", HELPDESK)
    installation("worker", "--drain")
    assert rollups() == before


def test_a_backfill_of_the_same_events_gives_the_same_figures(
    installation: Installation, tmp_path: Path
) -> None:
    out = tmp_path / "out.ndjson"
    installation("backfill", HELPDESK, "--rollups", out)
    filed = [json.loads(line) for line in out.read_text().splitlines()]
    published = [
        one for one in installation.tail("rollups") if one["data"]["segment"]["tenant"] == "helpdesk"
    ]

    def figures(rollups: list[dict[str, object]]) -> dict[str, object]:
        fleeting = ("emitted_at", "revision", "watermark", "status")
        return {
            str(one["id"]).rpartition("/")[0]: {
                name: value
                for name, value in one["data"].items()  # type: ignore[attr-defined]
                if name not in fleeting
            }
            for one in rollups
        }

    assert figures(published) == figures(filed)


def test_following_ends_with_ctrl_c(installation: Installation) -> None:
    following = subprocess.Popen(
        [sys.executable, "-m", "stream", "tail", "rollups", "--from-beginning"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=installation.environ,
    )
    assert following.stdout is not None
    assert following.stdout.readline()
    following.send_signal(signal.SIGINT)
    _, errors = following.communicate(timeout=30)
    assert (following.returncode, errors) == (0, "")
