"""What the README and ``deploy/vendors.md`` say of profiles is what the registry has: each metric, each profile, the same sources."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from stream.core.config import CoreConfig
from stream.core.metric import Metric
from stream.metrics import BY_NAME, METRICS, selected
from stream.metrics import profiles as profile_registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
VENDORS = (ROOT / "deploy" / "vendors.md").read_text(encoding="utf-8")
PLATFORMS = {
    "Zendesk": "zendesk",
    "Chatwoot": "chatwoot",
    "Amazon Connect": "amazon_connect",
    "Genesys Cloud": "genesys",
}
WINDOWED = {metric.name for metric in METRICS if not metric.live and not metric.business}
ADDRESS = re.compile(r"https://[^\s>,;]+")


def _of(profile: str) -> Mapping[str, Metric]:
    """Metric -> as the profile counts it, of those that it has."""
    config = CoreConfig(metrics=tuple(BY_NAME), profiles=(profile,))
    return {one.name: one for one in selected(config) if one.profile == profile}


def _owned(profile: str) -> set[str]:
    own = _of(profile)
    return {name for name in own.keys() & WINDOWED if own[name].measures is not BY_NAME[name].measures}


def _names(cell: str) -> set[str]:
    return {name for name in re.findall(r"`(\w+)`", cell) if name in BY_NAME}


def _sources() -> Mapping[int, set[str]]:
    """Number -> addresses of the list at the end of vendors.md."""
    entries = re.split(r"^(\d+)\. ", VENDORS, flags=re.MULTILINE)[1:]
    return {
        int(number): set(ADDRESS.findall(text))
        for number, text in zip(entries[::2], entries[1::2], strict=True)
    }


def _cited(cell: str) -> list[int]:
    return [int(number) for numbers in re.findall(r"\[([\d, ]+)\]", cell) for number in numbers.split(",")]


def _rows(text: str, header: str) -> list[list[str]]:
    """The cells of a table that begins with this line."""
    lines = text[text.index(header) :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


PROFILES = {row[0].strip("`"): row for row in _rows(README, "| profile | counts in another way |")}
MATRIX = {row[0].strip("`"): row[1:] for row in _rows(README, "| metric | Zendesk |")}
every_cell = pytest.mark.parametrize(
    ("name", "platform"), [(name, platform) for name in sorted(WINDOWED) for platform in PLATFORMS]
)


def test_the_tables_have_each_profile_and_each_metric() -> None:
    assert list(PROFILES) == list(profile_registry.BY_NAME)
    assert list(MATRIX) == [metric.name for metric in METRICS if metric.name in WINDOWED]
    assert {len(cells) for cells in MATRIX.values()} == {len(PLATFORMS)}
    assert set(PLATFORMS.values()) | {"seed"} == set(profile_registry.BY_NAME)


@pytest.mark.parametrize("profile", PLATFORMS.values())
def test_a_row_of_the_readme_names_what_its_profile_has_and_where_it_is_documented(profile: str) -> None:
    _, ways, alike, numbers = PROFILES[profile]
    own = _of(profile)
    assert _names(ways) == _owned(profile)
    assert _names(alike) == own.keys() & WINDOWED - _owned(profile)
    listed = _sources()
    cited = set[str]().union(*(listed[number] for number in _cited(numbers)))
    documented = {address for one in own.values() for address in ADDRESS.findall(one.source)}
    assert documented <= cited
    assert all(listed[number] & documented for number in _cited(numbers)), (
        "a number that no definition rests on"
    )


def test_the_row_of_the_plain_formulas_names_its_difference() -> None:
    _, ways, alike, _ = PROFILES["seed"]
    assert _names(ways) == _owned("seed")
    assert _names(alike) == set()
    assert _of("seed").keys() & WINDOWED == WINDOWED


@every_cell
def test_a_cell_says_what_the_profile_does_and_where_it_is_documented(name: str, platform: str) -> None:
    cell = MATRIX[name][list(PLATFORMS).index(platform)]
    profile = PLATFORMS[platform]
    metric = _of(profile).get(name)
    what = re.match(r"own|same|left out|none", cell)
    assert what is not None, cell
    if metric is None:
        assert what[0] in ("left out", "none")
        assert what[0] == "none" or ":" in cell, "left out, but not why"
    else:
        assert what[0] == ("own" if name in _owned(profile) else "same")
        listed = _sources()
        addresses = set[str]().union(*(listed[number] for number in _cited(cell)))
        assert set(ADDRESS.findall(metric.source)) <= addresses


def test_every_number_is_in_the_list_and_every_entry_of_it_is_cited() -> None:
    body = VENDORS[: VENDORS.index("\n1. ")]
    cells = [cell for cells in MATRIX.values() for cell in cells]
    assert {number for text in (body, *cells) for number in _cited(text)} == set(_sources())
    assert all(_sources().values())


def test_the_readme_says_the_versions_that_definitions_have() -> None:
    said = re.search(r"Version 1 of each definition(?: \(([^)]*)\))?,\s+profile `default`", README)
    assert said is not None
    others = re.findall(r"(\d+) of `(\w+)`", said[1] or "")
    assert {name: int(version) for version, name in others} == {
        metric.name: metric.version for metric in METRICS if metric.version != 1
    }


def test_the_readme_says_which_profiles_have_durations_in_business_hours() -> None:
    have = {
        profile
        for profile in profile_registry.BY_NAME
        if any(metric.business for metric in _of(profile).values())
    }
    sentence = README[: README.index("have their durations in business hours, too")].rsplit("\n\n", 1)[1]
    assert set(re.findall(r"`(\w+)`", sentence)) - BY_NAME.keys() == have
    assert "queue_wait_time_business" not in _of("zendesk")
    assert "but for `queue_wait_time`" in sentence
