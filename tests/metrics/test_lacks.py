"""What a bad metric lacks is noticed: whole ones of the registry, each with one thing taken from them or made worthless."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from stream.core.config import CoreConfig
from stream.core.measure import Figure, Series, Tally
from stream.core.metric import LiveSeries, Metric
from stream.core.ticket import ALWAYS
from stream.metrics import BY_NAME, selected
from stream.metrics.contract import UNITS, lacks
from tests.metrics import test_profiles as profiles
from tests.metrics import test_registry_contract as suite
from tests.metrics import test_vectors_contract as worked

CONFIG = CoreConfig()
CSAT = BY_NAME["csat"]


def said(metric: Metric) -> str:
    return "; ".join(lacks(metric, CONFIG))


def _other(tally: Tally) -> Figure:
    return msgspec.structs.replace(CSAT.figures(tally)[0], metric="other")


def _counting_nothing_out(tally: Tally) -> Figure:
    return msgspec.structs.replace(CSAT.figures(tally)[0], excluded={})


def _renamed(name: str) -> dict[str, Any]:
    return {"series": (Series(name, "Something of it.", lambda figure: figure.value),)}


def _helped(text: str) -> dict[str, Any]:
    return {"series": (Series("csat_ratio", text, lambda figure: figure.value),)}


[ZENDESK] = selected(CoreConfig(metrics=("csat",), profiles=("zendesk",)))
NO_HELP = "the help of its series csat_ratio is no sentence"
NO_WHEN = "its null_rule does not begin with when that is"
NO_SOURCE = "its source is neither an address"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": "CSAT"}, "its name is not written as a name"),
        ({"title": " "}, "it has no title"),
        ({"definition": ""}, "it has no definition"),
        ({"definition": "Half a sentence of eight words and no end"}, "its definition is no sentence"),
        ({"definition": "Satisfied answers."}, "its definition is no sentence"),
        (
            {"definition": "satisfied answers over all of those that were given."},
            "its definition is no sentence",
        ),
        ({"unit": ""}, "its unit '' is none of ratio"),
        ({"unit": "percent"}, "its unit 'percent' is none of ratio"),
        ({"unit": "seconds"}, "of another unit"),
        ({"version": 0}, "its version"),
        ({"excluded_reasons": ("bot",)}, "does not say what was excluded"),
        ({"excluded_reasons": ("bot", "bot")}, "different ones"),
        ({"excluded_reasons": ("merged",)}, "different ones"),
        ({"excluded_reasons": tuple("abcdefghijklmn")}, "different ones"),
        ({"figures": lambda tally: [_counting_nothing_out(tally)]}, "does not say what was excluded"),
        ({"excluded_reasons": ("no reason",)}, "its excluded_reasons is not written as a name"),
        ({"reads": ALWAYS | {"weather"}}, "it reads weather"),
        ({"reads": frozenset(("survey",))}, "it does not read ALWAYS"),
        ({"series": ()}, "it has neither series nor live_series"),
        (_renamed("csat ratio"), "'csat ratio' is no name"),
        (_renamed("csat_total"), "'csat_total' is no name"),
        ({"series": (Series("x", "X of it.", lambda figure: 1.0),)}, "reads a value from its figure"),
        (
            {"series": (Series("x", "X of it.", lambda figure: None, (("team", "a"),)),)},
            "labels that segments have",
        ),
        ({"figures": lambda tally: []}, "it has no figures"),
        ({"figures": lambda tally: [_other(tally)]}, "'other' does not begin with its name"),
        ({"measures": lambda ticket, config: [(1, (None,) * 5, 16, 1)]}, "of which nothing is known"),
    ],
)
def test_what_a_metric_lacks_is_said(changed: dict[str, Any], says: str) -> None:
    assert says in said(replace(CSAT, **changed))


@pytest.mark.parametrize(
    "text", ["", " ", "Csat.", "Answers.", "csat ratio.", "Satisfied answers", "satisfied answers."]
)
def test_a_help_that_helps_nobody_is_noticed(text: str) -> None:
    assert NO_HELP in said(replace(CSAT, **_helped(text)))
    live = BY_NAME["live"]
    series = (LiveSeries(live.live_series[0].slot, "tickets_open", None, text), *live.live_series[1:])
    assert "the help of its series tickets_open" in said(replace(live, live_series=series))


@pytest.mark.parametrize(
    "text",
    [
        "Null.",
        "Never null at all.",
        "Null sometimes, as figures are.",
        "Null where.",
        "Null where so.",
        "It is null without answers.",
    ],
)
def test_a_null_rule_that_does_not_say_when_is_noticed(text: str) -> None:
    assert NO_WHEN in said(replace(CSAT, null_rule=text))


@pytest.mark.parametrize(
    "text",
    [
        "Null without answers.",
        "Null where nobody answered.",
        "Null of csat itself.",
        "Null until somebody answers.",
    ],
)
def test_a_null_rule_that_says_when_is_none(text: str) -> None:
    assert said(replace(CSAT, null_rule=text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "textbooks",
        "As contact centres define it",
        "Response rate as survey practice computes it",
        "Zendesk",
        "2003",
        "the year 2003",
        "https://",
        "https://nowhere",
        "see www.zendesk.com",
        "Ours",
        "Ours: the plain share",
        "ours: because we want it to be so",
    ],
)
def test_a_source_that_names_nobody_is_noticed(text: str) -> None:
    assert NO_SOURCE in said(replace(CSAT, source=text))


@pytest.mark.parametrize(
    "text",
    [
        "Zendesk, about native Support time duration metrics: https://support.zendesk.com/hc/en-us/articles/4408834848154",
        "https://help.mypurecloud.com/?p=334996",
        "E. B. Wilson, JASA 22 (1927)",
        "Ours: a count of reopened tickets says nothing alone",
    ],
)
def test_a_source_that_can_be_looked_up_or_argued_with_is_none(text: str) -> None:
    assert said(replace(CSAT, source=text)) == ""


@pytest.mark.parametrize(
    "field", ["name", "title", "definition", "source", "null_rule", "unit", "reads", "series", "figures"]
)
@pytest.mark.parametrize("name", BY_NAME)
def test_no_metric_may_lack_a_part(name: str, field: str) -> None:
    """Whichever metric it is: with nothing in that place it is noticed."""
    metric = BY_NAME[name]
    nothing: dict[str, Any] = {"reads": frozenset(), "series": (), "figures": lambda tally: []}
    if metric.live and field in ("series", "figures"):
        nothing, field = {"live_series": ()}, "live_series"
    assert lacks(metric, CONFIG) == []
    assert lacks(replace(metric, **{field: nothing.get(field, "")}), CONFIG) != []


@pytest.mark.parametrize(
    ("asks", "planted"),
    [
        (worked.test_it_has_vectors, replace(CSAT, name="nonesuch")),
        (worked.test_it_has_vectors, replace(CSAT, source="E. B. Wilson, JASA 22 (1928)")),
        (
            worked.test_vectors_show_each_reason_that_it_gives_and_it_names_no_other,
            replace(CSAT, excluded_reasons=("bot",)),
        ),
        (
            worked.test_vectors_show_each_reason_that_it_gives_and_it_names_no_other,
            replace(ZENDESK, profile="moon"),
        ),
        (worked.test_vectors_show_each_figure_that_it_can_have, replace(CSAT, name="nonesuch")),
        (suite.test_it_has_its_row_in_the_readme, replace(CSAT, name="nonesuch")),
        (
            suite.test_the_readme_names_what_it_excludes_and_explain_says_what_it_means,
            replace(CSAT, excluded_reasons=("of_no_interest",)),
        ),
        (suite.test_it_lacks_nothing, replace(CSAT, null_rule="Null.")),
        (
            profiles.test_each_metric_of_a_profile_has_a_vector_with_a_value_and_a_source,
            replace(CSAT, profile="moon"),
        ),
        (profiles.test_where_a_profile_and_ours_disagree_a_vector_shows_both, replace(CSAT, profile="moon")),
    ],
)
def test_the_suite_fails_for_a_metric_without_vectors_or_its_place_in_the_documentation(
    asks: Callable[[Metric], None], planted: Metric
) -> None:
    asks(CSAT if CSAT.profile == planted.profile else ZENDESK)
    with pytest.raises(AssertionError):
        asks(planted)


def test_each_unit_is_one_of_those_that_a_rollup_can_have() -> None:
    assert {metric.unit for metric in BY_NAME.values()} == set(UNITS)
