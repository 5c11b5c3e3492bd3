"""A metric that an installed package brings: the one of the documentation for real, and packages that must be refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stream.cli import run
from stream.metrics import BY_NAME, selected
from stream.settings import SettingsError, load
from tests.cli.test_backfill import NOW, event, figure, write
from tests.support.process import ROOT

PAGE = ROOT / "deploy" / "your-own-metric.md"


def files_of_the_page() -> dict[str, str]:
    """File -> content: a name alone on its line, then a block of code."""
    text = PAGE.read_text(encoding="utf-8")
    return dict(re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def installed(factory: pytest.TempPathFactory) -> Path:
    """Where pip has installed the package of the page, built from its files, offline."""
    source, target = factory.mktemp("urgent-share"), factory.mktemp("packages")
    for name, content in files_of_the_page().items():
        (source / name).write_text(content, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(source)], check=True
    )
    return target


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory)


def stream(packages: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, with the packages beside it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STREAM_")}
    path = os.pathsep.join((str(packages), str(ROOT)))
    return subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        env={**environ, "PYTHONPATH": path, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_no_more_than_30_lines() -> None:
    module = files_of_the_page()["urgent_share.py"]
    assert len([line for line in module.splitlines() if line]) <= 30


def test_the_metric_of_the_page_is_computed_like_the_programs_own(packages: Path, tmp_path: Path) -> None:
    created = [
        event(
            "ticket.created",
            "2026-11-05T12:00:00Z",
            number,
            ticket_id=f"t{number}",
            channel="chat",
            team="billing",
            priority="urgent" if number < 3 else "low",
        )
        for number in range(4)
    ]
    gone = event("ticket.deleted", "2026-11-05T12:05:00Z", 9, ticket_id="t0", reason="spam")
    out = tmp_path / "out.ndjson"
    source = write(tmp_path / "in.ndjson", [*created, gone])
    done = stream(
        packages,
        *("backfill", str(source), "--rollups", str(out), "--now", NOW),
        STREAM_METRICS="urgent_share,csat",
        STREAM_ALERTS='[{"name": "a", "metric": "urgent_share", "threshold": 0.5, "fires": "above"}]',
    )
    assert (done.returncode, done.stderr) == (0, "")
    rollups: list[dict[str, Any]] = [json.loads(line)["data"] for line in out.read_text().splitlines()]
    found = figure(rollups, "urgent_share", 3600, team="billing")
    assert (found["value"], found["n"], found["parts"]) == (2 / 3, 3, {"urgent": 2, "created": 3})
    assert (found["low"], found["definition_version"]) == (pytest.approx(0.2077, abs=1e-4), 1)


def test_without_the_package_its_metric_is_unknown(tmp_path: Path) -> None:
    done = stream(tmp_path, "config", STREAM_METRICS="urgent_share,csat")
    assert done.returncode == 2
    assert "'urgent_share' is not known" in done.stderr


def test_a_package_that_is_not_named_is_not_imported(tmp_path: Path) -> None:
    install(tmp_path, "unasked", "raise SystemExit(3)")
    assert stream(tmp_path, "config", STREAM_METRICS="csat").returncode == 0


def install(folder: Path, name: str, module: str, package: str = "") -> None:
    """A package with one module and one metric, as an installer leaves it."""
    package = package or f"{name}_package"
    (folder / f"{package}_module.py").write_text(module, encoding="utf-8")
    information = folder / f"{package}-2.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.1\n")
    (information / "entry_points.txt").write_text(f"[stream.metrics]\n{name} = {package}_module:METRIC\n")


def module(name: str, number: int = 201, more: str = "") -> str:
    """Answers counted as csat does, under another name; ``more``: what is different."""
    return f"""
from dataclasses import replace
from stream.core.measure import Series
from stream.metrics.csat import METRIC as CSAT
from stream.metrics.shares import share_figure, share_series

METRIC = replace(
    CSAT,
    id={number},
    name="{name}",
    figures=lambda tally: [share_figure("{name}", tally, "liked", "all")],
    series=share_series("{name}", "Liked / all.", ("liked", "Liked ones."), ("all", "All of them.")),
)
{more}
"""


def refusal(monkeypatch: pytest.MonkeyPatch, folder: Path, metrics: str) -> str:
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(SettingsError) as caught:
        load({"STREAM_METRICS": metrics})
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("broken_1", "import nothing_of_that_name", "fails with ModuleNotFoundError: No module named"),
        ("broken_2", "1 / 0", "fails with ZeroDivisionError"),
        ("broken_3", "OTHER = 1", "fails with AttributeError"),
        ("broken_4", "METRIC = 1", "is no Metric, nor a function of the settings that gives one"),
        ("broken_5", "def METRIC(config): return 1", "is no Metric, nor a function of the settings"),
        ("broken_6", "def METRIC(config): raise OSError('no\\ndisk')", "fails with OSError: no disk"),
        ("broken_7", module("another"), "the metric calls itself 'another'"),
        ("broken_8", module("broken_8", 20), "its id 20 is not from 200 to 999"),
        (
            "broken_9",
            module("broken_9", more="METRIC = replace(METRIC, null_rule='')"),
            "it has no null_rule",
        ),
        (
            "broken_17",
            module("broken_17", more="METRIC = replace(METRIC, source='We think so')"),
            "its source is neither an address (https://...), nor a publication with its year, nor 'Ours: ' with the reason",
        ),
        (
            "broken_10",
            module("broken_10", more="METRIC = replace(METRIC, unit='')"),
            "its unit '' is none of",
        ),
        (
            "broken_11",
            module("broken_11", more="METRIC = replace(METRIC, figures=lambda tally: tally[16])"),
            "fails with KeyError: 16 where nothing was measured",
        ),
        (
            "broken_12",
            module("broken_12", more="METRIC = replace(METRIC, series=CSAT.series[:1])"),
            "the program itself has a series csat_ratio already",
        ),
        ("broken_13", "raise SystemExit(3)", "fails with SystemExit: 3"),
        ("csat", module("csat"), "the program itself has a metric of that name"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, source: str, says: str
) -> None:
    install(tmp_path, name, source)
    message = refusal(monkeypatch, tmp_path, f"nps,{name}")
    assert f"STREAM_METRICS names {name}, which the package {name}_package 2.1 brings" in message.replace(
        "-", "_"
    )
    assert says in message
    assert "take the name out" in message
    assert load({"STREAM_METRICS": "nps"}).metrics == ("nps",)


def test_two_packages_may_have_neither_one_id_nor_one_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path, "first_of_two", module("first_of_two", 300))
    install(tmp_path, "second_of_two", module("second_of_two", 300))
    message = refusal(monkeypatch, tmp_path, "first_of_two,second_of_two")
    assert "second_of_two_package 2.1 brings" in message
    assert "its id 300 is that of first_of_two in first_of_two_package 2.1 too" in message
    for name in ("first_of_two", "second_of_two"):
        assert load({"STREAM_METRICS": name}).metrics == (name,)
    install(tmp_path, "first_of_two", module("first_of_two", 301), "twice")
    other = tmp_path / "more"
    other.mkdir()
    assert "first_of_two_package 2.1 has a metric of that name" in refusal(monkeypatch, other, "first_of_two")


def test_a_function_of_the_settings_stands_behind_the_programs_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    both = "WHOLE = METRIC\ndef METRIC(config): return replace(WHOLE, parameters=config.ces_direction)"
    install(tmp_path, "by_settings", module("by_settings", more=both))
    monkeypatch.syspath_prepend(str(tmp_path))
    core = load({"STREAM_METRICS": "by_settings,nps", "STREAM_CES_DIRECTION": "high_is_good"}).core()
    nps, own = selected(core)
    assert (nps, own.name, own.parameters) == (BY_NAME["nps"], "by_settings", "high_is_good")


def test_the_program_ends_with_2_and_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "not_whole", module("not_whole", 5))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("STREAM_METRICS", "csat,not_whole")
    assert run(["config"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "error: STREAM_METRICS names not_whole, which the package not_whole_package 2.1 brings"
    )
    assert len(said.splitlines()) == 1
