"""``STREAM_PROFILES``: what is chosen, and what is refused with what to do."""

import json

import pytest

from stream.core.metric import Metric
from stream.metrics import selected
from stream.settings import SettingsError, load
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
