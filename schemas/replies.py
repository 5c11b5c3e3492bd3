"""Events of the replies topic: messages of a ticket, without their text."""

from schemas.base import Actor, Event, Id, RetractionReason, TicketData, Token


class ReplyAddedData(TicketData, frozen=True, kw_only=True):
    """Who wrote, and whether the customer can read it. No text."""

    reply_id: Id
    author: Actor
    public: bool
    author_id: Id | None = None
    channel: Token | None = None


class ReplyAdded(Event, frozen=True, kw_only=True, tag="contact-centre.reply.added.v1"):
    """A message was added to a ticket."""

    data: ReplyAddedData


class ReplyRetractedData(TicketData, frozen=True, kw_only=True):
    """Which reply does not count any more."""

    reply_id: Id
    reason: RetractionReason


class ReplyRetracted(Event, frozen=True, kw_only=True, tag="contact-centre.reply.retracted.v1"):
    """A reply was deleted or made private."""

    data: ReplyRetractedData
