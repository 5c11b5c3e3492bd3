from collections.abc import Iterator, Mapping

from hypothesis import given
from hypothesis import strategies as st

from stream.core.running import RunningWindow
from stream.core.tally import METRIC_SHIFT

PANES = 4

pane = st.integers(0, 16)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"), pane, st.sampled_from("ab"), st.sampled_from([16, 4112]), st.integers(-2, 3)
        ),
        st.tuples(st.just("slide"), pane, st.just(""), st.just(0), st.just(0)),
    ),
    max_size=40,
)

Tallies = dict[str, dict[int, int]]


def summed(panes: Mapping[int, Tallies], numbers: range) -> Tallies:
    """The sums of some panes, counted anew."""
    found: Tallies = {}
    for number in numbers:
        for segment, tally in panes.get(number, {}).items():
            for slot, total in tally.items():
                into = found.setdefault(segment, {})
                into[slot] = into.get(slot, 0) + total
    without = {name: {slot: total for slot, total in tally.items() if total} for name, tally in found.items()}
    return {name: tally for name, tally in without.items() if tally}


@given(steps)
def test_a_running_window_and_the_one_before_are_sums_of_their_panes_at_every_instant_and_a_successor_has_the_same(
    steps: list[tuple[str, int, str, int, int]],
) -> None:
    panes: dict[int, Tallies] = {}
    window = RunningWindow[str](PANES)

    def at(number: int) -> Iterator[tuple[str, Mapping[int, int]]]:
        yield from panes.get(number, {}).items()

    end: int | None = None
    for what, number, segment, slot, amount in steps:
        if what == "slide":
            end = number if end is None else max(end, number)
            window.slide(number, at)
        else:
            tally = panes.setdefault(number, {}).setdefault(segment, {})
            tally[slot] = tally.get(slot, 0) + amount
            window.grow(segment, number, {slot: amount})
        if end is None:
            continue
        inside = summed(panes, range(end - PANES + 1, end + 1))
        before = summed(panes, range(end - 2 * PANES + 1, end - PANES + 1))
        successor = RunningWindow[str](PANES)
        successor.slide(end, at)
        for one in (window, successor):
            assert one.tallies == inside
            assert {name: sums.tally for name, sums in one.before.items()} == before
            for name in "ab":
                slots = {*inside.get(name, ()), *before.get(name, ())}
                assert one.seen(name) == {each >> METRIC_SHIFT for each in slots}


@given(steps)
def test_a_pane_that_it_does_not_need_any_more_may_be_deleted(
    steps: list[tuple[str, int, str, int, int]],
) -> None:
    panes: dict[int, Tallies] = {}
    left: dict[int, Tallies] = {}
    kept, deleted = RunningWindow[str](PANES), RunningWindow[str](PANES)
    for what, number, segment, slot, amount in steps:
        if what == "slide":
            kept.slide(number, lambda one: panes.get(one, {}).items())
            deleted.slide(number, lambda one: left.get(one, {}).items())
        else:
            for rows in (panes, left):
                tally = rows.setdefault(number, {}).setdefault(segment, {})
                tally[slot] = tally.get(slot, 0) + amount
            for window in (kept, deleted):
                window.grow(segment, number, {slot: amount})
        for old in [one for one in left if one < deleted.needs]:
            del left[old]
        assert deleted.tallies == kept.tallies
        assert deleted.before == kept.before


def test_readers_may_keep_the_sums_of_the_window_before() -> None:
    window = RunningWindow[str](PANES)
    window.slide(9, lambda number: [("a", {16: 1})] if number == 3 else [])
    kept = window.before["a"]
    window.grow("a", 3, {16: 5})
    assert kept.tally == {16: 1}
    assert window.before["a"].tally == {16: 6}


def test_a_metric_is_seen_for_one_window_length_after_it_left() -> None:
    panes: dict[int, dict[str, dict[int, int]]] = {
        1: {"a": {4096 + 16: 1}, "b": {4096 + 16: 1}, "c": {16: 1}},
        2: {"b": {16: 1}},
        3: {"c": {16: 2}},
    }
    window = RunningWindow[str](PANES)
    seen = {}
    for last in range(1, 13):
        window.slide(last, lambda number: panes.get(number, {}).items())
        seen[last] = (window.seen("a"), window.seen("b"), window.seen("c"))
    assert [last for last, (a, _, _) in seen.items() if a] == list(range(1, 5 + PANES))
    assert [last for last, (_, _, c) in seen.items() if c] == list(range(1, 7 + PANES)), (
        "its newest pane counts"
    )
    assert seen[5][1] == frozenset({0, 1})
    assert seen[6 + PANES][:2] == (frozenset(), frozenset())


def test_it_never_slides_back() -> None:
    window = RunningWindow[str](PANES)
    assert window.slide(9, lambda _number: ())
    assert not window.slide(8, lambda _number: ())
    assert window.last == 9
