"""What ``/healthz`` and ``/readyz`` answer.

Alive means that the process can answer at all. Ready means that it does its part of the work: partitions assigned, state
recovered, commits going through; until then the answer says what is missing, so that nobody has to read logs for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from stream.core.snapshot import Snapshot
from stream.web.status import Status
from stream.web.suspects import suspect_notes


class Readiness(NamedTuple):
    """Whether the worker does its work, and what a person on call wants to know about it."""

    ready: bool
    reasons: Sequence[str] = ()
    """Why not, most important first; empty when ready."""
    recovery: Mapping[str, Any] | None = None
    """Progress of loading the state: changelog records read, at most expected, and seconds it took (null while it runs)."""
    notes: Sequence[str] = ()
    """What holds although it is ready, such as weaker guarantees on a volatile broker."""
    detail: Mapping[str, Any] | None = None
    """Assigned partitions and the like."""


def readiness_of(status: Status, notes: Sequence[str] = (), reasons: Sequence[str] = ()) -> Readiness:
    """The runtime's own verdict, with the progress of recovery and what is assigned; ``notes`` and ``reasons`` stand beside its own.

    Authors who look like bots are noted as the windows partitions that are here have them.
    """
    recovery = status.recovery
    views = [part.view for _, part in sorted(status.parts.items())]
    suspects = [one for view in views if isinstance(view, Snapshot) for one in view.suspects]
    assigned: dict[str, list[int]] = {}
    for stage, partition in sorted(status.parts):
        assigned.setdefault(stage, []).append(partition)
    return Readiness(
        ready=not (status.reasons or reasons),
        reasons=(*status.reasons, *reasons),
        recovery={"rows": recovery.rows, "expected": recovery.expected, "seconds": recovery.seconds},
        notes=(*status.notes, *notes, *suspect_notes(suspects)),
        detail={"state": status.state, "generation": status.generation, "assigned": assigned},
    )


class Answer(NamedTuple):
    """An HTTP answer: status, content type, body."""

    status: int
    content_type: str
    body: bytes


JSON = "application/json; charset=utf-8"
_encode = msgspec.json.Encoder(order="deterministic").encode


def liveness() -> Answer:
    """200: this thread could answer."""
    return Answer(200, JSON, _encode({"status": "alive"}) + b"\n")


def readiness(read: Callable[[], Readiness]) -> Answer:
    """200 when ready, else 503; the body says why in both cases. A status that cannot be read is not ready."""
    try:
        state = read()
    except Exception as exc:
        state = Readiness(
            ready=False, reasons=[f"the worker's status cannot be read: {type(exc).__name__}: {exc}"]
        )
    body: dict[str, Any] = {"ready": state.ready, "reasons": list(state.reasons), "notes": list(state.notes)}
    if state.recovery is not None:
        body["recovery"] = dict(state.recovery)
    if state.detail is not None:
        body.update(state.detail)
    return Answer(200 if state.ready else 503, JSON, msgspec.json.format(_encode(body), indent=2) + b"\n")
