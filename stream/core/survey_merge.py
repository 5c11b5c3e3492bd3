"""Surveys into the facts of their entity; same rules and return values as :mod:`stream.core.ticket_merge`."""

from bisect import bisect_left
from typing import Final

from schemas import events as ev
from stream.core.fact import (
    CHANGED,
    KINDS,
    LABELS,
    NO_SCALE,
    REPEATED,
    SCALE_CODES,
    SCALES,
    natural_key,
    order_of,
    supersedes,
)
from stream.core.ticket_facts import Answer, BadSurvey, Facts, Rare, Sent, Survey, keyed, rare_of

CSAT: Final = KINDS["csat"]
CES: Final = KINDS["ces"]
NPS: Final = frozenset(KINDS["nps"] << 4 | SCALE_CODES[scale] for scale in ((0, 10), (1, 10)))
DETRACTOR_TO: Final = 6
BAD_LABELS: Final = frozenset(LABELS[name] for name in ("bad", "dissatisfied", "very_dissatisfied"))

_NOTHING: Final = Rare()


def _survey(facts: Facts, survey_id: str) -> Survey:
    surveys = facts.surveys
    key = natural_key(survey_id)
    if len(surveys) == 1 and surveys[0].key == key:
        return surveys[0]
    index, survey = keyed(surveys, key)
    if survey is None:
        survey = Survey(key)
        surveys.insert(index, survey)
    return survey


def _scale(scale: ev.Scale | None) -> int:
    return NO_SCALE if scale is None else SCALE_CODES[scale.min, scale.max]


def survey_sent(facts: Facts, time_ms: int, event: ev.SurveySent) -> int:
    data = event.data
    survey = _survey(facts, data.survey_id)
    new = Sent(
        time_ms - facts.base_ms,
        order_of(event),
        KINDS[data.kind] << 4 | _scale(data.scale),
        data.customer_id,
        data.channel,
        data.expires_at,
    )
    outcome = supersedes(new, survey.sent)
    if outcome:
        survey.sent = new
    return outcome


def survey_answered(facts: Facts, time_ms: int, event: ev.SurveyAnswered) -> int:
    data = event.data
    survey = _survey(facts, data.survey_id)
    at = time_ms - facts.base_ms
    new = Answer(
        at,
        order_of(event),
        KINDS[data.kind] << 4 | _scale(data.scale),
        data.score,
        LABELS[data.label] if data.label else 0,
        data.customer_id,
        data.agent_id,
        data.team,
        data.touchpoint,
    )
    revisions = survey.revisions
    highest = revisions[-2] if revisions else -1
    outcome = REPEATED
    if data.revision >= highest:
        outcome = supersedes(new, survey.answer if data.revision == highest else None)
        if outcome:
            survey.answer = new
        if outcome == CHANGED:
            _note_bad(facts, survey.key, data.survey_id, new)
    known = revisions[::2]
    index = bisect_left(known, data.revision)
    if index == len(known) or known[index] != data.revision:
        revisions[2 * index : 2 * index] = [data.revision, at]
        return CHANGED
    if at < revisions[2 * index + 1]:
        revisions[2 * index + 1] = at
        return CHANGED
    return outcome


def _note_bad(facts: Facts, key: bytes, survey_id: str, answer: Answer) -> None:
    """Keep a survey's id as long as the answer that stands may be a bad one, and somebody may yet react to it."""
    if _may_be_bad(answer):
        bad = rare_of(facts).bad_surveys
        index, old = keyed(bad, key)
        if old is None:
            bad.insert(index, BadSurvey(key, survey_id))
    elif facts.rare is not None and facts.rare.bad_surveys:
        facts.rare.bad_surveys = [one for one in facts.rare.bad_surveys if one.key != key]
        drop_empty(facts)


def drop_empty(facts: Facts) -> None:
    """Equal facts are equal rows: those that have nothing rare any more are as if they never had."""
    if facts.rare == _NOTHING:
        facts.rare = None


def _may_be_bad(answer: Answer) -> bool:
    """Whether it is bad by one setting or the other."""
    return any(is_bad(answer.what, answer.score, answer.label, low_is_good=one) for one in (False, True))


def is_bad(what: int, score: int | None, label: int, *, low_is_good: bool) -> bool:
    """Whether a team should react: a csat answer below the middle of its scale, a detractor's, or one of more effort than the middle.

    ``what`` is kind * 16 + scale; ``low_is_good``: of effort scores a low one is a good one, else a high one is.
    """
    kind, scale = what >> 4, what & 15
    if kind not in (CSAT, CES):
        return what in NPS and score is not None and score <= DETRACTOR_TO
    if score is None or scale == NO_SCALE:
        return label in BAD_LABELS
    above = 2 * score - sum(SCALES[scale])
    return above > 0 if kind == CES and low_is_good else above < 0


def survey_retracted(facts: Facts, time_ms: int, event: ev.SurveyRetracted) -> int:
    survey = _survey(facts, event.data.survey_id)
    at = time_ms - facts.base_ms
    if survey.retracted_at is not None and at <= survey.retracted_at:
        return REPEATED
    survey.retracted_at = at
    return CHANGED


def survey_expired(facts: Facts, time_ms: int, event: ev.SurveyExpired) -> int:
    survey = _survey(facts, event.data.survey_id)
    at = time_ms - facts.base_ms
    if survey.expired_at is not None and at <= survey.expired_at:
        return REPEATED
    survey.expired_at = at
    return CHANGED
