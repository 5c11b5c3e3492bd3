"""How far event time has come in one source partition.

The watermark is the minimum over the partition's topics of (highest event time - lateness). A topic that is read to its end and
silent for ``idle_after_ms`` does not hold it back. When all are silent, a wall clock lets it follow the clock, an event clock
leaves it where it is and marks the partition idle. It never goes back.
"""

from collections.abc import Sequence

from stream.core.config import CoreConfig

NONE_MS = -1
"""No watermark yet."""


class SourceWatermark:
    """Progress of one partition over its topics, which are addressed by position. Times in milliseconds."""

    __slots__ = ("_config", "_last_seen_ms", "highest_ms", "idle", "watermark_ms")

    def __init__(self, config: CoreConfig, highest_ms: Sequence[int], watermark_ms: int = NONE_MS) -> None:
        self._config = config
        self._last_seen_ms: list[int | None] = [None] * len(highest_ms)
        self.highest_ms = list(highest_ms)
        self.watermark_ms = watermark_ms
        self.idle = False

    def observe(self, topic: int, event_time_ms: int, now_ms: int) -> None:
        """Records arrived on a topic; ``event_time_ms`` is the highest accepted event time, NONE_MS if none was accepted."""
        self._last_seen_ms[topic] = now_ms
        self.highest_ms[topic] = max(self.highest_ms[topic], event_time_ms)

    def advance(self, now_ms: int, at_end: Sequence[bool], held_ms: int | None = None) -> bool:
        """Let processing time pass; True when the watermark or the idleness changed.

        ``held_ms``: what another stage that this partition hears has passed, NONE_MS for nothing yet; None: it holds nothing back.
        """
        before = (self.watermark_ms, self.idle)
        active = [topic for topic in range(len(at_end)) if not self._is_idle(topic, now_ms, at_end[topic])]
        passed: list[int] = [] if held_ms is None else [held_ms]
        if active:
            lowest = min(self.highest_ms[topic] for topic in active)
            passed.append(NONE_MS if lowest == NONE_MS else lowest - self._config.lateness_ms)
        elif self._config.clock == "wall":
            passed.append(now_ms - self._config.lateness_ms)
        self.idle = not passed
        if passed:
            self._raise(min(passed))
        return (self.watermark_ms, self.idle) != before

    def _is_idle(self, topic: int, now_ms: int, at_end: bool) -> bool:
        last_seen = self._last_seen_ms[topic]
        if last_seen is None:  # silence counts from the first look, not from the epoch
            self._last_seen_ms[topic] = last_seen = now_ms
        return at_end and now_ms - last_seen >= self._config.idle_after_ms

    def _raise(self, watermark_ms: int) -> None:
        self.watermark_ms = max(self.watermark_ms, watermark_ms)
