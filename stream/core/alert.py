"""Alert rules on running windows: when one fires, when it has recovered, and the CloudEvent ``metric.alert``.

A rule's condition is judged at the instants at which its window ends (``at_ms``: the clock, or the ends of its panes). Fewer than ``min_n``
never fire; a firing alert stays until the value has recovered by the margin or nothing is left in its window.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import orjson

from stream.core.config import AlertRule, CoreConfig, window_label
from stream.core.measure import Figure
from stream.core.pane import ALERT_KIND
from stream.core.record import Output
from stream.core.rollup import HEADERS, instant
from stream.core.segment import segment_labels
from stream.core.snapshot import AlertSnapshot
from stream.core.tally import DamagedRowError

ALERT_TYPE: Final = "contact-centre.metric.alert.v1"

FIRING: Final = "firing"
RESOLVED: Final = "resolved"


class AlertState(msgspec.Struct, array_like=True, frozen=True):
    """Where a rule stands on a segment; a segment on which nothing is wrong, and never was, has none."""

    firing: bool
    since_ms: int
    """Firing: when it fired. Not firing: since when the condition holds, -1 while it does not."""
    revision: int
    """How often the state was published."""
    rule: AlertRule
    """The rule as it was, so that an alert can be resolved whose rule is no longer configured."""


class Change(NamedTuple):
    """What an evaluation came to."""

    state: AlertState
    published: bool
    """Whether the alert began or ceased to fire."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AlertState).decode


def matches(rule: AlertRule, labels: Mapping[str, str]) -> bool:
    """Whether a segment is one that the rule watches: exactly its labels, ``tenant`` may be left out of the pattern."""
    pattern = {"tenant": "*", **rule.segment}
    return pattern.keys() == labels.keys() and all(
        value in ("*", labels[name]) for name, value in pattern.items()
    )


def _is_bad(rule: AlertRule, figure: Figure | None) -> bool:
    if figure is None or figure.value is None or figure.n < rule.min_n:
        return False
    edge: float | None = figure.value
    if rule.interval:  # even the end of the interval that is kindest to the figure
        edge = figure.high if rule.below else figure.low
        if edge is None and figure.unit == "ratio" and not 0 <= figure.value <= 1:
            edge = (
                figure.value
            )  # more were lost than had been there: no share, and nothing that could excuse it
    if edge is None:
        return False
    return edge < rule.threshold if rule.below else edge > rule.threshold


def _has_recovered(rule: AlertRule, figure: Figure | None) -> bool:
    if figure is None or figure.value is None:
        return True
    if rule.below:
        return figure.value >= rule.threshold + rule.clear_margin
    return figure.value <= rule.threshold - rule.clear_margin


def evaluate(rule: AlertRule, state: AlertState | None, figure: Figure | None, at_ms: int) -> Change | None:
    """Judge a rule at one instant; None when its state stays as it is."""
    revision = state.revision if state is not None else 0
    if state is not None and state.firing:
        if _has_recovered(rule, figure):
            return Change(AlertState(False, -1, revision + 1, rule), True)
        return None
    since_ms = state.since_ms if state is not None else -1
    if not _is_bad(rule, figure):
        return Change(AlertState(False, -1, revision, rule), False) if since_ms >= 0 else None
    if since_ms < 0:
        since_ms = at_ms
    if at_ms - since_ms >= rule.for_ms:
        return Change(AlertState(True, at_ms, revision + 1, rule), True)
    if state is not None and state.since_ms == since_ms:
        return None
    return Change(AlertState(False, since_ms, revision, rule), False)


def alert_output(
    config: CoreConfig, segment: str, state: AlertState, figure: Figure | None, *, at_ms: int, now_ms: int
) -> Output:
    """The alert as it stands now; ``since`` is the instant at which it took this state."""
    rule = state.rule
    key = f"{rule.profile}/{rule.name}/{segment}"
    data = {
        "alert": key,
        "rule": rule.name,
        "severity": rule.severity,
        "segment": segment_labels(segment),
        "window": window_label(rule.window_ms),
        "state": FIRING if state.firing else RESOLVED,
        "value": figure.value if figure is not None else None,
        "n": figure.n if figure is not None else 0,
        "low": figure.low if figure is not None else None,
        "high": figure.high if figure is not None else None,
        "threshold": rule.threshold,
        "since": instant(max(at_ms, 0)),
        "metric": rule.metric,
        "profile": rule.profile,
    }
    event = {
        "specversion": "1.0",
        "id": f"{key}/{state.revision}",
        "source": f"/{config.topics.app_id}",
        "type": ALERT_TYPE,
        "time": instant(now_ms),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Output(config.topics.alerts, None, key.encode(), orjson.dumps(event), HEADERS)


def alert_key(rule: str, segment: bytes) -> bytes:
    """Row key of a rule's state on a segment."""
    return ALERT_KIND + rule.encode() + b"\0" + segment


class AlertBook:
    """All rules on all segments of a partition, with their rows."""

    def __init__(self, config: CoreConfig, rows: dict[bytes, bytes]) -> None:
        self._config = config
        self._rows = rows
        self._rules = {rule.name: rule for rule in config.alerts}
        self._states: dict[tuple[str, str], AlertState] = {}
        self._watched: set[tuple[str, str]] = set()
        self._orphans: list[tuple[str, AlertState]] = []
        self._snapshot: tuple[AlertSnapshot, ...] | None = None
        self._waiting: set[tuple[str, str]] = set()
        """(rule, segment) whose condition holds, but not long enough yet."""
        self._judged: list[tuple[int, str, str, AlertState, Figure | None]] = []
        """(instant, rule, segment, state, figure): published at the next flush."""
        self._changed: dict[tuple[str, str], None] = {}

    def load(self, key: bytes, raw: bytes) -> None:
        """Take in a row. Raises DamagedRowError."""
        name, _, segment = key[1:].partition(b"\0")
        try:
            state = _decode(raw)
        except ValueError as exc:
            raise DamagedRowError(f"a row of alert {name.decode()!r} is not readable: {exc}") from exc
        rule = self._rules.get(name.decode())
        # Of another profile it is another alert, under another key.
        if (
            rule is not None
            and rule.profile == state.rule.profile
            and matches(rule, segment_labels(segment.decode()))
        ):
            self._set(name.decode(), segment.decode(), state)
        else:
            self._orphans.append((segment.decode(), state))

    def watch(self, segment: str, labels: Mapping[str, str]) -> tuple[AlertRule, ...]:
        """The rules that watch a segment, which is shown from now on."""
        rules = tuple(rule for rule in self._rules.values() if matches(rule, labels))
        if rules:
            self._watched.update((rule.name, segment) for rule in rules)
            self._snapshot = None
        return rules

    def segments(self) -> set[str]:
        """Segments on which a rule has a state."""
        return {segment for _, segment in self._states}

    def forget(self, segment: str) -> None:
        """A segment is gone. What still fires on it stays."""
        self._watched.difference_update([(name, segment) for name in self._rules])
        self._snapshot = None

    @property
    def unwritten(self) -> bool:
        """Whether there are rows or alerts to write: something was judged, or a rule is gone that was firing."""
        return bool(self._changed or self._orphans)

    def due(self, at_ms: int) -> bool:
        """Whether time alone makes a difference: a condition has held long enough."""
        return any(
            at_ms - self._states[place].since_ms >= self._rules[place[0]].for_ms for place in self._waiting
        )

    def due_ms(self, window_ms: int) -> dict[str, int]:
        """Segment -> instant from which a rule's condition has held long enough, for rules on running windows of that length."""
        found: dict[str, int] = {}
        for name, segment in self._waiting:
            rule = self._rules[name]
            if rule.window_ms == window_ms:
                since_ms = self._states[name, segment].since_ms
                found[segment] = min(found.get(segment, 2**62), since_ms + rule.for_ms)
        return found

    def judge(self, rule: AlertRule, segment: str, figure: Figure | None, at_ms: int) -> None:
        """Evaluate one rule on one segment; what comes of it is written at the next flush."""
        place = (rule.name, segment)
        change = evaluate(rule, self._states.get(place), figure, at_ms)
        if change is None:
            return
        self._set(rule.name, segment, change.state)
        self._changed[place] = None
        if change.published:
            self._judged.append((at_ms, rule.name, segment, change.state, figure))

    def flush(self, at_ms: int, now_ms: int) -> tuple[list[tuple[bytes, bytes | None]], list[Output]]:
        """Rows and alerts of what was judged since the last flush, the alerts in the order of their instants.

        What still fires by a rule that is no longer configured is resolved at ``at_ms``, and forgotten.
        """
        rows, outputs = self._resolve_orphans(at_ms, now_ms)
        for place in self._changed:
            state = self._states[place]
            key = alert_key(place[0], place[1].encode())
            if state.revision or state.since_ms >= 0:
                raw = self._rows[key] = _encode(state)
                rows.append((key, raw))
            elif self._rows.pop(key, None) is not None:
                rows.append((key, None))
        for judged_ms, _, segment, state, figure in sorted(self._judged, key=lambda one: one[:3]):
            outputs.append(alert_output(self._config, segment, state, figure, at_ms=judged_ms, now_ms=now_ms))
        self._changed = {}
        self._judged = []
        return rows, outputs

    def _resolve_orphans(
        self, at_ms: int, now_ms: int
    ) -> tuple[list[tuple[bytes, bytes | None]], list[Output]]:
        rows: list[tuple[bytes, bytes | None]] = []
        outputs: list[Output] = []
        for segment, state in self._orphans:
            key = alert_key(state.rule.name, segment.encode())
            self._rows.pop(key, None)
            rows.append((key, None))
            if state.firing:
                after = AlertState(False, -1, state.revision + 1, state.rule)
                outputs.append(alert_output(self._config, segment, after, None, at_ms=at_ms, now_ms=now_ms))
        self._orphans = []
        return rows, outputs

    def snapshot(self) -> tuple[AlertSnapshot, ...]:
        """One per rule and segment that it watches."""
        if self._snapshot is None:
            self._snapshot = tuple(
                AlertSnapshot(
                    name,
                    self._rules[name].severity,
                    tuple(segment_labels(segment).items()),
                    (name, segment) in self._states and self._states[name, segment].firing,
                )
                for name, segment in sorted(self._watched | self._states.keys())
            )
        return self._snapshot

    def _set(self, name: str, segment: str, state: AlertState) -> None:
        self._snapshot = None
        self._states[name, segment] = state
        if not state.firing and state.since_ms >= 0:
            self._waiting.add((name, segment))
        else:
            self._waiting.discard((name, segment))
