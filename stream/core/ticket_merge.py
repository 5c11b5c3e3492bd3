"""One event into the facts of its entity: one function per event type.

Each returns :data:`REPEATED`, :data:`CHANGED` or :data:`RERANKED`. Permutations and repetitions of a history
give equal facts: whatever is kept is the greatest (or, for the creation, the least) of its natural key in a
total order, and lists have one canonical order.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import UnsetType
from msgspec.structs import replace

from schemas import events as ev
from stream.core.fact import (
    AGENT,
    AUTHORS,
    BOT,
    CHANGED,
    DELETIONS,
    KEY_BYTES,
    KINDS,
    LABELS,
    NO_SCALE,
    OUTCOMES,
    PRIORITIES,
    REPEATED,
    RERANKED,
    RETRACTIONS,
    SCALE_CODES,
    STATUSES,
    Fact,
    Order,
    natural_key,
    order_of,
    order_text,
    rank,
    supersedes,
)
from stream.core.ticket_facts import (
    ID_BYTES,
    UNCHANGED,
    Answer,
    Assignment,
    Creation,
    Deletion,
    Entered,
    Escalation,
    Facts,
    Handled,
    Holder,
    Left,
    Merge,
    Rare,
    Retraction,
    Review,
    Sent,
    StatusChange,
    Survey,
    Visit,
)

AnyFact = TypeVar("AnyFact", bound=Fact)
AnyKeyed = TypeVar("AnyKeyed", Survey, Visit, Retraction, Review)


def _position(fact: Fact) -> tuple[int, tuple[tuple[str, str], bytes]]:
    return fact.at, rank(fact)


def _place(facts: list[AnyFact], new: AnyFact, same: Callable[[AnyFact], bool]) -> int:
    """Put a fact in its place by order, instead of one of the same time with the same natural key."""
    if not facts or new.at > facts[-1].at:
        facts.append(new)
        return CHANGED
    outcome = CHANGED
    for index, old in enumerate(facts):
        if old.at == new.at and same(old):
            outcome = supersedes(new, old)
            if outcome == REPEATED:
                return REPEATED
            del facts[index]
            break
    insort(facts, new, key=_position)
    return outcome


def _keyed(items: list[AnyKeyed], key: bytes) -> tuple[int, AnyKeyed | None]:
    """Where an item of a list sorted by key is, or would be."""
    index = bisect_left(items, key, key=lambda item: item.key)
    return index, items[index] if index < len(items) and items[index].key == key else None


def _rare(facts: Facts) -> Rare:
    if facts.rare is None:
        facts.rare = Rare()
    return facts.rare


def _created(facts: Facts, time_ms: int, event: ev.TicketCreated) -> int:
    data = event.data
    new = Creation(
        0,
        order_of(event),
        data.channel,
        data.team,
        data.queue,
        data.requester_id,
        AUTHORS[data.created_by],
        PRIORITIES[data.priority] if data.priority else 0,
        data.kind,
        dict(sorted(data.segments.items())) if data.segments else None,
        data.calendar,
    )
    old = facts.creation
    if old is None:
        outcome = CHANGED
    elif (time_ms, rank(new)) >= (facts.base_ms, rank(old)):
        return REPEATED
    else:
        same = time_ms == facts.base_ms and replace(new, order=old.order) == old
        outcome = RERANKED if same else CHANGED
    facts.creation = new
    facts.move_base(time_ms)
    return outcome


def _assigned(facts: Facts, time_ms: int, event: ev.TicketAssigned) -> int:
    data = event.data
    new = Assignment(
        time_ms - facts.base_ms,
        order_of(event),
        _holder(data.agent_id),
        _holder(data.team),
        _holder(data.queue),
    )
    return _place(
        _rare(facts).assignments,
        new,
        lambda old: (old.agent, old.team, old.queue) == (new.agent, new.team, new.queue),
    )


def _holder(value: str | UnsetType | None) -> Holder:
    return UNCHANGED if isinstance(value, UnsetType) else value


def _status_changed(facts: Facts, time_ms: int, event: ev.TicketStatusChanged) -> int:
    data = event.data
    new = StatusChange(time_ms - facts.base_ms, order_of(event), STATUSES[data.status], data.agent_id)
    return _place(facts.statuses, new, lambda old: old.status == new.status)


def _escalated(facts: Facts, time_ms: int, event: ev.TicketEscalated) -> int:
    data = event.data
    new = Escalation(time_ms - facts.base_ms, order_of(event), data.tier, data.reason)
    return _place(_rare(facts).escalations, new, lambda old: (old.tier, old.reason) == (new.tier, new.reason))


def _merged(facts: Facts, time_ms: int, event: ev.TicketMerged) -> int:
    rare = _rare(facts)
    new = Merge(time_ms - facts.base_ms, order_of(event), event.data.into_ticket_id)
    outcome = supersedes(new, rare.merged)
    if outcome:
        rare.merged = new
        facts.gone = True
    return outcome


def _deleted(facts: Facts, time_ms: int, event: ev.TicketDeleted) -> int:
    return _deletion(facts, Deletion(time_ms - facts.base_ms, order_of(event), DELETIONS[event.data.reason]))


def _restored(facts: Facts, time_ms: int, event: ev.TicketRestored) -> int:
    return _deletion(facts, Deletion(time_ms - facts.base_ms, order_of(event), DELETIONS["restored"]))


def _deletion(facts: Facts, new: Deletion) -> int:
    rare = _rare(facts)
    outcome = supersedes(new, rare.deletion)
    if outcome:
        rare.deletion = new
        facts.gone = rare.merged is not None or new.kind != DELETIONS["restored"]
    return outcome


def _visit(facts: Facts, visit_id: str) -> Visit:
    visits = _rare(facts).visits
    key = natural_key(visit_id)
    index, visit = _keyed(visits, key)
    if visit is None:
        visit = Visit(key)
        visits.insert(index, visit)
    return visit


def _queue_entered(facts: Facts, time_ms: int, event: ev.TicketQueueEntered) -> int:
    visit = _visit(facts, event.data.visit_id)
    new = Entered(time_ms - facts.base_ms, order_of(event), event.data.queue)
    outcome = supersedes(new, visit.entered)
    if outcome:
        visit.entered = new
    return outcome


def _queue_left(facts: Facts, time_ms: int, event: ev.TicketQueueLeft) -> int:
    data = event.data
    visit = _visit(facts, data.visit_id)
    new = Left(time_ms - facts.base_ms, order_of(event), data.queue, OUTCOMES[data.outcome], data.agent_id)
    outcome = supersedes(new, visit.left)
    if outcome:
        visit.left = new
    return outcome


def _handled(facts: Facts, time_ms: int, event: ev.TicketHandled) -> int:
    data = event.data
    visit = _visit(facts, data.visit_id)
    at = time_ms - facts.base_ms
    new = Handled(at, order_of(event), data.agent_id, data.talk_ms, data.hold_ms, data.after_ms)
    outcome = supersedes(new, visit.handled)
    if outcome:
        visit.handled = new
    return outcome


def _reply_added(facts: Facts, time_ms: int, event: ev.ReplyAdded) -> int:
    data = event.data
    order = order_of(event)
    author = AUTHORS[data.author]
    at = (time_ms - facts.base_ms) * 8 + author * 2 + data.public
    voice = ""
    if data.public and author in (AGENT, BOT) and data.author_id:
        voice = data.author_id
    if data.channel:
        voice = f"{voice}\0{data.channel}"
    key = natural_key(data.reply_id)
    index = facts.find_reply(key)
    outcome = CHANGED
    if index >= 0:
        outcome = _supersedes_reply(facts, index, at, order, voice)
        if outcome == REPEATED:
            return REPEATED
        _remove_reply(facts, index)
    _insert_reply(facts, at, key, order, voice)
    return outcome


def _supersedes_reply(facts: Facts, index: int, at: int, order: Order, voice: str) -> int:
    standing_at = facts.reply_at[index]
    if at >> 3 != standing_at >> 3:
        return CHANGED if at >> 3 > standing_at >> 3 else REPEATED
    speaker = facts.reply_voices[index]
    new = (at & 7, voice)
    old = (standing_at & 7, facts.voices[speaker - 1] if speaker else "")
    if (order_text(order), new) <= (order_text(facts.reply_order(index)), old):
        return REPEATED
    return RERANKED if new == old else CHANGED


def _insert_reply(facts: Facts, at: int, key: bytes, order: Order, voice: str) -> None:
    reply_at = facts.reply_at
    index = len(reply_at)
    moment = at >> 3
    while index and reply_at[index - 1] >> 3 >= moment:  # nearly always at the end
        if reply_at[index - 1] >> 3 == moment:
            before = index - 1
            other = facts.reply_ids[before * ID_BYTES : before * ID_BYTES + KEY_BYTES]
            if (order_text(facts.reply_order(before)), other) <= (order_text(order), key):
                break
        index -= 1
    short = order if isinstance(order, int) else 0
    entry = key + short.to_bytes(2, "big")
    if not short and not facts.reply_texts:
        facts.reply_texts = [""] * len(reply_at)
    speaker = _speaker(facts, voice) if voice else 0
    if index == len(reply_at):
        reply_at.append(at)
        facts.reply_ids += entry
        facts.reply_voices.append(speaker)
    else:
        reply_at.insert(index, at)
        cut = index * ID_BYTES
        facts.reply_ids = facts.reply_ids[:cut] + entry + facts.reply_ids[cut:]
        facts.reply_voices.insert(index, speaker)
    if facts.reply_texts or not short:
        facts.reply_texts.insert(index, "" if short else str(order))


def _speaker(facts: Facts, voice: str) -> int:
    """The number of a voice; others' numbers move where it stands in front of them."""
    voices = facts.voices
    index = bisect_left(voices, voice)
    if index == len(voices) or voices[index] != voice:
        if index < len(voices):
            facts.reply_voices = [speaker + (speaker > index) for speaker in facts.reply_voices]
        voices.insert(index, voice)
    return index + 1


def _remove_reply(facts: Facts, index: int) -> None:
    del facts.reply_at[index]
    cut = index * ID_BYTES
    facts.reply_ids = facts.reply_ids[:cut] + facts.reply_ids[cut + ID_BYTES :]
    if facts.reply_texts:
        del facts.reply_texts[index]
        if not any(facts.reply_texts):
            facts.reply_texts = []
    speaker = facts.reply_voices.pop(index)
    if speaker and speaker not in facts.reply_voices:
        del facts.voices[speaker - 1]
        facts.reply_voices = [other - (other > speaker) for other in facts.reply_voices]


def _reply_retracted(facts: Facts, time_ms: int, event: ev.ReplyRetracted) -> int:
    retractions = _rare(facts).retractions
    key = natural_key(event.data.reply_id)
    new = Retraction(time_ms - facts.base_ms, order_of(event), key, RETRACTIONS[event.data.reason])
    index, old = _keyed(retractions, key)
    outcome = supersedes(new, old)
    if old is None:
        retractions.insert(index, new)
    elif outcome:
        retractions[index] = new
    return outcome


def _survey(facts: Facts, survey_id: str) -> Survey:
    surveys = facts.surveys
    key = natural_key(survey_id)
    if len(surveys) == 1 and surveys[0].key == key:
        return surveys[0]
    index, survey = _keyed(surveys, key)
    if survey is None:
        survey = Survey(key)
        surveys.insert(index, survey)
    return survey


def _scale(scale: ev.Scale | None) -> int:
    return NO_SCALE if scale is None else SCALE_CODES[scale.min, scale.max]


def _survey_sent(facts: Facts, time_ms: int, event: ev.SurveySent) -> int:
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


def _survey_answered(facts: Facts, time_ms: int, event: ev.SurveyAnswered) -> int:
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
    known = revisions[::2]
    index = bisect_left(known, data.revision)
    if index == len(known) or known[index] != data.revision:
        revisions[2 * index : 2 * index] = [data.revision, at]
        return CHANGED
    if at < revisions[2 * index + 1]:
        revisions[2 * index + 1] = at
        return CHANGED
    return outcome


def _survey_retracted(facts: Facts, time_ms: int, event: ev.SurveyRetracted) -> int:
    survey = _survey(facts, event.data.survey_id)
    at = time_ms - facts.base_ms
    if survey.retracted_at is not None and at <= survey.retracted_at:
        return REPEATED
    survey.retracted_at = at
    return CHANGED


def _survey_expired(facts: Facts, time_ms: int, event: ev.SurveyExpired) -> int:
    survey = _survey(facts, event.data.survey_id)
    at = time_ms - facts.base_ms
    if survey.expired_at is not None and at <= survey.expired_at:
        return REPEATED
    survey.expired_at = at
    return CHANGED


def _review_scored(facts: Facts, time_ms: int, event: ev.ReviewScored) -> int:
    data = event.data
    reviews = _rare(facts).reviews
    key = natural_key(data.review_id)
    criteria = [(one.name, one.score, one.max, one.weight) for one in data.criteria]
    new = Review(time_ms - facts.base_ms, order_of(event), key, data.agent_id, criteria)
    index, old = _keyed(reviews, key)
    outcome = supersedes(new, old)
    if old is None:
        reviews.insert(index, new)
    elif outcome:
        reviews[index] = new
    return outcome


MERGES: Final[dict[type[ev.Event], Callable[[Facts, int, Any], int]]] = {
    ev.TicketCreated: _created,
    ev.TicketAssigned: _assigned,
    ev.TicketStatusChanged: _status_changed,
    ev.TicketEscalated: _escalated,
    ev.TicketMerged: _merged,
    ev.TicketDeleted: _deleted,
    ev.TicketRestored: _restored,
    ev.TicketQueueEntered: _queue_entered,
    ev.TicketQueueLeft: _queue_left,
    ev.TicketHandled: _handled,
    ev.ReplyAdded: _reply_added,
    ev.ReplyRetracted: _reply_retracted,
    ev.SurveySent: _survey_sent,
    ev.SurveyAnswered: _survey_answered,
    ev.SurveyRetracted: _survey_retracted,
    ev.SurveyExpired: _survey_expired,
    ev.ReviewScored: _review_scored,
}
