"""Segments of a measure and the guard on their number."""

from stream.core.config import CoreConfig
from stream.core.delta import segment_partition
from stream.core.labels import LabelBook


def names(book: LabelBook, *labels: str | None) -> list[str]:
    return [segment for segment, _ in book.segments(labels)]


def test_one_segment_per_grouping_set_sorted_and_within_the_tenant() -> None:
    book = LabelBook(CoreConfig())
    assert names(book, "acme", "billing", "chat", None, "a-1") == [
        "tenant=acme",
        "team=billing&tenant=acme",
        "channel=chat&tenant=acme",
        "channel=chat&team=billing&tenant=acme",
    ]


def test_a_measure_without_a_team_is_in_no_row_that_has_one() -> None:
    assert names(LabelBook(CoreConfig()), "acme", None, "chat", None, None) == [
        "tenant=acme",
        "channel=chat&tenant=acme",
    ]


def test_values_cannot_break_out_of_their_pair() -> None:
    book = LabelBook(CoreConfig(groupings=(("team",),)))
    assert names(book, "a&b", "x=y/%", None, None, None) == ["team=x%3Dy%2F%25&tenant=a%26b"]


def test_allow_listed_segment_keys_can_be_grouped_by() -> None:
    config = CoreConfig(groupings=(("location",),), segment_labels=("location",))
    assert names(LabelBook(config), "acme", None, None, None, None, "berlin") == [
        "location=berlin&tenant=acme"
    ]


def test_each_segment_has_one_owner_whoever_asks() -> None:
    config = CoreConfig(delta_partitions=7)
    for segment, partition in LabelBook(config).segments(("acme", "billing", "chat", None, None)):
        assert partition == segment_partition(segment, 7)
        assert 0 <= partition < 7


def test_past_the_limit_new_values_are_other_and_old_ones_stay() -> None:
    config = CoreConfig(groupings=(("team",),), max_label_values=2)
    book = LabelBook(config)
    first = names(book, "acme", "one", None, None, None)
    names(book, "acme", "two", None, None, None)
    assert names(book, "acme", "three", None, None, None) == ["team=__other__&tenant=acme"]
    assert book.overflowed == {"team": 1}

    again = LabelBook(config, {name: list(values) for name, values in book.admitted.items()})
    assert names(again, "acme", "three", None, None, None) == ["team=__other__&tenant=acme"]
    assert names(again, "acme", "one", None, None, None) == first


def test_labels_that_no_grouping_uses_do_not_count_against_the_limit() -> None:
    book = LabelBook(CoreConfig(groupings=((),), max_label_values=2))
    for agent in range(10):
        assert names(book, "acme", None, None, None, f"a-{agent}") == ["tenant=acme"]
    assert book.overflowed == {}


def test_combinations_are_limited_too_and_nothing_is_lost() -> None:
    config = CoreConfig(groupings=((), ("team", "channel")), max_label_values=10)
    book = LabelBook(config)
    found: list[str] = []
    for number in range(1_000):
        whole, pair = names(book, f"t{number % 10}", f"{number // 10 % 10}", f"{number // 100}", None, None)
        assert whole == f"tenant=t{number % 10}"
        found.append(pair)
    assert len(set(found)) == 200 + 10  # and one for all others, per tenant
    assert found[199] == "channel=1&team=9&tenant=t9"
    assert found[200] == "channel=__other__&team=__other__&tenant=t0"
    assert book.overflowed == {"segment": 800}
    again = LabelBook(config, {name: list(values) for name, values in book.admitted.items()})
    assert names(again, "t9", "9", "1", None, None)[1] == found[199]
    assert names(again, "t0", "0", "2", None, None)[1] == found[200]
