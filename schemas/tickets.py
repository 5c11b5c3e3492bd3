"""Events of the tickets topic: a ticket's life and its visits of queues."""

from msgspec import UNSET, UnsetType

from schemas.base import (
    DEFAULT_CREATOR,
    Actor,
    DeletionReason,
    DurationMs,
    Event,
    Id,
    Priority,
    Segments,
    Status,
    TicketData,
    Token,
    VisitOutcome,
)


class TicketCreatedData(TicketData, frozen=True, kw_only=True):
    """A new ticket. ``segments`` are further labels, ``calendar`` a business-hours calendar's id."""

    channel: Token
    requester_id: Id | None = None
    team: Token | None = None
    queue: Token | None = None
    priority: Priority | None = None
    created_by: Actor = DEFAULT_CREATOR
    kind: Token | None = None
    segments: Segments | None = None
    calendar: Token | None = None


class TicketCreated(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.created.v1"):
    """A ticket was opened; its opening message is part of this event."""

    data: TicketCreatedData


class TicketAssignedData(TicketData, frozen=True, kw_only=True):
    """Who holds the ticket from now on: absent = unchanged, null = unassigned."""

    agent_id: Id | UnsetType | None = UNSET
    team: Token | UnsetType | None = UNSET
    queue: Token | UnsetType | None = UNSET


class TicketAssigned(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.assigned.v1"):
    """A ticket changed hands."""

    data: TicketAssignedData


class TicketStatusChangedData(TicketData, frozen=True, kw_only=True):
    """The ticket's new status and who set it."""

    status: Status
    agent_id: Id | None = None


class TicketStatusChanged(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.status_changed.v1"):
    """A ticket's status changed."""

    data: TicketStatusChangedData


class TicketEscalatedData(TicketData, frozen=True, kw_only=True):
    """Where to and why (tokens, no text)."""

    tier: Token | None = None
    reason: Token | None = None


class TicketEscalated(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.escalated.v1"):
    """A ticket was handed up."""

    data: TicketEscalatedData


class TicketMergedData(TicketData, frozen=True, kw_only=True):
    """The ticket that lives on."""

    into_ticket_id: Id


class TicketMerged(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.merged.v1"):
    """A ticket was merged into another one and contributes nothing from then on."""

    data: TicketMergedData


class TicketDeletedData(TicketData, frozen=True, kw_only=True):
    """Why it went."""

    reason: DeletionReason | None = None


class TicketDeleted(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.deleted.v1"):
    """A ticket was deleted or marked as spam: all its figures are taken out."""

    data: TicketDeletedData


class TicketRestoredData(TicketData, frozen=True, kw_only=True):
    """Nothing but the ticket."""


class TicketRestored(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.restored.v1"):
    """A deleted ticket came back."""

    data: TicketRestoredData


class TicketQueueEnteredData(TicketData, frozen=True, kw_only=True):
    """One visit of one queue."""

    queue: Token
    visit_id: Id


class TicketQueueEntered(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.queue_entered.v1"):
    """A customer began to wait in a queue."""

    data: TicketQueueEnteredData


class TicketQueueLeftData(TicketData, frozen=True, kw_only=True):
    """How the visit ended."""

    queue: Token
    visit_id: Id
    outcome: VisitOutcome
    agent_id: Id | None = None


class TicketQueueLeft(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.queue_left.v1"):
    """A customer left a queue, served or not."""

    data: TicketQueueLeftData


class TicketHandledData(TicketData, frozen=True, kw_only=True):
    """Parts of an agent's work on one visit, in milliseconds."""

    visit_id: Id
    agent_id: Id
    talk_ms: DurationMs
    hold_ms: DurationMs
    after_ms: DurationMs


class TicketHandled(Event, frozen=True, kw_only=True, tag="contact-centre.ticket.handled.v1"):
    """An agent finished the work on a visit."""

    data: TicketHandledData
