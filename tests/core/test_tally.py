import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.core.loops import add
from stream.core.tally import (
    FINAL_BIT,
    MOST_METRICS,
    REVISED_BIT,
    REVISION_SHIFT,
    DamagedRowError,
    Window,
    decode_window,
    drop_zeros,
    encode_window,
    metric_ids,
    own_tallies,
    subtract,
)

slots = st.integers(0, 9 * 4096 - 1)
tallies = st.dictionaries(slots, st.integers(-(2**62), 2**62), max_size=12)
sums = st.integers(-(2**50), 2**50)


@given(tallies, st.dictionaries(st.integers(1, 9), st.integers(0, 2**40)))
def test_a_row_says_what_the_window_was(tally: dict[int, int], states: dict[int, int]) -> None:
    window = Window()
    window.tally = tally
    window.states = states
    found = decode_window(encode_window(window))
    assert (found.tally, found.states) == (window.tally, window.states)
    assert not found.touched


@pytest.mark.parametrize("generation", [1, 3])
def test_a_row_has_room_for_so_many_metrics_and_no_more(generation: int) -> None:
    window = Window(generation)
    window.states = {4 * number: 4 for number in range(MOST_METRICS)}
    window.tally = {metric * 4096 + 16: 1 for metric in window.states}
    found = decode_window(encode_window(window))
    assert (found.generation, found.states, found.tally) == (generation, window.states, window.tally)
    window.states[2] = 4
    assert decode_window(encode_window(window)).generation != generation  # why the settings refuse it


def test_what_a_dropped_metric_has_published_stays_known_as_far_as_a_row_has_room() -> None:
    published = 1 << REVISION_SHIFT
    window = Window()
    window.states = {1: published | FINAL_BIT, 2: published, 3: 0}
    window.tally = {4096 + 16: 5, 2 * 4096 + 16: 5, 3 * 4096 + 16: 5}
    window.renew(2, {2})
    assert window.states == {1: published | REVISED_BIT, 2: published}
    assert window.tally == {4096 + 16: 0, 2 * 4096 + 16: 0}
    window.renew(3, {1, 2})
    assert window.states.keys() == {1, 2}, "chosen once more it is taken back"
    window.renew(4, range(10, 10 + MOST_METRICS - 1))
    assert len(window.states) == 1, "all that may come still fits"
    window.renew(5, range(10, 10 + MOST_METRICS))
    assert window.states == {}


@given(tallies)
def test_equal_windows_have_equal_rows_however_they_came_about(tally: dict[int, int]) -> None:
    one, other = Window(), Window()
    one.tally = tally
    other.tally = dict(reversed(tally.items()))
    assert encode_window(one) == encode_window(other)


@given(st.dictionaries(slots, sums, max_size=12), st.dictionaries(slots, sums, max_size=12))
def test_what_was_added_can_be_taken_out(tally: dict[int, int], more: dict[int, int]) -> None:
    before = {slot: total for slot, total in tally.items() if total}
    add(tally, more)
    subtract(tally, more)
    drop_zeros(tally)
    assert tally == before


@given(tallies)
def test_a_tally_splits_into_those_of_its_metrics(tally: dict[int, int]) -> None:
    own = own_tallies(tally, metric_ids(tally))
    joined = {metric_id * 4096 + slot: total for metric_id, one in own.items() for slot, total in one.items()}
    assert joined == tally


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x90", b"\x92\x00\x01", b"\x92\x01\x05", b"\x91\xa1a"])
def test_a_damaged_row_is_refused(raw: bytes) -> None:
    with pytest.raises(DamagedRowError):
        decode_window(raw)


def test_a_published_metric_keeps_its_empty_slots() -> None:
    window = Window()
    window.tally = {4096 + 16: 0, 2 * 4096 + 16: 0, 3 * 4096 + 16: 5}
    window.states = {1: 4, 2: 0}
    window.tidy()
    assert window.tally == {4096 + 16: 0, 3 * 4096 + 16: 5}
