"""Where differences of measures go: each into the minute and the segments that its own labels say."""

from stream.core.config import CoreConfig
from stream.core.delta_sums import DeltaSums
from stream.core.labels import LabelBook
from stream.core.measure import Labels, Measure
from stream.metrics import BY_NAME

CSAT = BY_NAME["csat"]
ACME: Labels = ("acme", None, None, None, None)
OTHER: Labels = ("other", None, None, None, None)
MINUTE_MS = 60_000


def sums(*differences: tuple[list[Measure], list[Measure]]) -> dict[str, dict[int, list[int]]]:
    """Of the old and new measures of one metric, slot 0 being its first; what is before the third minute is too late."""
    found = DeltaSums()
    for old, new in differences:
        found.difference(CSAT, 0, old, new, 3 * MINUTE_MS)
    config = CoreConfig(groupings=((),), delta_partitions=1)
    ((piece,),) = found.take(LabelBook(config), 1)
    return piece


def test_measures_of_one_instant_go_where_their_own_labels_say() -> None:
    at = 5 * MINUTE_MS
    told: list[Measure] = [(at, ACME, 16, 1), (at, OTHER, 16, 2), (at, OTHER, 17, 3), (at, ACME, 17, 4)]
    assert sums(([], told)) == {"tenant=acme": {5: [16, 1, 17, 4]}, "tenant=other": {5: [16, 2, 17, 3]}}


def test_a_measure_behind_one_that_is_too_late_counts() -> None:
    late, at = 2 * MINUTE_MS, 5 * MINUTE_MS
    told: list[Measure] = [(at, ACME, 16, 1), (late, ACME, 16, 1), (at, ACME, 16, 1), (late, ACME, 17, 1)]
    assert sums(([], told)) == {"tenant=acme": {5: [16, 2]}}


def test_what_stands_in_front_of_both_cancels_out() -> None:
    at = 5 * MINUTE_MS
    first: Measure = (at, ACME, 16, 1)
    assert sums(([first, (at, ACME, 17, 1)], [first, (at + MINUTE_MS, ACME, 17, 1)])) == {
        "tenant=acme": {5: [17, -1], 6: [17, 1]}
    }
