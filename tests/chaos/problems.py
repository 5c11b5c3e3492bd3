"""What did not hold in a run, and the comparison of figures with the oracle's."""

from collections.abc import Iterable
from typing import NamedTuple

from stream.core.config import CoreConfig
from tests.broker.conftest import Figures, differing


class Problem(NamedTuple):
    """One thing that did not hold."""

    kind: str
    """figures, counts, position, letters, alerts, followups, answers, live, deltas, audit, revision, final; state when a worker refuses
    it; end when the case came to none.
    """
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def wrong_figures(expected: Figures, found: Figures, config: CoreConfig) -> Iterable[Problem]:
    """The figures that are not the oracle's; and what shows nothing because the oracle has none of it."""
    for metric in ("csat", *(["csat_change"] if config.answers else [])):
        if not any(one["metric"] == metric and one["n"] for one in expected.values()):
            yield Problem("figures", f"the oracle has no figures of {metric}")
    wrong = differing(expected, found)
    too_much = [
        key
        for key, one in found.items()
        if key not in expected and (one["n"] or any(one["excluded"].values()))
    ]
    if wrong:
        yield Problem(
            "figures",
            f"{len(wrong)} of {len(expected)} figures differ, such as {found.get(wrong[0])} for {expected[wrong[0]]}",
        )
    if too_much:
        yield Problem(
            "figures", f"{len(too_much)} figures that the oracle does not have, such as {found[too_much[0]]}"
        )
