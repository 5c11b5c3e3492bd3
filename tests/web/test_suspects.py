"""An author who looks like a bot is named by gauges, one log line and a note; always as a key, never more than a few."""

import json

from structlog.testing import capture_logs

from stream.core.bot_rule import FirstReplies
from stream.core.snapshot import Snapshot, Suspect
from stream.metrics import METRICS
from stream.runtime.status import PartStatus, RuntimeStatus
from stream.web.exporter import Exporter
from stream.web.health import readiness, readiness_of
from stream.web.suspects import SERIES, SuspectLog, suspect_text

SUSPECT = Suspect(
    tenant="acme",
    author="3fa9c1",
    replies=FirstReplies(357, 360, {7: 50, 15: 200, 17: 100, 33: 7}, 351),
    sum_ms=5_669_000,
    of_sum_ms=6_375_000,
    taken_over_sum_ms=16_560_809_000,
    since_ms=1_672_185_600_000,
    until_ms=1_672_272_000_000,
)


def status(*suspects: Suspect, unwatched: int = 0) -> RuntimeStatus:
    snapshot = Snapshot(1_000, 900, {}, (), suspects=suspects, unwatched=unwatched)
    return RuntimeStatus(
        state="running", reasons=(), parts={("windows", 2): PartStatus("windows", 2, 1, 1, snapshot)}
    )


def test_gauges_say_how_much_and_what_the_figure_would_be() -> None:
    text = Exporter(METRICS, lambda: status(SUSPECT)).render().body.decode()
    found = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("contact_centre_suspected_bot_")
    )
    labels = '{tenant="acme",author="3fa9c1"}'
    assert found == {
        f"contact_centre_suspected_bot_first_replies{labels}": "357",
        f"contact_centre_suspected_bot_ratio{labels}": repr(357 / 360),
        f"contact_centre_suspected_bot_seconds_mean{labels}": repr(6_375_000 / 360 / 1000),
        f"contact_centre_suspected_bot_seconds_count{labels}": "360",
        f"contact_centre_suspected_bot_without_seconds_mean{labels}": repr(16_561_515_000 / 354 / 1000),
        f"contact_centre_suspected_bot_without_seconds_count{labels}": "354",
    }
    assert {name.partition("{")[0] for name in found} == set(SERIES)
    assert "suspected_bot" not in Exporter(METRICS, status).render().body.decode()


def test_first_replies_that_nobody_watches_are_counted() -> None:
    text = Exporter(METRICS, lambda: status(unwatched=7)).render().body.decode()
    assert 'contact_centre_stream_first_replies_unwatched{partition="2"} 7\n' in text
    assert "unwatched" not in Exporter(METRICS, status).render().body.decode()


def test_readiness_has_a_note_as_long_as_it_is_so_and_stays_ready() -> None:
    answer = readiness(lambda: readiness_of(status(SUSPECT), ["other"]))
    body = json.loads(answer.body)
    assert (answer.status, body["ready"], body["notes"][0]) == (200, True, "other")
    note = body["notes"][1]
    assert note.startswith(
        "author acme/3fa9c1 looks like a bot that is counted as an agent: 357 of 360 first replies, 357 within a minute, half of "
        "them within 15 to 18 s; first_reply_time is 18 s on average, without them 46,784 s over 354; "
    )
    assert "STREAM_BOT_AUTHORS" in note
    assert json.loads(readiness(lambda: readiness_of(status())).body)["notes"] == []


def test_the_log_names_each_author_once() -> None:
    said = SuspectLog()
    with capture_logs() as lines:
        said.see(())
        said.see((SUSPECT,))
        said.see((SUSPECT._replace(sum_ms=1),))
        said.see(())
        said.see((SUSPECT,))
        said.see((SUSPECT._replace(author="000000"), SUSPECT._replace(tenant="globex")))
    assert [(line["event"], line["tenant"], line["author"]) for line in lines] == [
        ("author.looks_like_a_bot", "acme", "3fa9c1"),
        ("author.looks_like_a_bot", "acme", "000000"),
        ("author.looks_like_a_bot", "globex", "3fa9c1"),
    ]
    assert (lines[0]["first_replies"], lines[0]["of"], lines[0]["mean_seconds"]) == (357, 360, 17.7)
    assert (lines[0]["n_without"], lines[0]["mean_seconds_without"]) == (354, 46_783.9)


def test_a_tenants_control_characters_reach_no_terminal() -> None:
    assert suspect_text(SUSPECT._replace(tenant="a\x1b[31m")).isprintable()
    with capture_logs() as lines:
        SuspectLog().see((SUSPECT._replace(tenant="a\x1b[31m"),))
    assert lines[0]["tenant"].isprintable()
