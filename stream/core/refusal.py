"""What decoding a record can come to: an event, a refusal with its reason token, or a type that is not ours."""

from typing import Final, Literal, NamedTuple, TypeAlias, final, get_args

from schemas.events import AnyEvent

Reason: TypeAlias = Literal[
    "null_value",
    "null_key",
    "too_large",
    "not_utf8",
    "not_json",
    "too_deep",
    "not_cloudevent",
    "missing_field",
    "wrong_type",
    "unknown_value",
    "out_of_range",
    "unknown_scale",
    "conflict",
    "key_mismatch",
    "wrong_partition",
    "bad_time",
    "future_time",
]
"""Why a record is a dead letter. The order is that of the checks: the first that applies is the reason."""

REASONS: Final[tuple[Reason, ...]] = get_args(Reason)

SkipReason: TypeAlias = Literal["unknown_type", "other_stage"]
"""``other_stage``: an event of the customers topic among those of tickets, or the other way round."""


@final
class Accepted(NamedTuple):
    """An event of the contract that stands where it belongs. ``time_ms``: its event time, truncated."""

    time_ms: int
    event: AnyEvent


@final
class Refused(NamedTuple):
    """A dead letter. ``message`` says what is wrong and where, without any text of the event."""

    reason: Reason
    message: str


@final
class Skipped(NamedTuple):
    """Counted and passed over: a CloudEvent of a type that this version does not know."""

    reason: SkipReason
