"""Follow-ups: one record per bad answer that stands, so that a team can call the customer back, and its withdrawal.

What a ticket's facts call for is a function of the facts alone. What they called for before is compared with what they call for now,
in the same flush that writes the row, so that each opens once and is withdrawn once, whatever came twice or in another order.

A row holds the id of a bad answer's survey as long as its follow-up may be open: of an answer that opened none, being too late to
react to, the id goes, and so does that of an effort answer that is a good one as STREAM_CES_DIRECTION reads it. So what a row calls for
is what is open of it, and when the row is forgotten that is closed as expired.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import orjson

from stream.core.config import CoreConfig
from stream.core.fact import KINDS, LABELS, NO_SCALE, SCALES
from stream.core.record import Output
from stream.core.rollup import HEADERS, instant
from stream.core.survey_merge import drop_empty, is_bad
from stream.core.ticket import ALWAYS, Ticket

FOLLOWUP_TYPE: Final = "contact-centre.feedback.followup.v1"

READS: Final = ALWAYS | {"survey"}
"""Groups of facts that decide."""

_ENTITIES: Final = {b"t": "ticket", b"c": "customer"}
_KIND_NAMES: Final = {code: name for name, code in KINDS.items()}
_LABEL_NAMES: Final = {code: name for name, code in LABELS.items()}


class Followup(NamedTuple):
    """A bad answer that stands, or one of effort that may be one.

    ``what`` is kind * 16 + scale, ``label`` a code of :data:`stream.core.fact.LABELS` or 0.
    """

    survey_id: str
    answered_ms: int
    what: int
    score: int | None
    label: int
    customer: str | None
    team: str | None
    agent: str | None


def followups(ticket: Ticket, config: CoreConfig) -> Sequence[Followup]:
    """What the facts of a ticket call for, by survey. Team and agent are those that the answer counts for."""
    rare = ticket.rare
    if rare is None or not rare.bad_surveys or ticket.gone:
        return ()
    ids = {one.key: one.survey_id for one in rare.bad_surveys}
    found = []
    for survey in ticket.surveys:
        survey_id = ids.get(survey.key)
        answer = survey.answer
        if survey_id is None or answer is None or survey.withdrawn:
            continue
        _, team, _, _, agent, *_ = ticket.answer_labels(survey, config)
        sent = survey.sent
        customer = answer.customer or (sent.customer if sent is not None else None)
        if (
            customer is None and ticket.creation is not None
        ):  # who asked was asked; csat_change takes them for the customer, too
            customer = ticket.creation.requester
        found.append(
            Followup(
                survey_id,
                ticket.base_ms + answer.at,
                answer.what,
                answer.score,
                answer.label,
                customer,
                team,
                agent,
            )
        )
    return found


def forget(ticket: Ticket, surveys: Collection[str]) -> None:
    """No follow-up of these surveys is open, and none will be for the answers that stand: their ids go from the row."""
    rare = ticket.rare
    if rare is not None:
        rare.bad_surveys = [one for one in rare.bad_surveys if one.survey_id not in surveys]
        drop_empty(ticket)


class Followups:
    """Openings and withdrawals until the next flush."""

    __slots__ = ("_config", "_expired", "_states")

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        self._states: dict[tuple[bytes, str], tuple[Followup | None, Followup | None]] = {}
        """(Row's key, survey) -> what was open at the last flush, and what is by now: one flush may see several changes."""
        self._expired: set[bytes] = set()
        """Keys of rows that are forgotten."""

    def __bool__(self) -> bool:
        return bool(self._states)

    def difference(
        self, key: bytes, old: Sequence[Followup], new: Sequence[Followup], too_late_ms: int
    ) -> list[Followup]:
        """Open what is new, say anew what says something else, withdraw what is gone; ``key`` is the row's. What is open now.

        An answer that is too late for every window is too late to react to: it opens nothing, but what is open may become its own. What
        is open stays so while nothing about it changes, also when the direction of effort scores was turned round.
        """
        before = {one.survey_id: one for one in old}
        stands = [
            one
            for one in new
            if before.get(one.survey_id) == one
            or (self._is_bad(one) and (one.survey_id in before or one.answered_ms >= too_late_ms))
        ]
        standing = {one.survey_id for one in stands}
        for one in old:
            if one.survey_id not in standing:
                self._note((key, one.survey_id), one, None)
        for one in stands:
            self._note((key, one.survey_id), before.get(one.survey_id), one)
        return stands

    def _is_bad(self, one: Followup) -> bool:
        low_is_good = self._config.ces_direction == "low_is_good"
        return is_bad(one.what, one.score, one.label, low_is_good=low_is_good)

    def expire(self, key: bytes, still_open: Sequence[Followup]) -> None:
        """A row is forgotten: close what is open of it, as nobody would know it any more to withdraw it."""
        for one in still_open:
            self._note((key, one.survey_id), one, None)
            self._expired.add(key)

    def _note(self, place: tuple[bytes, str], before: Followup | None, now: Followup | None) -> None:
        published = self._states[place][0] if place in self._states else before
        self._states[place] = published, now

    def take(self, now_ms: int) -> list[Output]:
        """The records of what changed, by ``tenant/ticket/ticket id/survey id``: tenants share ids, and tickets may share surveys."""
        outputs = []
        for (key, _), (published, now) in self._states.items():
            one = now or published
            if one is not None and now != published:
                outputs.append(self._output(key, one, now_ms, is_open=now is not None))
        self._states.clear()
        self._expired.clear()
        return outputs

    def _output(self, key: bytes, one: Followup, now_ms: int, *, is_open: bool) -> Output:
        tenant, _, entity = key[1:].decode().partition("\0")
        name = "/".join(quote(part, safe="") for part in (tenant, _ENTITIES[key[:1]], entity, one.survey_id))
        data: dict[str, Any] = {
            "tenant": tenant,
            "survey_id": one.survey_id,
            "open": is_open,
            "answered_at": instant(one.answered_ms),
            "kind": _KIND_NAMES[one.what >> 4],
        }
        scale = one.what & 15
        if scale != NO_SCALE:
            low, high = SCALES[scale]
            data["scale"] = {"min": low, "max": high}
        of_ticket = key[:1] == b"t"
        optional = {
            "ticket_id": entity if of_ticket else None,
            "customer_id": one.customer if of_ticket else entity,
            "score": one.score,
            "label": _LABEL_NAMES.get(one.label),
            "expired": True if key in self._expired else None,
            "team": one.team,
            "agent_id": one.agent,
        }
        data |= {field: value for field, value in optional.items() if value is not None}
        event = {
            "specversion": "1.0",
            "id": f"{name}/{now_ms}",
            "source": f"/{self._config.topics.app_id}",
            "type": FOLLOWUP_TYPE,
            "time": instant(now_ms),
            "datacontenttype": "application/json",
            "data": data,
        }
        return Output(self._config.topics.followups, None, name.encode(), orjson.dumps(event), HEADERS)
