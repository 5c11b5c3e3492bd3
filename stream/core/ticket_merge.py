"""One event into the facts of its entity: one function per event type.

Each returns :data:`REPEATED`, :data:`CHANGED` or :data:`RERANKED`. Permutations and repetitions of a history
give equal facts: whatever is kept is the greatest (or, for the creation, the least) of its natural key in a
total order, and lists have one canonical order.
"""

from bisect import insort
from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import UnsetType
from msgspec.structs import replace

from schemas import events as ev
from stream.core.fact import (
    AUTHORS,
    CHANGED,
    DELETIONS,
    OUTCOMES,
    PRIORITIES,
    REPEATED,
    RERANKED,
    STATUSES,
    Fact,
    natural_key,
    order_of,
    rank,
    supersedes,
)
from stream.core.reply_merge import reply_added, reply_retracted
from stream.core.survey_merge import survey_answered, survey_expired, survey_retracted, survey_sent
from stream.core.ticket_facts import (
    UNCHANGED,
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
    Review,
    StatusChange,
    Visit,
    keyed,
    rare_of,
)

AnyFact = TypeVar("AnyFact", bound=Fact)


def _position(fact: Fact) -> tuple[int, tuple[tuple[str, str], bytes]]:
    return fact.at, rank(fact)


def place(facts: list[AnyFact], new: AnyFact, same: Callable[[AnyFact], bool]) -> int:
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
    if outcome == RERANKED and any(other.at == new.at for other in facts):
        outcome = CHANGED  # it may move in front of or behind another one of its millisecond
    insort(facts, new, key=_position)
    return outcome


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
    return place(
        rare_of(facts).assignments,
        new,
        lambda old: (old.agent, old.team, old.queue) == (new.agent, new.team, new.queue),
    )


def _holder(value: str | UnsetType | None) -> Holder:
    return UNCHANGED if isinstance(value, UnsetType) else value


def _status_changed(facts: Facts, time_ms: int, event: ev.TicketStatusChanged) -> int:
    data = event.data
    new = StatusChange(time_ms - facts.base_ms, order_of(event), STATUSES[data.status], data.agent_id)
    return place(facts.statuses, new, lambda old: old.status == new.status)


def _escalated(facts: Facts, time_ms: int, event: ev.TicketEscalated) -> int:
    data = event.data
    new = Escalation(time_ms - facts.base_ms, order_of(event), data.tier, data.reason)
    return place(
        rare_of(facts).escalations, new, lambda old: (old.tier, old.reason) == (new.tier, new.reason)
    )


def _merged(facts: Facts, time_ms: int, event: ev.TicketMerged) -> int:
    rare = rare_of(facts)
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
    rare = rare_of(facts)
    outcome = supersedes(new, rare.deletion)
    if outcome:
        rare.deletion = new
        facts.gone = rare.merged is not None or new.kind != DELETIONS["restored"]
    return outcome


def _visit(facts: Facts, visit_id: str) -> Visit:
    visits = rare_of(facts).visits
    key = natural_key(visit_id)
    index, visit = keyed(visits, key)
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


def _review_scored(facts: Facts, time_ms: int, event: ev.ReviewScored) -> int:
    data = event.data
    reviews = rare_of(facts).reviews
    key = natural_key(data.review_id)
    criteria = [(one.name, one.score, one.max, one.weight) for one in data.criteria]
    new = Review(time_ms - facts.base_ms, order_of(event), key, data.agent_id, criteria)
    index, old = keyed(reviews, key)
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
    ev.ReplyAdded: reply_added,
    ev.ReplyRetracted: reply_retracted,
    ev.SurveySent: survey_sent,
    ev.SurveyAnswered: survey_answered,
    ev.SurveyRetracted: survey_retracted,
    ev.SurveyExpired: survey_expired,
    ev.ReviewScored: _review_scored,
}
