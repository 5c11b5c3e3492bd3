"""The comments of a real help desk (``stream/demo/data/SOURCES.md``), one CSV line each, as events of the contract.

The first line of a ticket is its creation, all others are replies. The file has no text, status, channel, team or survey.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from schemas.base import Actor
from schemas.events import ReplyAdded, ReplyAddedData, TicketCreated, TicketCreatedData

HEADER = ["ticket_id", "comment_id", "created", "author", "role", "is_private", "bot"]
"""How such a file is recognised."""

TENANT = "helpdesk"
CHANNEL = "unknown"
"""The contract asks for a channel, and the file does not say which."""


class NotHelpdeskError(ValueError):
    """The CSV is another one, or a line of it is broken; the message says which."""


def events(
    lines: TextIO | Iterable[str], *, tenant: str = TENANT, count_bots: bool = False
) -> Iterator[TicketCreated | ReplyAdded]:
    """Events in the file's order, which decides between equal times (``sequence``); ids are the same at every reading.

    ``count_bots`` takes the auto-responder for an agent, to show what that does to the figures.
    Raises NotHelpdeskError.
    """
    reader = csv.reader(lines)
    if next(reader, None) != HEADER:
        raise NotHelpdeskError(f"the first line is not {','.join(HEADER)}")
    source = f"/helpdesk/{tenant}"
    known: set[str] = set()
    for row in reader:
        if len(row) != len(HEADER):
            raise NotHelpdeskError(f"line {reader.line_num} has {len(row)} columns, not {len(HEADER)}")
        ticket_id, comment_id, created, author, role, is_private, bot = row
        writer: Actor = "customer" if role == "reporter" else "agent"
        if bot == "true" and not count_bots:
            writer = "bot"
        opening = ticket_id not in known
        known.add(ticket_id)
        if opening:
            yield TicketCreated(
                specversion="1.0",
                id=f"{ticket_id}-{comment_id}-created",
                source=source,
                time=created,
                sequence=f"{reader.line_num:08d}0",
                data=TicketCreatedData(
                    tenant=tenant,
                    ticket_id=ticket_id,
                    channel=CHANNEL,
                    created_by=writer,
                    requester_id=author if writer == "customer" else None,
                ),
            )
        # An agent's opening message is the first public reply as well; a customer's is part of the creation.
        if not opening or writer == "agent":
            yield ReplyAdded(
                specversion="1.0",
                id=f"{ticket_id}-{comment_id}-reply",
                source=source,
                time=created,
                sequence=f"{reader.line_num:08d}1",
                data=ReplyAddedData(
                    tenant=tenant,
                    ticket_id=ticket_id,
                    reply_id=comment_id,
                    author=writer,
                    author_id=author,
                    public=is_private == "false",
                ),
            )
