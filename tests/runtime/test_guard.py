"""The position guard alone."""

import pytest

from stream.core.record import SourceRecord
from stream.runtime.errors import StateError
from stream.runtime.guard import Fetched, PositionGuard, Seek


def fetched(start: int, end: int, *offsets: int) -> Fetched:
    found = Fetched(start)
    found.extend(SourceRecord("t", 0, offset, 0, b"k", b"v") for offset in (offsets or range(start, end)))
    found.end = end
    return found


def offsets(admitted: object) -> list[int]:
    assert isinstance(admitted, list)
    return [record.offset for record in admitted]


def test_the_next_range_is_applied_whole() -> None:
    assert offsets(PositionGuard().admit("t", 0, 10, fetched(10, 13))) == [10, 11, 12]


def test_holes_inside_a_range_are_markers_or_compacted_records() -> None:
    assert offsets(PositionGuard().admit("t", 0, 10, fetched(10, 20, 11, 15))) == [11, 15]


def test_a_range_of_markers_alone_is_not_lost() -> None:
    markers = Fetched(10)
    markers.end = 12
    assert bool(markers)
    assert offsets(PositionGuard().admit("t", 0, 10, markers)) == []


def test_what_was_applied_already_is_cut_off() -> None:
    guard = PositionGuard()
    assert offsets(guard.admit("t", 0, 12, fetched(10, 14))) == [12, 13]
    assert guard.admit("t", 0, 14, fetched(10, 14)) is None
    assert guard.overlaps == 2


def test_a_gap_is_fetched_again_and_then_accepted_as_what_it_is() -> None:
    guard = PositionGuard()
    in_flight = [fetched(15, 20), fetched(20, 25)]
    assert guard.admit("t", 0, 10, in_flight[0]) == Seek(10)
    assert guard.admit("t", 0, 10, in_flight[1]) == Seek(10), "fetched before the seek: no news"
    assert offsets(guard.admit("t", 0, 10, fetched(10, 12))) == [10, 11]
    assert guard.gaps == 2


def test_a_gap_that_stays_is_lost_data_and_ends_the_process() -> None:
    guard = PositionGuard()
    assert guard.admit("t", 3, 10, fetched(15, 20)) == Seek(10)
    guard.sought("t", 3)
    with pytest.raises(StateError, match=r"t\[3\]: offsets 10 to 14 are gone"):
        guard.admit("t", 3, 10, fetched(15, 20))


def test_what_is_handed_out_before_the_seek_is_done_says_nothing_of_the_log() -> None:
    """It is asked for here and done on the consumer's own thread, which may hand out what it had before."""
    guard = PositionGuard()
    assert guard.admit("t", 3, 10, fetched(15, 20)) == Seek(10)
    late = fetched(20, 25)
    assert guard.admit("t", 3, 10, late) == Seek(10)
    guard.sought("t", 3)
    assert guard.admit("t", 3, 10, late) == Seek(10)
    guard.sought("t", 3)
    assert offsets(guard.admit("t", 3, 10, fetched(10, 12))) == [10, 11]


def test_partitions_do_not_share_their_gaps() -> None:
    guard = PositionGuard()
    assert guard.admit("t", 0, 10, fetched(15, 20)) == Seek(10)
    assert guard.admit("t", 1, 10, fetched(15, 20)) == Seek(10)
