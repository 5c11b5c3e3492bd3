"""Service level: how many visits of queues were answered in time."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Final

from stream.core.config import CoreConfig
from stream.core.fact import ABANDONED, ANSWERED
from stream.core.interval import Sample
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Tally
from stream.core.metric import Metric, never
from stream.core.ticket import ALWAYS, Ticket
from stream.core.ticket_facts import Left, Visit
from stream.metrics.abandon_rate import short_rule
from stream.metrics.shares import IN, OUT, share_figure, share_sample, share_series
from stream.metrics.visits import (
    EXCLUDED,
    NEGATIVE,
    SHORT,
    SHORT_ABANDON,
    UNKNOWN,
    ended_visits,
    is_short,
    wait_ms,
)

OTHER_QUEUES: Final = "*"
"""In ``service_level_seconds``: all queues that are not named there."""

_FIRST = EXCLUDED_SLOTS + 2


def within(seconds: int) -> tuple[int, int]:
    """Slots of a threshold: answered within it, and not. They are its own, whatever others are configured."""
    return _FIRST + 2 * seconds, _FIRST + 2 * seconds + 1


def thresholds_of(levels: Mapping[str, tuple[int, ...]], queue: str) -> tuple[int, ...]:
    """The thresholds of a queue in seconds, its target first."""
    return levels.get(queue) or levels[OTHER_QUEUES]


class Way(Enum):
    """What the end of a visit is to a service level."""

    JUDGED = "in the whole, and met where it came in time; left out and counted where nobody knows how long it lasted"
    GIVEN_UP = "in the whole only; left out and counted where nobody knows how long it lasted"
    MISSED = "in the whole only, however long it lasted"
    SHORT = "left out and counted"
    APART = "not in it"


def level_measures(
    way_of: Callable[[Visit, Left, CoreConfig], Way],
) -> Callable[[Ticket, CoreConfig], list[Measure]]:
    """Measures of every visit that ended, by what its end is to the service level."""

    def measures(ticket: Ticket, config: CoreConfig) -> list[Measure]:
        found: list[Measure] = []
        for instant_ms, labels, visit, left in ended_visits(ticket, config):
            way = way_of(visit, left, config)
            thresholds = thresholds_of(config.service_level_seconds, left.queue)
            waited_ms = wait_ms(visit, left)
            if way is Way.APART:
                continue
            if way is Way.SHORT:
                slots = [SHORT]
            elif way is Way.MISSED:
                slots = _missed(thresholds)
            elif waited_ms is None or waited_ms < 0:
                slots = [UNKNOWN if waited_ms is None else NEGATIVE]
            elif way is Way.GIVEN_UP:
                slots = _missed(thresholds)
            else:
                slots = [IN if waited_ms <= 1000 * thresholds[0] else OUT]
                slots += [within(seconds)[waited_ms > 1000 * seconds] for seconds in thresholds]
            found += [(instant_ms, labels, slot, 1) for slot in slots]
        return found

    return measures


def _way(visit: Visit, left: Left, config: CoreConfig) -> Way:
    if left.outcome == ANSWERED:
        return Way.JUDGED
    if left.outcome != ABANDONED:
        return Way.APART
    return Way.SHORT if is_short(visit, left, config) else Way.GIVEN_UP


_measures = level_measures(_way)


def _missed(thresholds: tuple[int, ...]) -> list[int]:
    return [OUT, *(within(one)[1] for one in thresholds)]


def metric(config: CoreConfig) -> Metric:
    """Follows ``service_level_seconds`` and ``short_abandon_ms``."""
    levels = tuple(sorted(config.service_level_seconds.items()))
    return _metric(levels, config.short_abandon_ms // 1000)


@cache
def _metric(levels: tuple[tuple[str, tuple[int, ...]], ...], short_seconds: int) -> Metric:
    every = sorted({seconds for _, thresholds in levels for seconds in thresholds})

    def thresholds_in(tally: Tally) -> list[int]:
        return sorted({(slot - _FIRST) // 2 for slot in tally if slot >= _FIRST}.union(every))

    def figures(tally: Tally) -> list[Figure]:
        return [
            share_figure("service_level", tally, "in_target", "visits", EXCLUDED),
            *(
                share_figure(f"service_level_{one}s", tally, "met", "judged", None, within(one))
                for one in thresholds_in(tally)
            ),
        ]

    def samples(tally: Tally) -> dict[str, Sample | None]:
        single = {f"service_level_{one}s": share_sample(tally, within(one)) for one in thresholds_in(tally)}
        return {"service_level": share_sample(tally), **single}

    targets = dict(levels)
    others = targets.pop(OTHER_QUEUES)[0]
    own = f", {len(targets)} queues have a target of their own" if targets else ""
    return Metric(
        id=23,
        name="service_level",
        title="Service level",
        unit="ratio",
        definition=(
            "Visits of queues that were answered within the queue's target / visits that were answered or given up, in the window in "
            f"which they ended. The target is the first of the queue's thresholds ({others} s{own}); service_level_20s and its like are "
            f"the same for one threshold, over the queues that have it. {short_rule(short_seconds)}95 % interval after Wilson."
        ),
        source=(
            "Genesys Cloud, configure the service level calculation, with short abandons left out: "
            "https://help.mypurecloud.com/articles/configure-the-service-level-calculation/"
        ),
        null_rule=(
            "Null where no visit was answered or given up; one of either kind whose beginning is unknown is counted as unknown_wait, one "
            "that ended before it began as negative_duration."
        ),
        excluded_reasons=EXCLUDED if short_seconds else never(EXCLUDED, SHORT_ABANDON),
        reads=ALWAYS | {"visit"},
        measures=_measures,
        figures=figures,
        samples=samples,
        interval=True,
        version=2,
        series=(
            *share_series(
                "service_level",
                "Visits answered within their queue's target / visits answered or given up.",
                ("in_target", "Visits answered within their queue's target."),
                ("visits", "Visits answered or given up, for service_level_ratio."),
                of="service_level",
            ),
            *(
                series
                for one in every
                for series in share_series(
                    "service_level_within",
                    "Visits answered within so many seconds / visits answered or given up, of the queues that have this threshold.",
                    ("met", "Visits answered within so many seconds."),
                    ("judged", "Visits answered or given up in the queues that have this threshold."),
                    of=f"service_level_{one}s",
                    labels=(("within", f"{one}s"),),
                )
            ),
        ),
        parameters=";".join(
            [
                f"short_abandon={short_seconds}s",
                *(f"{queue}={'/'.join(map(str, thresholds))}" for queue, thresholds in levels),
            ]
        ),
    )
