"""The exposition formats themselves: escaping, names, negotiation."""

import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_fd_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_fd_to_metric_families as parse_text

from stream.web.text import (
    Family,
    expose,
    label_names,
    labels,
    number,
    sample,
    visible,
    wants_gzip,
    wants_openmetrics,
)

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def read_back(value: str, *, openmetrics: bool) -> str:
    """The label value that a client library's parser reads."""
    family = Family("given", "gauge", "help", [sample("given", labels([("team", value)]), 1)])
    text = io.StringIO(expose([family], openmetrics=openmetrics), newline="\n")
    parsed = list((parse_openmetrics if openmetrics else parse_text)(text))
    assert len(parsed) == 1
    assert len(parsed[0].samples) == 1
    return str(parsed[0].samples[0].labels["team"])


@pytest.mark.parametrize("openmetrics", [False, True])
@given(value=st.text(max_size=40))
def test_any_label_value_is_read_back_as_it_is_shown(value: str, openmetrics: bool) -> None:
    assert read_back(value, openmetrics=openmetrics) == visible(value)


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize(
    "value",
    ['a"b', "a\\b", "a\\\\", 'x"} 1\nevil{team="y', "\\n", '","team="z', "{}", "# HELP", "ü✓", "\\\\n"],
)
def test_quotes_and_backslashes_cannot_break_out(value: str, openmetrics: bool) -> None:
    assert read_back(value, openmetrics=openmetrics) == visible(value)


@given(st.text())
def test_nothing_invisible_reaches_a_line(value: str) -> None:
    shown = visible(value)
    assert all(char.isprintable() or char.isspace() or ord(char) > 0x9F for char in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


@given(st.lists(st.text(alphabet="\\ux0107\x07\n5c"), unique=True, max_size=30))
def test_different_values_stay_different(values: list[str]) -> None:
    assert len({visible(value) for value in values}) == len(values)


def test_plain_text_is_shown_as_it_is() -> None:
    assert visible("Größe 1 \\ 2") == "Größe 1 \\ 2"
    assert visible("bell\x07") == "bell\\u0007"


@given(st.lists(st.text(alphabet=string.printable, max_size=8), unique=True, max_size=20))
def test_label_names_are_valid_and_unique(names: list[str]) -> None:
    chosen = label_names(names, {"window", "alert"})
    assert list(chosen) == names
    assert len({*chosen.values(), "window", "alert"}) == len(names) + 2
    for name in chosen.values():
        assert name.isascii()
        assert name.replace("_", "a").isalnum()
        assert not name[0].isdigit()
        assert not name.startswith("__")


def test_reserved_and_odd_label_names_are_renamed() -> None:
    assert label_names(["team", "window", "age-group", "1st"], {"window"}) == {
        "team": "team",
        "window": "segment_window",
        "age-group": "age_group",
        "1st": "segment_1st",
    }


def test_values_that_are_no_numbers_are_never_exposed() -> None:
    assert [number(value) for value in (float("nan"), float("inf"), float("-inf"))] == [None] * 3
    assert sample("ratio", "", float("nan")) == ""
    assert sample("ratio", "", 0.5) == "ratio 0.5\n"
    assert sample("answers", 'team="a"', 3) == 'answers{team="a"} 3\n'


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0", True),
        ("application/openmetrics-text; version=0.0.1", False),
        ("application/openmetrics-text; version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.9", False),
        ('APPLICATION/OpenMetrics-Text ; Version="1.0.0"', True),
        ("application/openmetrics-text;q=nonsense", False),
        (PROMETHEUS, True),
    ],
)
def test_the_format_follows_the_accept_header(accept: str, expected: bool) -> None:
    assert wants_openmetrics(accept) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("gzip;q=0,*", False),
    ],
)
def test_gzip_only_where_it_is_allowed(header: str, expected: bool) -> None:
    assert wants_gzip(header) is expected


def test_a_family_without_samples_is_left_out_and_help_is_escaped() -> None:
    empty = Family("empty", "gauge", "nothing", [])
    odd = Family("odd", "counter", 'a "quoted" \\ help\nof two lines', ["odd_total 1\n"])
    assert expose([empty, odd], openmetrics=False) == (
        '# HELP odd_total a "quoted" \\\\ help\\nof two lines\n# TYPE odd_total counter\nodd_total 1\n'
    )
    assert expose([empty, odd], openmetrics=True) == (
        '# HELP odd a \\"quoted\\" \\\\ help\\nof two lines\n# TYPE odd counter\nodd_total 1\n# EOF\n'
    )
