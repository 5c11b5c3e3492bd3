"""The output of the follow-ups topic: one bad answer that a team should react to. No text of the customer."""

import msgspec

from schemas.base import Id, Label, OutputEvent, Score, SurveyKind, Token, UtcTime
from schemas.surveys import Scale


class Followup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer and who held the ticket; ``open`` turns false when it was re-rated or retracted, or its ticket merged or deleted.

    Or, as ``expired``, when its ticket's facts are forgotten: nothing is known then of whether it still stands.
    Bad is a csat answer below the middle of its scale (or ``bad``, ``dissatisfied``, ``very_dissatisfied``), a detractor's, and an effort
    answer on the bad side of the middle: above it, or below it where STREAM_CES_DIRECTION is ``high_is_good``.
    """

    tenant: Token
    survey_id: Id
    open: bool
    expired: bool = False
    answered_at: UtcTime
    kind: SurveyKind
    ticket_id: Id | None = None
    customer_id: Id | None = None
    score: Score | None = None
    scale: Scale | None = None
    label: Label | None = None
    team: Token | None = None
    agent_id: Id | None = None


class FeedbackFollowup(OutputEvent, frozen=True, kw_only=True, tag="contact-centre.feedback.followup.v1"):
    """A customer gave a bad answer, or it was withdrawn.

    The record key, and the prefix of ``id``, is ``tenant/ticket/ticket id/survey id``, or without a ticket
    ``tenant/customer/customer id/survey id``, each part percent-encoded.
    """

    data: Followup
