"""Stocks: how many were there when a window began, put into the window's tally where its metric looks for it."""

from collections.abc import Mapping

from stream.core.live import LiveCounts
from stream.core.metric import Metric
from stream.core.segment import Segment, Tallies
from stream.core.tally import metric_ids


class StockChanges:
    """In which segments a stock has changed, and from which minute on: figures of later windows are to be published anew."""

    __slots__ = ("_stocks", "found")

    def __init__(self, stocks: Mapping[int, int]) -> None:
        """``stocks``: slot -> metric id."""
        self._stocks = stocks
        self.found: dict[Segment, dict[int, int]] = {}
        """Segment -> metric id -> the first minute in which something changed."""

    def note(self, segment: Segment, live: Tallies) -> None:
        """Take in what live counts and stocks of a segment have changed by."""
        stocks = self._stocks
        for minute, amounts in live.items():
            for slot, amount in amounts.items():
                if amount and slot in stocks:
                    changed = self.found.setdefault(segment, {})
                    metric_id = stocks[slot]
                    changed[metric_id] = min(minute, changed.get(metric_id, minute))


def with_stocks(
    tally: Mapping[int, int],
    stocks: Mapping[int, int],
    live: LiveCounts,
    segment: bytes,
    start: int,
) -> Mapping[int, int]:
    """A window's tally of all metrics, with the stocks at its ``start`` (in minutes) of those that have a measure in it.

    ``stocks``: slot -> metric id.
    """
    if not stocks:
        return tally
    ids = metric_ids(tally)
    found = {
        slot: live.before(segment, slot, start) for slot, metric_id in stocks.items() if metric_id in ids
    }
    return {**tally, **found} if found else tally


def with_stock(
    metric: Metric, tally: dict[int, int], live: LiveCounts, segment: bytes, start: int
) -> dict[int, int]:
    """A window's tally in the metric's own slots, with the stock at the window's ``start`` (in minutes) if the metric has one.

    A window without a measure has no figure, so no stock either.
    """
    if metric.stock is None or not any(tally.values()):
        return tally
    return {**tally, metric.stock: live.before(segment, metric.slot(metric.stock), start)}
