"""First replies per tenant, day and author: rows of a windows partition, as many days as the longest horizon keeps.

A row holds one tenant's day: ``[full, slot * n, sum * n]`` in slot order (MessagePack, integers), slots as
:mod:`stream.core.first_replies` has them. A day has at most ``most`` authors. When one more comes it is FULL: from then on nobody is let
in and nobody's place is given up, and those outside share one entry. So whoever has an entry has all that is theirs in it, and
what was added to an entry is taken out of the same one. Who gives a fifth of a day's first replies is among the first thousand authors.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stream.core.bot_rule import (
    MIN_DAYS,
    MIN_FIRST_REPLIES,
    MIN_SHARE,
    MIN_TOTAL,
    WITHIN_S,
    FirstReplies,
    looks_like_a_bot,
)
from stream.core.config import DAY_MS, MINUTE_MS, CoreConfig
from stream.core.fact import AUTHOR_BYTES
from stream.core.first_replies import (
    OTHER,
    SUM_MS,
    TAKEN_OVER,
    TAKEN_OVER_SUM_MS,
    UNNAMED,
    WHAT_BITS,
    WHAT_MASK,
)
from stream.core.pane import AUTHORS_KIND, Level, levels, parse_key
from stream.core.segment import segment_labels
from stream.core.snapshot import Suspect
from stream.core.tally import DamagedRowError, drop_zeros

DAY = DAY_MS // MINUTE_MS

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


def authors_level(config: CoreConfig) -> Level:
    """How long days are kept, and what their rows' keys look like: after its end a day takes corrections as long as any window does."""
    horizons = [level.horizon for level in levels(config)]
    longest = None if None in horizons else max((found for found in horizons if found is not None), default=0)
    return Level(-1, AUTHORS_KIND, DAY, longest, rollup=False, gauges=(), feed=None)


class AuthorDay:
    """One tenant's day."""

    __slots__ = ("counts", "full", "sums")

    def __init__(self) -> None:
        self.sums: dict[int, int] = {}
        self.counts: Counter[int] = Counter()
        """Author -> first replies."""
        self.full = False

    def add(self, slot: int, amount: int, most: int) -> None:
        """Add to a slot, or to the one that stands for it."""
        author = slot >> WHAT_BITS
        counts = self.counts
        if author not in counts and author < UNNAMED:
            self.full = self.full or len(counts) >= most
            if self.full:
                author = OTHER
                slot = OTHER << WHAT_BITS | slot & WHAT_MASK
        self.sums[slot] = self.sums.get(slot, 0) + amount
        counts[author] += amount if slot & WHAT_MASK <= WITHIN_S else 0

    def tidy(self) -> None:
        """Forget authors of whom nothing is left, unless their place must be kept."""
        if not self.full:
            drop_zeros(self.sums)
            left = {slot >> WHAT_BITS for slot in self.sums}
            for author in self.counts.keys() - left:
                del self.counts[author]

    def sum_ms(self) -> int:
        """All delays."""
        return sum(amount for slot, amount in self.sums.items() if slot & WHAT_MASK == SUM_MS)


def encode_day(day: AuthorDay) -> bytes:
    """The row of a day."""
    slots = sorted(day.sums)
    return _encode([int(day.full), *slots, *(day.sums[slot] for slot in slots)])


def decode_day(raw: bytes) -> AuthorDay:
    """Read a row. Raises DamagedRowError."""
    try:
        full, *flat = _decode(raw)
    except ValueError as exc:
        raise DamagedRowError(f"a row of first replies is not readable: {exc}") from exc
    if len(flat) % 2 or full not in (0, 1):
        raise DamagedRowError(f"a row of first replies of {len(flat)} numbers is cut off")
    middle = len(flat) // 2
    if not all(0 <= slot >> WHAT_BITS <= OTHER for slot in flat[:middle]):
        raise DamagedRowError("a row of first replies has an author that cannot be")
    day = AuthorDay()
    day.full = bool(full)
    for slot, amount in zip(flat[:middle], flat[middle:], strict=True):
        day.sums[slot] = amount
        day.counts[slot >> WHAT_BITS] += amount if slot & WHAT_MASK <= WITHIN_S else 0
    return day


class AuthorDays:
    """All days of a windows partition, on top of its rows. Minutes since the epoch."""

    def __init__(self, config: CoreConfig, rows: dict[bytes, bytes]) -> None:
        self.level = authors_level(config)
        self._rows = rows
        self._most = config.max_label_values
        self._days: dict[bytes, dict[int, AuthorDay]] = {}
        """Tenant's segment -> start -> day."""
        self._dirty: set[tuple[bytes, int]] = set()
        self._judged: dict[bytes, tuple[Suspect, ...]] = {}
        self._unjudged: set[bytes] = set()

    def load(self, start: int, segment: bytes, raw: bytes) -> None:
        """Take in a row that was just loaded. Raises DamagedRowError."""
        self._days.setdefault(segment, {})[start] = decode_day(raw)
        self._unjudged.add(segment)

    def add(self, said: Mapping[str, Mapping[int, Sequence[int]]], limit_ms: int, floor: int) -> None:
        """Add what a delta says: tenant's segment -> day since the epoch -> pairs.

        ``limit_ms`` is the watermark that decides what is too late; so are days before the minute ``floor``.
        """
        before = max(self.level.late_before(limit_ms), floor)
        for name, by_day in said.items():
            segment = name.encode()
            days = self._days.setdefault(segment, {})
            for number, pairs in by_day.items():
                start = number * DAY
                if start < before:
                    continue
                day = days.get(start)
                if day is None:
                    day = days[start] = AuthorDay()
                numbers = iter(pairs)
                for slot, amount in zip(numbers, numbers, strict=True):
                    day.add(slot, amount, self._most)
                self._dirty.add((segment, start))
            self._unjudged.add(segment)

    @property
    def dirty(self) -> bool:
        """Whether a flush would write rows."""
        return bool(self._dirty)

    def drop_before(self, minute: int, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Forget days that begin before a minute."""
        for segment, days in list(self._days.items()):
            if min(days, default=minute) >= minute:
                continue
            for start in [start for start in days if start < minute]:
                del days[start]
                self._dirty.discard((segment, start))
                key = self.level.key(start, segment)
                if self._rows.pop(key, None) is not None:
                    rows.append((key, None))
            self._unjudged.add(segment)

    def flush(self, watermark: int, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Forget what no correction can reach any more, and append the rows that changed."""
        if self.level.horizon is not None:
            self.drop_before(watermark - DAY - self.level.horizon + 1, rows)
        for segment, start in self._dirty:
            day = self._days[segment][start]
            day.tidy()
            key = self.level.key(start, segment)
            if day.sums:
                raw = encode_day(day)
                self._rows[key] = raw
                rows.append((key, raw))
            else:
                del self._days[segment][start]
                if self._rows.pop(key, None) is not None:
                    rows.append((key, None))
        self._dirty.clear()
        for segment in self._unjudged:
            if not self._days.get(segment):
                self._days.pop(segment, None)

    def suspects(self) -> tuple[Suspect, ...]:
        """Who looks like a bot, by tenant."""
        for segment in self._unjudged:
            found = judge(segment, self._days.get(segment, {}))
            if found:
                self._judged[segment] = found
            else:
                self._judged.pop(segment, None)
        self._unjudged.clear()
        return tuple(suspect for segment in sorted(self._judged) for suspect in self._judged[segment])

    def suspects_of_all(self) -> tuple[Suspect, ...]:
        """Who looks like a bot in all days that are kept: for archives."""
        return tuple(
            suspect for segment in sorted(self._days) for suspect in judge(segment, self._days[segment], None)
        )

    def unwatched(self) -> int:
        """First replies of authors beyond the limit."""
        return sum(day.counts[OTHER] for days in self._days.values() for day in days.values() if day.full)


def judge(
    segment: bytes, days: Mapping[int, AuthorDay], enough: int | None = MIN_TOTAL
) -> tuple[Suspect, ...]:
    """Who looks like a bot in the newest of a tenant's days; a function of these alone, so that every worker names the same.

    ``enough``: first replies at which no further day is looked at; None for all days.
    """
    looked_at: dict[int, AuthorDay] = {}
    counts: Counter[int] = Counter()
    newest = max(days, default=0)
    total = 0
    for start in sorted(days, reverse=True):
        if enough is not None and total >= enough and start <= newest - MIN_DAYS * DAY:
            break
        looked_at[start] = days[start]
        counts.update(days[start].counts)
        total = counts.total()
    least = max(MIN_FIRST_REPLIES, MIN_SHARE * total)
    found = []
    for author, n in sorted(counts.items()):
        if n >= least and author < UNNAMED:
            of_author = _of_author(author, looked_at.values())
            seconds = {what: count for what, count in of_author.items() if what <= WITHIN_S}
            busiest = max(day.counts[author] for day in looked_at.values())
            replies = FirstReplies(n, total, seconds, of_author.get(TAKEN_OVER, 0), busiest)
            if looks_like_a_bot(replies):
                found.append(
                    Suspect(
                        tenant=segment_labels(segment.decode())["tenant"],
                        author=author.to_bytes(AUTHOR_BYTES).hex(),
                        replies=replies,
                        sum_ms=of_author.get(SUM_MS, 0),
                        of_sum_ms=sum(day.sum_ms() for day in looked_at.values()),
                        taken_over_sum_ms=of_author.get(TAKEN_OVER_SUM_MS, 0),
                        since_ms=min(looked_at) * MINUTE_MS,
                        until_ms=(newest + DAY) * MINUTE_MS,
                    )
                )
    return tuple(found)


def _of_author(author: int, days: Iterable[AuthorDay]) -> Counter[int]:
    found: Counter[int] = Counter()
    first = author << WHAT_BITS
    for day in days:
        if author in day.counts:
            for what in range(TAKEN_OVER_SUM_MS + 1):
                found[what] += day.sums.get(first | what, 0)
    return +found  # without the zeros


def suspects_of(rows: Mapping[bytes, bytes], tenant_segment: str, end_ms: int) -> tuple[Suspect, ...]:
    """Who looked like a bot at an instant, from the rows of the partition that owns the tenant's segment. Raises DamagedRowError."""
    wanted = tenant_segment.encode()
    days: dict[int, AuthorDay] = {}
    for key, raw in rows.items():
        if key[:1] == AUTHORS_KIND:
            _, _, start, segment = parse_key(key)
            if segment == wanted and start * MINUTE_MS < end_ms:
                days[start] = decode_day(raw)
    return judge(wanted, days)
