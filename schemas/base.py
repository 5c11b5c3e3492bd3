"""What the events have in common: limits, closed sets, kinds of text, and the CloudEvents envelope."""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

PREFIX: Final = "contact-centre."
CONTENT_TYPE: Final = "application/cloudevents+json"
MAX_TEXT: Final = 128
"""Longest id, token or segment key or value, in code points."""
MAX_SOURCE: Final = 2048
MAX_SEGMENTS: Final = 32
MAX_CRITERIA: Final = 100
MAX_DURATION_MS: Final = 366 * 86_400_000
MAX_AMOUNT_MINOR: Final = 10**15
MAX_REVISION: Final = 2**53 - 1

NO_CONTROLS: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
"""Ids and tokens hold no control characters. For the JSON Schemas: the decoder tests the whole value at once."""
TIME_PATTERN: Final = (
    "^[2-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?"
    "([Zz]|\\+([01][0-9]|2[0-3]):[0-5][0-9]|-(0[1-9]|1[0-9]|2[0-3]):[0-5][0-9]|-00:(0[1-9]|[1-5][0-9]))$"
)
"""RFC 3339 with an offset, since the year 2000. For the JSON Schemas: the decoder also knows the calendar."""

_TEXT_SCHEMA = {"pattern": NO_CONTROLS}

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, extra_json_schema=_TEXT_SCHEMA)]
Token: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, extra_json_schema=_TEXT_SCHEMA)]
Source: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_SOURCE, extra_json_schema=_TEXT_SCHEMA)]
Time: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time", "pattern": TIME_PATTERN})]
UtcTime: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"format": "date-time", "pattern": "^[0-9T:.-]+Z$"})
]
Segments: TypeAlias = Annotated[dict[Token, Token], Meta(max_length=MAX_SEGMENTS)]
DurationMs: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_DURATION_MS)]
ScaleBound: TypeAlias = Annotated[int, Meta(ge=-MAX_REVISION, le=MAX_REVISION)]
Score: TypeAlias = Annotated[int, Meta(ge=-MAX_REVISION, le=MAX_REVISION)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]

Actor: TypeAlias = Literal["customer", "agent", "bot", "system"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]
Status: TypeAlias = Literal["new", "open", "pending", "on_hold", "solved", "closed"]
DeletionReason: TypeAlias = Literal["deleted", "spam"]
VisitOutcome: TypeAlias = Literal["answered", "abandoned", "transferred", "callback", "timeout", "overflow"]
RetractionReason: TypeAlias = Literal["made_private", "deleted"]
SurveyKind: TypeAlias = Literal["csat", "nps", "ces"]
Label: TypeAlias = Literal[
    "good", "bad", "very_satisfied", "satisfied", "neutral", "dissatisfied", "very_dissatisfied"
]
Sentiment: TypeAlias = Literal["positive", "neutral", "negative"]

SATISFIED_FROM: Final = {
    (0, 1): 1,
    (1, 2): 2,
    (1, 3): 3,
    (1, 4): 3,
    (1, 5): 4,
    (1, 6): 5,
    (1, 7): 6,
    (1, 10): 8,
    (0, 10): 8,
}
"""The known scales (min, max) -> the lowest score that counts as satisfied (top box)."""

# Objects of their own, equal to what decoding hands out but never identical with it. A field is left out in writing
# when it IS its default: so a default that was spelled out is spelled out again (the decoder's proof is fast by it).
DEFAULT_TENANT = b"default".decode()
DEFAULT_CREATOR: Actor = b"customer".decode()  # type: ignore[assignment]  # one of Actor


class Data(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Common to every event's data."""

    tenant: Token = DEFAULT_TENANT


class TicketData(Data, frozen=True, kw_only=True):
    """Data of an event whose record key is the ticket id."""

    ticket_id: Id


class SurveyData(Data, frozen=True, kw_only=True):
    """Data of an event about a ticket, or else about a customer: the id that is there is the record key."""

    ticket_id: Id | None = None
    customer_id: Id | None = None


class CustomerData(Data, frozen=True, kw_only=True):
    """Data of an event whose record key is the customer id."""

    customer_id: Id


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type"):
    """CloudEvents 1.0 attributes. ``time`` is event time; ``sequence`` orders equal milliseconds."""

    specversion: Literal["1.0"]
    id: Id
    source: Source
    time: Time
    sequence: Token | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None


class OutputEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type"):
    """CloudEvents attributes of what the application writes: ``id`` is the record key and a counter, ``time`` when."""

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    time: UtcTime
    datacontenttype: Literal["application/json"] = "application/json"
