"""Which entities' rows can go: nothing that is still said about them can change a window that is kept.

A ticket is forgotten when nothing about it is live (it is not open, no customer waits for an answer or in a queue), a customer when
they have left, and when the latest fact is too late for every window. What comes later still finds the windows closed to it: measures are
dated with their facts' times, and those of forgotten facts could not be taken out any more anyway.
"""

from collections.abc import Callable, Mapping, Sized
from itertools import islice

from stream.core.config import HOUR_MS, MINUTE_MS, CoreConfig
from stream.core.entity import Entity
from stream.core.pane import levels, too_late_before_ms
from stream.core.watermark import NONE_MS


class Retention:
    """An index of rows by the hour in which they may go. Kept in memory only, and built lazily after a load."""

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        horizons = [level.horizon for level in levels(config)]
        self._keep_ms: int | None = None
        """From an entity's latest fact to the watermark at which it can surely go; None: windows are revised for ever."""
        if None not in horizons:
            self._keep_ms = MINUTE_MS * max(
                ((level.horizon or 0) + level.width for level in levels(config)), default=0
            )
        self.latest_ms = NONE_MS
        """Latest fact among all that were forgotten."""
        self._due: dict[int, list[bytes]] = {}
        self._unindexed = 0
        """How many of the first rows are those that were loaded, until all of them were looked at."""
        self._looked_at = 0

    def index(self, rows: Sized) -> None:
        """Rows that were loaded: looked at a few at a time, by :meth:`take`. Their keys are not copied: there may be millions."""
        if self._keep_ms is not None:
            self._unindexed = len(rows)

    def note(self, key: bytes, entity: Entity) -> None:
        """A row was written: remember when to look at it again, if it may go at all."""
        if self._keep_ms is not None and entity.may_go(self._config):
            due_ms = entity.latest_ms() + entity.reach_ms(self._config) + self._keep_ms
            self._due.setdefault(due_ms // HOUR_MS + 1, []).append(key)

    def is_over(self, entity: Entity, before_ms: int) -> bool:
        """Whether nothing about an entity is live, and its latest fact is too late for everything: ``before_ms`` says for what."""
        return entity.may_go(self._config) and entity.latest_ms() + entity.reach_ms(self._config) < before_ms

    def let_go(self, entity: Entity) -> None:
        """It is forgotten."""
        self.latest_ms = max(self.latest_ms, entity.latest_ms())

    def take(
        self,
        rows: Mapping[bytes, bytes],
        read: Callable[[bytes, bytes], Entity],
        watermark_ms: int,
        limit: int,
    ) -> Mapping[bytes, Entity]:
        """Rows that can go now; looks at ``limit`` rows at most, so that no flush pays for a backlog.

        ``read``: (key, row) -> entity; raises for a row that cannot be read.
        """
        if self._keep_ms is None:
            return {}
        before_ms = too_late_before_ms(self._config, watermark_ms)
        going: dict[bytes, Entity] = {}
        for key in self._candidates(rows, watermark_ms // HOUR_MS, limit):
            row = rows.get(key)
            if row is None or key in going:
                continue
            entity = read(key, row)
            if self.is_over(entity, before_ms):
                going[key] = entity
            else:  # one that was reopened is noted again when it is settled
                self.note(key, entity)
        # What goes makes the others move up: rather one that was looked at already than one that never is.
        self._looked_at = max(0, self._looked_at - len(going))
        return going

    def _candidates(self, rows: Mapping[bytes, bytes], hour: int, limit: int) -> list[bytes]:
        if self._unindexed:
            stop = min(self._looked_at + limit, self._unindexed)
            found = list(islice(rows, self._looked_at, stop))
            self._looked_at = stop
            if stop == self._unindexed:
                self._unindexed = 0
            return found
        found = []
        if self._due and min(self._due) <= hour:
            for due in sorted(due for due in self._due if due <= hour):
                keys = self._due.pop(due)
                found += keys
                if len(found) > limit:
                    self._due[due] = found[limit:]
                    return found[:limit]
        return found
