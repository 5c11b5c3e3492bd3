"""``STREAM_PROFILES``: what is chosen, and what is refused with what to do."""

import json

import pytest

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
