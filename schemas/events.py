"""All events of the contract: one tagged struct per type for the whole CloudEvent; the tag is ``type`` on the wire.

Decoding a value with one of these structs checks types, closed sets, lengths and ranges of single fields. What
spans fields or lies outside of the value (scale, conflict, key, partition, time, duplicate names) is checked by the
one decoder, ``stream.core.decode``. Optional fields are None when absent or null; in ``ticket.assigned`` absent is
``msgspec.UNSET`` and null is None. A field that is left at its default is not written.
"""

from typing import Final, TypeAlias, get_args

import msgspec

from schemas.base import (
    CONTENT_TYPE,
    MAX_TEXT,
    PREFIX,
    SATISFIED_FROM,
    Actor,
    CustomerData,
    Data,
    DeletionReason,
    Event,
    Id,
    Label,
    Priority,
    RetractionReason,
    Segments,
    Sentiment,
    Status,
    SurveyData,
    SurveyKind,
    TicketData,
    Token,
    VisitOutcome,
)
from schemas.customers import (
    CustomerJoined,
    CustomerJoinedData,
    CustomerLeft,
    CustomerLeftData,
    CustomerMentioned,
    CustomerMentionedData,
    CustomerPurchased,
    CustomerPurchasedData,
    CustomerReferred,
    CustomerReferredData,
)
from schemas.replies import ReplyAdded, ReplyAddedData, ReplyRetracted, ReplyRetractedData
from schemas.surveys import (
    Criterion,
    ReviewScored,
    ReviewScoredData,
    Scale,
    SurveyAnswered,
    SurveyAnsweredData,
    SurveyExpired,
    SurveyExpiredData,
    SurveyRetracted,
    SurveyRetractedData,
    SurveySent,
    SurveySentData,
)
from schemas.tickets import (
    TicketAssigned,
    TicketAssignedData,
    TicketCreated,
    TicketCreatedData,
    TicketDeleted,
    TicketDeletedData,
    TicketEscalated,
    TicketEscalatedData,
    TicketHandled,
    TicketHandledData,
    TicketMerged,
    TicketMergedData,
    TicketQueueEntered,
    TicketQueueEnteredData,
    TicketQueueLeft,
    TicketQueueLeftData,
    TicketRestored,
    TicketRestoredData,
    TicketStatusChanged,
    TicketStatusChangedData,
)

__all__ = [
    "CONTENT_TYPE",
    "EVENT_CLASSES",
    "MAX_TEXT",
    "PREFIX",
    "SATISFIED_FROM",
    "TOPIC_OF",
    "WIRE_TYPE",
    "Actor",
    "AnyEvent",
    "Criterion",
    "CustomerData",
    "CustomerJoined",
    "CustomerJoinedData",
    "CustomerLeft",
    "CustomerLeftData",
    "CustomerMentioned",
    "CustomerMentionedData",
    "CustomerPurchased",
    "CustomerPurchasedData",
    "CustomerReferred",
    "CustomerReferredData",
    "CustomersEvent",
    "Data",
    "DeletionReason",
    "Event",
    "Id",
    "Label",
    "Priority",
    "RepliesEvent",
    "ReplyAdded",
    "ReplyAddedData",
    "ReplyRetracted",
    "ReplyRetractedData",
    "RetractionReason",
    "ReviewScored",
    "ReviewScoredData",
    "Scale",
    "Segments",
    "Sentiment",
    "Status",
    "SurveyAnswered",
    "SurveyAnsweredData",
    "SurveyData",
    "SurveyExpired",
    "SurveyExpiredData",
    "SurveyKind",
    "SurveyRetracted",
    "SurveyRetractedData",
    "SurveySent",
    "SurveySentData",
    "SurveysEvent",
    "TicketAssigned",
    "TicketAssignedData",
    "TicketCreated",
    "TicketCreatedData",
    "TicketData",
    "TicketDeleted",
    "TicketDeletedData",
    "TicketEscalated",
    "TicketEscalatedData",
    "TicketHandled",
    "TicketHandledData",
    "TicketMerged",
    "TicketMergedData",
    "TicketQueueEntered",
    "TicketQueueEnteredData",
    "TicketQueueLeft",
    "TicketQueueLeftData",
    "TicketRestored",
    "TicketRestoredData",
    "TicketStatusChanged",
    "TicketStatusChangedData",
    "TicketsEvent",
    "Token",
    "VisitOutcome",
    "encode_event",
]

TicketsEvent: TypeAlias = (
    TicketCreated
    | TicketAssigned
    | TicketStatusChanged
    | TicketEscalated
    | TicketMerged
    | TicketDeleted
    | TicketRestored
    | TicketQueueEntered
    | TicketQueueLeft
    | TicketHandled
)
RepliesEvent: TypeAlias = ReplyAdded | ReplyRetracted
SurveysEvent: TypeAlias = SurveySent | SurveyAnswered | SurveyRetracted | SurveyExpired | ReviewScored
CustomersEvent: TypeAlias = (
    CustomerJoined | CustomerLeft | CustomerPurchased | CustomerReferred | CustomerMentioned
)
AnyEvent: TypeAlias = TicketsEvent | RepliesEvent | SurveysEvent | CustomersEvent

TOPIC_OF: Final[dict[type[Event], str]] = {
    event_class: topic
    for topic, union in (
        ("tickets", TicketsEvent),
        ("replies", RepliesEvent),
        ("surveys", SurveysEvent),
        ("customers", CustomersEvent),
    )
    for event_class in get_args(union)
}
"""Event class -> the short name of its topic."""

EVENT_CLASSES: Final[tuple[type[Event], ...]] = tuple(TOPIC_OF)

WIRE_TYPE: Final[dict[type[Event], str]] = {
    event_class: str(event_class.__struct_config__.tag) for event_class in EVENT_CLASSES
}
"""Event class -> ``type`` on the wire."""

encode_event = msgspec.json.Encoder().encode
"""An event as a structured-mode record value."""
