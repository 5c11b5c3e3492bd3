"""Who gave the first reply to a ticket, how fast, and who would have been first without them: what bots are told by.

As measures are, it is a pure function of the facts, in sums of integers that can be taken out again. They are kept per tenant, day (UTC)
and author, beside the windows: :mod:`stream.core.author_days`.
"""

from collections.abc import Sequence
from typing import Final

from stream.core.bot_rule import WITHIN_S
from stream.core.config import CoreConfig
from stream.core.fact import AGENT, AUTHOR_BYTES, PUBLIC_AGENT
from stream.core.metric import Metric
from stream.core.ticket import ALWAYS, Ticket

READS: Final = ALWAYS | {"reply"}

SUM_MS, TAKEN_OVER, TAKEN_OVER_SUM_MS = range(WITHIN_S + 1, WITHIN_S + 4)
"""What is kept of an author: counts by second (0 .. WITHIN_S), the sum of these delays, on how many tickets another agent was
the second to answer, and the sum of their delays, each on the day of its reply."""

WHAT_BITS: Final = 6
"""A slot is ``author << WHAT_BITS | what``."""
WHAT_MASK: Final = (1 << WHAT_BITS) - 1

UNNAMED: Final = 1 << 8 * AUTHOR_BYTES
"""Stands for authors whose events do not say who they are."""
OTHER: Final = UNNAMED + 1
"""Stands for authors beyond the limit, see :mod:`stream.core.author_days`."""

Said = tuple[int, int, int]
"""``(instant_ms, slot, amount)``."""


def is_watched(metrics: Sequence[Metric]) -> bool:
    """Wherever something rests on replies, so on who counts as an agent, it is watched who gives the first ones."""
    return any("reply" in metric.reads for metric in metrics)


def first_replies(ticket: Ticket, config: CoreConfig) -> list[Said]:
    """The first reply of the ticket by who gave it, and the first one of anybody else. Same rules as ``first_reply_time``."""
    creation = ticket.creation
    if creation is None or ticket.gone:
        return []
    opening = creation.created_by == AGENT  # then the first public reply is the ticket's own opening message
    first = first_ms = author = 0
    found = False
    for at, speaker in ticket.spoken(config):
        if at & 7 != PUBLIC_AGENT:
            continue
        if opening:
            opening = False
        elif not found:
            first_ms = at >> 3
            if first_ms < 0:
                return []
            found = True
            first = speaker
            if not speaker:
                author = UNNAMED << WHAT_BITS
                break
            end = speaker * AUTHOR_BYTES
            author = int.from_bytes(ticket.voices[end - AUTHOR_BYTES : end]) << WHAT_BITS
        elif speaker != first:
            other_ms = at >> 3
            base_ms = ticket.base_ms
            return [
                (base_ms + first_ms, author + _second(first_ms), 1),
                (base_ms + first_ms, author + SUM_MS, first_ms),
                (base_ms + other_ms, author + TAKEN_OVER, 1),
                (base_ms + other_ms, author + TAKEN_OVER_SUM_MS, other_ms),
            ]
    if not found:
        return []
    instant_ms = ticket.base_ms + first_ms
    return [(instant_ms, author + _second(first_ms), 1), (instant_ms, author + SUM_MS, first_ms)]


def _second(delay_ms: int) -> int:
    return delay_ms // 1000 if delay_ms < WITHIN_S * 1000 else WITHIN_S
