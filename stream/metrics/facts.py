"""Which facts a metric uses, in words for people: groups of facts, and the events that say them."""

from typing import Any, Final

from schemas.events import WIRE_TYPE
from stream.core.answers import AnswerSaid
from stream.core.entity import KINDS
from stream.core.metric import Metric

_NAMES: Final[dict[type[Any], str]] = {
    **{event: name.removeprefix("contact-centre.").rpartition(".v")[0] for event, name in WIRE_TYPE.items()},
    AnswerSaid: "the customer's survey answers on all tickets",  # no event: the tickets stage tells them to the customers one
}


def facts_of(metric: Metric) -> dict[str, list[str]]:
    """Group of facts -> the events that say them (``survey.answered``), in the order of the contract."""
    (kind,) = (one for one in KINDS if one.entity == metric.entity)
    found: dict[str, list[str]] = {}
    for told, groups in kind.groups_of.items():
        for group in groups & metric.reads:
            found.setdefault(group, []).append(_NAMES[told])
    return found
