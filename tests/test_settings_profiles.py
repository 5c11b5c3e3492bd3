"""``STREAM_PROFILES``: what is chosen, and what is refused with what to do."""

import json
from pathlib import Path

import pytest

from stream.cli import run
from stream.core.metric import Metric
from stream.metrics import selected
from stream.settings import SettingsError, load, memory
from stream.settings.load import load_with_origins


def alert(**more: object) -> str:
    return json.dumps([{"name": "low", "metric": "csat", "threshold": 0.8, **more}])


def test_the_default_profile_alone_is_the_default() -> None:
    assert {metric.profile for metric in selected(load({}).core())} == {"default"}


def test_profiles_run_side_by_side() -> None:
    chosen = selected(load({"STREAM_PROFILES": "default,zendesk", "STREAM_METRICS": "csat,ces"}).core())
    assert [metric.full_name for metric in chosen] == ["csat", "zendesk/csat", "ces"]


@pytest.mark.parametrize("text", ["zendesc", "default,default", ""])
def test_a_profile_that_there_is_not_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"STREAM_PROFILES.*default, zendesk, chatwoot, amazon_connect, genesys, seed"
    ):
        load({"STREAM_PROFILES": text})


def test_a_rule_watches_the_profile_that_it_names() -> None:
    both = {"STREAM_PROFILES": "default,zendesk"}
    assert load({**both, "STREAM_ALERTS": alert()}).alerts[0].profile == "default"
    assert load({**both, "STREAM_ALERTS": alert(profile="zendesk")}).alerts[0].profile == "zendesk"
    with pytest.raises(
        SettingsError, match=r"rule low: csat is not computed under the profile 'default'.*: zendesk"
    ):
        load({"STREAM_PROFILES": "zendesk", "STREAM_ALERTS": alert()})
    with pytest.raises(SettingsError, match=r"under the profile 'genesys'.*default, zendesk"):
        load({**both, "STREAM_ALERTS": alert(profile="genesys")})


@pytest.mark.parametrize(
    ("profiles", "watched"), [("zendesk", "zendesk"), ("genesys", "default"), ("seed,default", "seed")]
)
def test_the_default_rule_watches_the_first_profile_that_has_its_figure(profiles: str, watched: str) -> None:
    loaded = load_with_origins({"STREAM_PROFILES": profiles})
    assert [rule.profile for rule in loaded.settings.alerts] == [watched]
    assert loaded.notes == ()


def levels(text: str) -> Metric:
    (one,) = selected(
        load(
            {
                "STREAM_PROFILES": "genesys",
                "STREAM_METRICS": "service_level",
                "STREAM_GENESYS_SERVICE_LEVEL": text,
            }
        ).core()
    )
    return one


def test_a_definition_says_which_switches_of_genesys_are_on() -> None:
    assert "answered or given up, in the window" in levels("abandons").definition
    assert "within 5 s is left out" in levels("abandons").definition
    whole = levels("flow_outs, short_abandons,abandons")
    assert "given up or left otherwise (transferred, called back" in whole.definition
    assert "however soon" in whole.definition
    assert "visits that were answered, in the window" in levels("none").definition
    assert levels("none") is levels("none")
    assert levels("abandons,flow_outs") is levels("flow_outs,abandons")
    assert len({levels(text).parameters for text in ("none", "abandons", "flow_outs")}) == 3


@pytest.mark.parametrize(
    "text",
    ["", "abandon", "short_abandons", "flow_outs,short_abandons", "abandons,abandons", "none,abandons"],
)
def test_switches_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"STREAM_GENESYS_SERVICE_LEVEL.*abandons, short_abandons, flow_outs, or none"
    ):
        load({"STREAM_GENESYS_SERVICE_LEVEL": text})


def test_switches_without_the_profile_are_told() -> None:
    (note,) = load_with_origins({"STREAM_GENESYS_SERVICE_LEVEL": "none"}).notes
    assert "STREAM_GENESYS_SERVICE_LEVEL has no effect" in note
    both = {"STREAM_PROFILES": "genesys", "STREAM_METRICS": "csat,service_level"}
    assert load_with_origins({**both, "STREAM_GENESYS_SERVICE_LEVEL": "none"}).notes == ()


MANY = """\
from dataclasses import replace

from msgspec import structs

from stream.metrics.csat import METRIC


def one(name, number):
    return replace(
        METRIC,
        id=number,
        name=name,
        series=tuple(series._replace(name=f"{name}_{series.name}") for series in METRIC.series),
        figures=lambda tally: [structs.replace(figure, metric=name) for figure in METRIC.figures(tally)],
    )


"""


@pytest.fixture(params=[253, 254])
def many(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the metrics that an installed package brings."""
    names = [f"more_{number}" for number in range(request.param)]
    made = "".join(f"{name} = one({name!r}, {200 + number})\n" for number, name in enumerate(names))
    (tmp_path / f"many_{len(names)}.py").write_text(MANY + made)
    info = tmp_path / "many-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: many\nVersion: 1.0\n")
    entries = "".join(f"{name} = many_{len(names)}:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[stream.metrics]\n{entries}")
    monkeypatch.syspath_prepend(str(tmp_path))
    return names


def test_more_metrics_than_a_window_has_room_for_are_refused(
    many: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """253 and one by two profiles are 255; live counts are in no window."""
    monkeypatch.setenv("STREAM_METRICS", ",".join(["live", "csat", *many]))
    monkeypatch.setenv("STREAM_PROFILES", "default,zendesk")
    code = run(["config"])
    told = capsys.readouterr()
    if len(many) == 253:
        assert (code, told.err) == (0, "")
        assert "of 255 metrics, each profile's counted" in told.out
        return
    assert code == 2
    (line,) = told.err.splitlines()
    assert "STREAM_METRICS is" in line
    assert "STREAM_PROFILES=default,zendesk a window would have 256 metrics" in line
    assert "room for 255; leave metrics or profiles out" in line
    monkeypatch.delenv("STREAM_PROFILES")
    assert run(["config"]) == 0


def test_the_memory_of_the_windows_grows_with_metrics_and_profiles() -> None:
    def estimated(profiles: str, metrics: str = "csat,nps,live") -> memory.Estimate:
        core = load({"STREAM_PROFILES": profiles, "STREAM_METRICS": metrics}).core()
        return memory.estimate(core, selected(core))

    alone, beside, three = (
        estimated("default"),
        estimated("default,zendesk"),
        estimated("zendesk,seed,default"),
    )
    assert (alone.metrics, beside.metrics, three.metrics) == (2, 4, 6)
    assert alone.rows == beside.rows == three.rows
    running = memory.RUNNING_BYTES + 2 * memory.RUNNING_BYTES // 5
    more = 2 * (memory.METRIC_BYTES * alone.rows + running * alone.segments)
    assert beside.bytes - alone.bytes == three.bytes - beside.bytes == more
    assert estimated("default", "csat,nps") == alone


def test_memory_that_only_several_profiles_need_is_refused_with_what_to_do() -> None:
    limited = {"STREAM_STATE_LIMIT": "700MiB", "STREAM_METRICS": "csat,nps,first_reply_time,reply_time"}
    load(limited)
    with pytest.raises(
        SettingsError,
        match=r"STREAM_STATE_LIMIT.*14 metrics of STREAM_METRICS and STREAM_PROFILES.*leave metrics or",
    ):
        load({**limited, "STREAM_PROFILES": "default,zendesk,seed,chatwoot"})
