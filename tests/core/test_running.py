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


@given(steps, st.booleans())
def test_a_running_window_is_the_sum_of_its_panes_at_every_instant_and_a_successor_sees_the_same(
    steps: list[tuple[str, int, str, int, int]], settles: bool
) -> None:
    panes: dict[int, dict[str, dict[int, int]]] = {}
    window = RunningWindow[str](PANES)

    def at(number: int) -> Iterator[tuple[str, Mapping[int, int]]]:
        yield from panes.get(number, {}).items()

    def of(segment: str, number: int) -> Mapping[int, int]:
        return panes.get(number, {}).get(segment, {})

    end: int | None = None
    for what, number, segment, slot, amount in steps:
        if what == "slide":
            end = number if end is None else max(end, number)
            window.slide(number, at)
        else:
            tally = panes.setdefault(number, {}).setdefault(segment, {})
            tally[slot] = tally.get(slot, 0) + amount
            window.grow(segment, number, {slot: amount})
        expected: dict[str, dict[int, int]] = {}
        if end is not None:
            for one in range(end - PANES + 1, end + 1):
                for name, tally in panes.get(one, {}).items():
                    for each, total in tally.items():
                        into = expected.setdefault(name, {})
                        into[each] = into.get(each, 0) + total
        assert window.tallies == {
            name: kept
            for name, tally in expected.items()
            if (kept := {each: total for each, total in tally.items() if total})
        }
        if settles:
            window.settle(of)
            successor = RunningWindow[str](PANES)
            if end is not None:
                successor.slide(end, at)
            for name in "ab":
                ids = {each >> METRIC_SHIFT for each in window.tallies.get(name, {})}
                for one in range(
                    0 if end is None else end - 2 * PANES + 1, 0 if end is None else end - PANES + 1
                ):
                    tally = panes.get(one, {}).get(name, {})
                    ids |= {each >> METRIC_SHIFT for each, total in tally.items() if total}
                assert window.seen(name) == successor.seen(name) == ids


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
