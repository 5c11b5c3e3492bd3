"""What a figure passes over without a sum of it anywhere, from the facts: tickets that are gone, and replies that stop no clock."""

from collections.abc import Iterable, Mapping
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import BOT, DELETIONS
from stream.core.labels import LabelBook
from stream.core.measure import Figure, Labels
from stream.core.metric import Metric
from stream.core.ticket import Ticket
from stream.core.without import tickets_of

PRIVATE: Final = "private"
BOTS: Final = "bot"
MERGED: Final = "merged"

_PUBLIC = 1
_DELETED = {code: name for name, code in DELETIONS.items() if name is not None}


def left_out(
    config: CoreConfig,
    metric: Metric,
    name: str,
    tickets: Iterable[Mapping[bytes, bytes]],
    segment: str,
    *,
    start_ms: int,
    end_ms: int,
    tenant: str,
) -> dict[str, int]:
    """Reason -> how many, of a segment in ``[start_ms, end_ms)``; only reasons that occur.

    ``merged``, ``deleted``, ``spam``: by how much n of the figure ``name`` would be higher with such tickets in it. ``private``,
    ``bot``: private notes and bots' messages of that time, for metrics that read replies. ``tickets`` and what is raised: as in
    :func:`stream.core.without.figures_without`.
    """
    found: dict[str, int] = {}

    def here(book: LabelBook, instant_ms: int, labels: Labels) -> bool:
        return start_ms <= instant_ms < end_ms and any(one == segment for one, _ in book.segments(labels))

    for ticket, book in tickets_of(config, tickets, tenant):
        if ticket.gone:
            reason = _why_gone(ticket)
            ticket.gone = False
            tally: dict[int, int] = {}
            for instant_ms, labels, slot, amount in metric.measures(ticket, config):
                if here(book, instant_ms, labels):
                    tally[slot] = tally.get(slot, 0) + amount
            count = _named(metric.figures(tally), name).n
            if count:
                found[reason] = found.get(reason, 0) + count
        elif "reply" in metric.reads:
            for at in ticket.replies(config):
                reason = _why_no_reply(at & 7)
                instant_ms = ticket.base_ms + (at >> 3)
                if reason and here(book, instant_ms, ticket.labels_at(instant_ms, config)):
                    found[reason] = found.get(reason, 0) + 1
    return found


def _named(figures: list[Figure], name: str) -> Figure:
    """The figure of that name; the first one where a metric's own name is none of its figures'."""
    return next((one for one in figures if one.metric == name), figures[0])


def _why_gone(ticket: Ticket) -> str:
    rare = ticket.rare
    if rare is None or rare.merged is not None or rare.deletion is None:
        return MERGED
    return _DELETED.get(rare.deletion.kind, "deleted")


def _why_no_reply(code: int) -> str:
    """Nothing for what a person told the other one publicly."""
    if not code & _PUBLIC:
        return PRIVATE
    return BOTS if code >> 1 == BOT else ""
