"""Events of the customers topic: customers come, buy, refer, speak and leave."""

from typing import Annotated

from msgspec import Meta

from schemas.base import MAX_AMOUNT_MINOR, CustomerData, Event, Id, Segments, Sentiment, Token


class CustomerJoinedData(CustomerData, frozen=True, kw_only=True):
    """A new customer and their labels."""

    segments: Segments | None = None


class CustomerJoined(Event, frozen=True, kw_only=True, tag="contact-centre.customer.joined.v1"):
    """Somebody became a customer."""

    data: CustomerJoinedData


class CustomerLeftData(CustomerData, frozen=True, kw_only=True):
    """A lost customer and their labels."""

    segments: Segments | None = None


class CustomerLeft(Event, frozen=True, kw_only=True, tag="contact-centre.customer.left.v1"):
    """A customer left."""

    data: CustomerLeftData


class CustomerPurchasedData(CustomerData, frozen=True, kw_only=True):
    """One order. ``amount_minor``: in the smallest unit, negative for a refund; ``currency``: ISO 4217."""

    order_id: Id
    amount_minor: Annotated[int, Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", min_length=3, max_length=3)]


class CustomerPurchased(Event, frozen=True, kw_only=True, tag="contact-centre.customer.purchased.v1"):
    """A customer bought something."""

    data: CustomerPurchasedData


class CustomerReferredData(CustomerData, frozen=True, kw_only=True):
    """Whom the customer brought."""

    referred_customer_id: Id


class CustomerReferred(Event, frozen=True, kw_only=True, tag="contact-centre.customer.referred.v1"):
    """A customer recommended the company to somebody who came."""

    data: CustomerReferredData


class CustomerMentionedData(CustomerData, frozen=True, kw_only=True):
    """Where and in which mood. No text."""

    mention_id: Id
    network: Token
    sentiment: Sentiment


class CustomerMentioned(Event, frozen=True, kw_only=True, tag="contact-centre.customer.mentioned.v1"):
    """A customer spoke about the company in public."""

    data: CustomerMentionedData
