"""``stream backfill``: files in, rollups and an account of every line out."""

import gzip
import io
import json
import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import stream.demo
from stream.cli import run

HELPDESK = Path(stream.demo.__file__).parent / "data" / "helpdesk_comments.csv.gz"
NOW = "2026-11-06T00:00:00Z"


def event(type_: str, time: str, number: int, **data: object) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/test",
        "type": f"contact-centre.{type_}.v1",
        "time": time,
        "data": {"tenant": "acme", **data},
    }


def ticket(number: int) -> list[dict[str, Any]]:
    """A ticket that was answered after a minute and liked."""
    identity = {"ticket_id": f"t{number}"}
    return [
        event(
            "ticket.created", "2026-11-05T12:00:00Z", 10 * number, **identity, channel="chat", team="billing"
        ),
        event(
            "reply.added",
            "2026-11-05T12:01:00Z",
            10 * number + 1,
            **identity,
            reply_id="r1",
            author="agent",
            public=True,
        ),
        event(
            "survey.answered",
            "2026-11-05T12:30:00Z",
            10 * number + 2,
            **identity,
            survey_id="s1",
            kind="csat",
            scale={"min": 1, "max": 5},
            score=5 if number % 4 else 1,
            revision=0,
        ),
    ]


def write(path: Path, events: Sequence[object]) -> Path:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in events)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def backfill(tmp_path: Path, *arguments: object) -> list[dict[str, Any]]:
    out = tmp_path / "out.ndjson"
    assert run(["backfill", *map(str, arguments), "--rollups", str(out), "--now", NOW]) == 0
    return [json.loads(line)["data"] for line in out.read_text().splitlines()]


def figure(rollups: list[dict[str, Any]], metric: str, seconds: int, **segment: str) -> dict[str, Any]:
    (found,) = (
        one
        for one in rollups
        if (one["metric"], one["window_seconds"], one["segment"])
        == (metric, seconds, {"tenant": "acme"} | segment)
    )
    return found


def test_figures_come_out_and_every_line_is_accounted_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [one for number in range(8) for one in ticket(number)]
    file = write(
        tmp_path / "in.ndjson", [*events, *events[:5], "\n", event("ticket.sung", NOW, 999), "not json\n"]
    )
    rollups = backfill(tmp_path, file)
    csat = figure(rollups, "csat", 3600, team="billing")
    assert (csat["n"], csat["value"], csat["status"]) == (8, 0.75, "final")
    assert figure(rollups, "first_reply_time", 86_400)["value"] == 60.0
    said = capsys.readouterr().out
    assert "in 31 = applied 24 + duplicate 5 + skipped 1 + dead-lettered 1" in said
    assert f"rollups {len(rollups)}" in said


def test_neither_order_nor_packing_nor_repetition_matters(tmp_path: Path) -> None:
    events = [one for number in range(20) for one in ticket(number)]
    expected = backfill(tmp_path, write(tmp_path / "ordered.ndjson", events))
    shuffled = events * 2
    random.Random(3).shuffle(shuffled)
    parts = [write(tmp_path / f"part{part}.ndjson.gz", shuffled[part::3]) for part in range(3)]
    found = backfill(tmp_path, *parts)
    for one in (*expected, *found):
        del one["emitted_at"], one["watermark"]
    assert found == expected


def test_dead_letters_are_written_with_file_and_line(tmp_path: Path) -> None:
    bad = event(
        "reply.added", "2026-11-05T12:00:00Z", 1, ticket_id="t", reply_id="r", author="ghost", public=True
    )
    first = write(tmp_path / "first.ndjson", ticket(1))
    second = write(tmp_path / "second.ndjson", ["\n", *ticket(2), bad, "nonsense\n"])
    letters = tmp_path / "dead.ndjson"
    backfill(tmp_path, first, second, "--dead-letters", letters)
    found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert {(one["file"], one["line"], one["reason"]) for one in found} == {
        (str(second), 5, "unknown_value"),
        (str(second), 6, "not_json"),
    }
    assert "nonsense" in {one["value"] for one in found}


def test_what_lies_in_the_future_of_now_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = ticket(1)
    events[1]["time"] = "2026-11-06T01:00:00.001Z"
    backfill(tmp_path, write(tmp_path / "in.ndjson", events))
    assert "dead-lettered: future_time 1" in capsys.readouterr().out


def test_a_horizon_leaves_out_what_came_too_late(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = ticket(1)
    newer = [
        one
        | {"time": one["time"].replace("2026-11-05T12", f"2026-11-05T{hour}"), "id": f"{one['id']}-{hour}"}
        for hour in (13, 14, 20)
        for one in ticket(2)
    ]
    for number, one in enumerate(newer):
        one["data"] = one["data"] | {"ticket_id": f"n{number // 3}"}
    # One flush of progress lies between the newer events and the late ones: fold passes on every 5,000 records.
    padding = [newer[0]] * 5_000
    file = write(tmp_path / "in.ndjson", [*newer, *padding, *late])
    late_window = ("csat", "2026-11-05T12:30:00Z", 60)
    assert late_window in windows(backfill(tmp_path, file))
    capsys.readouterr()
    assert late_window not in windows(backfill(tmp_path, file, "--horizon", "1h"))
    assert "too late for windows of 1m: csat" in capsys.readouterr().out


def windows(rollups: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    return {(one["metric"], one["window_start"], one["window_seconds"]) for one in rollups}


def test_the_helpdesk_csv_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replied(backfill(tmp_path, HELPDESK, "--tenant", "acme")) == 354
    assert "in 7,290 = applied 7,290 " in capsys.readouterr().out
    assert replied(backfill(tmp_path, HELPDESK, "--tenant", "acme", "--count-bots")) == 360


def replied(rollups: list[dict[str, Any]]) -> int:
    """Tickets with a first reply, over all days."""
    days = (
        one for one in rollups if one["window_seconds"] == 86_400 and one["segment"] == {"tenant": "acme"}
    )
    return sum(one["n"] for one in days if one["metric"] == "first_reply_time")


def test_a_broken_archive_leaves_the_old_rollups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.ndjson.gz"
    file.write_bytes(gzip.compress(json.dumps(ticket(1)[0]).encode())[:-9])
    out = tmp_path / "out.ndjson"
    out.write_text("former\n")
    assert run(["backfill", str(file), "--rollups", str(out)]) == 1
    assert str(file) in capsys.readouterr().err
    assert out.read_text() == "former\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.ndjson.gz", "out.ndjson"]


def test_nothing_but_garbage_is_a_failure_that_names_the_first_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "notes.ndjson", ["nonsense\n"] * 3)
    out = tmp_path / "out.ndjson"
    out.write_text("former\n")
    letters = tmp_path / "letters"
    assert run(["backfill", str(file), "--rollups", str(out), "--dead-letters", str(letters)]) == 1
    said = capsys.readouterr()
    assert f"none of 3 lines was accepted; the first is {file} line 1: not_json" in said.err
    assert out.read_text() == "former\n"
    assert len(letters.read_text().splitlines()) == 3


def test_a_wrong_time_or_horizon_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "in.ndjson", ticket(1))
    for option in (("--now", "yesterday"), ("--horizon", "long")):
        assert run(["backfill", str(file), "--rollups", str(tmp_path / "out"), *option]) == 2
        assert option[0] in capsys.readouterr().err


def test_nothing_that_is_read_or_was_written_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "in.ndjson", ticket(1))
    before = file.read_bytes()
    alias = tmp_path / "alias"
    alias.symlink_to(file)
    for path in (file, alias):
        assert run(["backfill", str(file), "--rollups", str(path)]) == 2
        assert "named twice" in capsys.readouterr().err
    out = str(tmp_path / "out")
    assert run(["backfill", str(file), "--rollups", out, "--dead-letters", out]) == 2
    assert file.read_bytes() == before


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    file = write(tmp_path / "in.ndjson", ticket(1))
    target = tmp_path / "target"
    target.touch()
    link = tmp_path / "link"
    link.symlink_to(target)
    assert run(["backfill", str(file), "--rollups", str(link), "--now", NOW]) == 0
    assert link.is_symlink()
    expected = len(target.read_bytes().splitlines())
    assert expected > 0
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["wc", "-l", str(pipe)], stdout=subprocess.PIPE, text=True)
    assert run(["backfill", str(file), "--rollups", str(pipe), "--now", NOW]) == 0
    said, _ = reader.communicate(timeout=30)
    assert int(said.split()[0]) == expected
    assert pipe.is_fifo()


def test_a_bot_that_is_counted_as_an_agent_is_named_and_gone_when_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*options: str) -> str:
        backfill(tmp_path, HELPDESK, *options)
        return capsys.readouterr().out

    named = told("--count-bots")
    assert "note: author helpdesk/499eca looks like a bot that is counted as an agent: 357 of 360" in named
    assert "18 s on average, without them 46,784 s over 354" in named
    assert "note:" not in told()
    monkeypatch.setenv("STREAM_BOT_AUTHORS", "helpdesk/499eca")
    assert "note:" not in told("--count-bots")


def test_whose_key_it_is_can_be_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["author", "p498b2d2b94b7", "Zoë"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "499eca  p498b2d2b94b7"
    monkeypatch.setattr("sys.stdin", io.StringIO("ann\np498b2d2b94b7\r\n"))
    assert run(["author"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "499eca  p498b2d2b94b7"
