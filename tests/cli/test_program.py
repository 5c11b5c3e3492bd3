"""The program as a shell sees it: exit codes, one line on stderr, help that answers at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stream.cli import COMMANDS

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
COMPARE = ("compare", "csat", "--window", "2026-11-05T12:00/1h")
EXPLAIN = ("explain", *COMPARE[1:])


def stream(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_")}
    return subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        capture_output=True,
        text=True,
        env=own | environ,
        timeout=60,
        check=False,
    )


def failed(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line of a failure."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_help_names_every_command() -> None:
    done = stream("--help")
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = stream(command, "--help")
    assert done.returncode == 0, done.stderr
    assert f"Usage: stream {command}" in done.stdout
    assert len(done.stdout.splitlines()) > 8


def test_the_programs_entry_point_is_the_module() -> None:
    program = Path(sys.executable).parent / "stream"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == stream("--version").stdout
    assert done.stdout.startswith("stream 0.")


def test_help_loads_no_client_and_no_framework() -> None:
    code = "import sys, stream.cli; print([m for m in ('aiokafka', 'faust', 'rich', 'prometheus_client') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_command_is_wrong_usage() -> None:
    done = stream()
    assert done.returncode == 2
    assert "Commands:" in done.stdout


def test_a_mistyped_command_is_refused_with_the_nearest() -> None:
    assert "did you mean 'worker'?" in failed(stream("wroker"), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "--jsn"),
        ("publish",),
        ("publish", "/no/such/file"),
        ("backfill", __file__),
        ("topics", "delete"),
        ("tail", "everything"),
        ("tail", "dlq", "--metric", "csat"),
        ("tail", "rollups", "--reason", "not_json"),
        ("tail", "followups", "--window", "1h"),
        ("tail", "rollups", "--window", "2026-11-05T12:30/1h"),
        ("tail", "rollups", "--segment", "team"),
        ("dlq", "delete"),
        ("explain", "csat"),
        ("explain", "csat", "--window", "1h"),
        ("explain", "csat", "--window", "2026-11-05T12:00/1h", "--segment", "colour=red"),
        ("compare", "csat", "--window", "2026-11-05T12:00/1h"),
        ("compare", "csat", "--with-window", "2026-11-05T12:00/1h"),
    ],
)
def test_wrong_usage_exits_2_and_points_to_the_help(arguments: tuple[str, ...]) -> None:
    assert f"see `stream {arguments[0]} --help`" in failed(stream(*arguments), 2)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("explain", "cast", "--window", "2026-11-05T12:00/1h"), "reply_time"),
        (("explain", "live", "--window", "2026-11-05T12:00/1h"), "it has no window"),
        (("explain", "csat", "--window", "0001-01-01T00:00/1h"), "--window"),
        ((*EXPLAIN, "--with-segment", "team"), "--with-segment"),
        ((*EXPLAIN, "--with-segment", "colour=red"), "--with-segment"),
        ((*EXPLAIN, "--with-segment", "team=billing"), "may share measures"),
        (("explain", "tickets_open", "--with-segment", "team=billing"), "it is a live count"),
        ((*COMPARE, "--with-window", "1h"), "--with-window"),
        ((*COMPARE, "--with-window", "2026-11-05T12:00/1h"), "may share measures"),
        ((*COMPARE, "--with-window", "2026-11-05/1d"), "may share measures"),
        ((*COMPARE, "--with-segment", "team=billing"), "may share measures"),
        ((*COMPARE, "--with-segment", "colour=red"), "--with-segment"),
        ((*COMPARE, "--with-segment", "team"), "--with-segment"),
        (
            ("compare", "live", "--window", "2026-11-05/1d", "--with-window", "2026-11-04/1d"),
            "no configured metric",
        ),
        (("tail", "rollups", "--metric", "cast"), "reply_time"),
        (("publish", __file__, "--speed", "nan"), "--speed"),
        (("publish", __file__, "--tenant", ""), "--tenant"),
        (("backfill", __file__, "--rollups", "out", "--tenant", ""), "--tenant"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_a_broker_is_asked(
    arguments: tuple[str, ...], wrong: str
) -> None:
    assert wrong in failed(stream(*arguments, STREAM_BROKERS=NOBODY), 2)


@pytest.mark.parametrize(
    ("file", "out", "wrong"),
    [("/no/such", "out", "/no/such"), (__file__, "/no/out.ndjson", "/no/out.ndjson")],
)
def test_backfill_names_a_file_that_is_not_there_or_cannot_be_written(
    file: str, out: str, wrong: str, tmp_path: Path
) -> None:
    assert wrong in failed(stream("backfill", file, "--rollups", str(tmp_path / out)), 2)


def test_wrong_settings_exit_2_and_name_the_setting() -> None:
    assert "STREAM_LATENESS" in failed(stream("config", STREAM_LATENESS="soon"), 2)
    assert "STREAM_LATENESS" in failed(stream("worker", STREAM_LATENES="1s"), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", __file__),
        ("topics", "show"),
        ("topics", "create"),
        ("topics", "check"),
        ("tail", "rollups"),
        ("dlq", "list"),
        ("dlq", "count"),
        ("dlq", "replay", "--yes"),
        ("dlq", "show", "tickets.dlq-0-1"),
        ("explain", "csat", "--window", "2026-11-05T12:00/1h"),
        ("explain", "tickets_open"),
        (*COMPARE, "--with-window", "2026-11-05T11:00/1h"),
    ],
)
def test_without_a_broker_it_says_which_address_is_dead(arguments: tuple[str, ...]) -> None:
    assert NOBODY in failed(stream(*arguments, STREAM_BROKERS=NOBODY, STREAM_HTTP_PORT="0"), 1)


@pytest.mark.parametrize("arguments", [("worker",), ("worker", "--drain")])
def test_a_worker_without_a_broker_ends_with_one_line_after_its_log(arguments: tuple[str, ...]) -> None:
    done = stream(*arguments, STREAM_BROKERS=NOBODY, STREAM_HTTP_PORT="0")
    assert done.returncode == 1
    *log, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert NOBODY in last
    assert [json.loads(line)["event"] for line in log] == ["http.listening"]


def test_debug_shows_where_it_happened() -> None:
    done = stream("--debug", "config", STREAM_LATENESS="soon")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "STREAM_LATENESS" in done.stderr.splitlines()[-1]


def test_debug_shows_where_a_worker_ended() -> None:
    done = stream("--debug", "worker", STREAM_BROKERS=NOBODY, STREAM_HTTP_PORT="0")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: no broker answers")


def test_config_shows_what_is_in_force_and_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "stream.toml"
    file.write_text('lateness = "2m"\nclock = "event"\n')
    done = stream("--config", str(file), "config", STREAM_CLOCK="wall")
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("STREAM_")}
    assert lines["STREAM_LATENESS"].split()[1:] == ["2m", "<-", "file"]
    assert lines["STREAM_CLOCK"].split()[1:] == ["wall", "<-", "environment"]
    assert lines["STREAM_ROLLUP_WINDOWS"].split()[1:] == ["1m,1h,1d"]
    assert "1,000 segments" in done.stdout


def test_config_shows_business_hours_and_whose_they_are() -> None:
    done = stream("config", STREAM_CALENDARS=str(ROOT / "deploy" / "calendars.toml"))
    assert done.returncode == 0, done.stderr
    assert "nights: Europe/Berlin, 2000 to 2099; friday 22:00-24:00" in done.stdout
    assert "applies to team night-desk" in done.stdout
    assert "STREAM_CALENDARS has no effect" in done.stdout


def test_business_hours_that_are_wrong_or_missing_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "hours.toml"
    file.write_text('[calendars.office]\nzone = "Europe/Berlin"\nhours = { monday = ["9-17"] }\n')
    line = failed(stream("worker", STREAM_CALENDARS=str(file)), 2)
    assert "hours.toml: calendar 'office': hours.monday: '9-17' is no span; write 09:00-17:00" in line
    assert "STREAM_CALENDARS" in failed(stream("worker", STREAM_METRICS="reply_time_business"), 2)


def test_config_can_be_read_by_programs(tmp_path: Path) -> None:
    file = tmp_path / "stream.toml"
    file.write_text(stream("config", "--toml", STREAM_LATENESS="7s").stdout)
    as_json = json.loads(stream("config", "--json", STREAM_CONFIG=str(file)).stdout)
    assert as_json["STREAM_LATENESS"] == "7s"
    assert as_json["STREAM_CLOCK"] == "wall"


def test_config_keeps_secrets(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    environ = {
        "STREAM_SECURITY_PROTOCOL": "SASL_SSL",
        "STREAM_SASL_USERNAME": "me",
        "STREAM_SASL_PASSWORD_FILE": str(secret),
    }
    for form in ((), ("--json",), ("--toml",)):
        done = stream("config", *form, **environ)
        assert done.returncode == 0
        assert "hunter2" not in done.stdout
        assert str(secret) in done.stdout


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m stream config | head -n 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
