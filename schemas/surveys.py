"""Events of the surveys topic: surveys and reviews."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.base import (
    MAX_CRITERIA,
    MAX_REVISION,
    Event,
    Id,
    Label,
    ScaleBound,
    Score,
    SurveyData,
    SurveyKind,
    Time,
    Token,
)


class Scale(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Lowest and highest score, one of the known scales."""

    min: ScaleBound
    max: ScaleBound


class SurveySentData(SurveyData, frozen=True, kw_only=True):
    """What was asked and until when an answer counts."""

    survey_id: Id
    kind: SurveyKind
    scale: Scale
    channel: Token | None = None
    expires_at: Time | None = None


class SurveySent(Event, frozen=True, kw_only=True, tag="contact-centre.survey.sent.v1"):
    """A customer was asked."""

    data: SurveySentData


class SurveyAnsweredData(SurveyData, frozen=True, kw_only=True):
    """A score on its scale, or a worded label (csat only). The highest ``revision`` stands."""

    survey_id: Id
    kind: SurveyKind
    revision: Annotated[int, Meta(ge=0, le=MAX_REVISION)]
    scale: Scale | None = None
    score: Score | None = None
    label: Label | None = None
    agent_id: Id | None = None
    team: Token | None = None
    touchpoint: Token | None = None


class SurveyAnswered(Event, frozen=True, kw_only=True, tag="contact-centre.survey.answered.v1"):
    """A customer answered, or changed the answer."""

    data: SurveyAnsweredData


class SurveyRetractedData(SurveyData, frozen=True, kw_only=True):
    """Which survey."""

    survey_id: Id


class SurveyRetracted(Event, frozen=True, kw_only=True, tag="contact-centre.survey.retracted.v1"):
    """An answer was withdrawn; only a higher revision brings it back."""

    data: SurveyRetractedData


class SurveyExpiredData(SurveyData, frozen=True, kw_only=True):
    """Which survey."""

    survey_id: Id


class SurveyExpired(Event, frozen=True, kw_only=True, tag="contact-centre.survey.expired.v1"):
    """A survey ended without an answer."""

    data: SurveyExpiredData


class Criterion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a review: ``score`` out of ``max``, weighted; integers (weights of 0.3, 0.7: 3, 7)."""

    name: Token
    score: Annotated[int, Meta(ge=0, le=1_000_000)]
    max: Annotated[int, Meta(ge=1, le=1_000_000)]
    weight: Annotated[int, Meta(ge=0, le=1_000_000)]


class ReviewScoredData(SurveyData, frozen=True, kw_only=True):
    """An internal quality review of one agent's work."""

    review_id: Id
    criteria: Annotated[list[Criterion], Meta(min_length=1, max_length=MAX_CRITERIA)]
    agent_id: Id | None = None


class ReviewScored(Event, frozen=True, kw_only=True, tag="contact-centre.review.scored.v1"):
    """A reviewer scored an interaction (internal quality score)."""

    data: ReviewScoredData
