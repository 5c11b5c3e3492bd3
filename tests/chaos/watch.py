"""What an operator sees of a worker while something is done to its brokers: ``/readyz`` and some gauges, several times a second."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from types import TracebackType
from typing import NamedTuple, Self

from tests.broker.conftest import scrape


class Sight(NamedTuple):
    """What an operator sees of a worker at one moment: ``/readyz`` and some gauges."""

    at: float
    ready: bool
    reasons: tuple[str, ...]
    lag: float
    """Records that wait, over all topics and partitions."""
    age: float
    """Seconds that the watermark is behind the clock, on the partition where it is most; below 0 before there is one."""
    commit: float
    """Seconds that the last commit took, of the slower stage."""


class Watch(AbstractContextManager["Watch"]):
    """Looks at a worker several times a second."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._url = f"http://127.0.0.1:{port}/readyz"
        self.seen: list[Sight] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            try:
                try:
                    with urllib.request.urlopen(self._url, timeout=5) as answer:
                        body = json.load(answer)
                except urllib.error.HTTPError as exc:
                    body = json.load(exc)
                series = scrape(self._port)
            except OSError:  # it has just ended, or has not begun
                continue
            self.seen.append(
                Sight(
                    time.monotonic(),
                    body["ready"],
                    tuple(body["reasons"]),
                    sum(_named(series, "contact_centre_stream_lag_records")),
                    max(_named(series, "contact_centre_stream_watermark_age_seconds"), default=-1.0),
                    max(_named(series, "contact_centre_stream_checkpoint_seconds"), default=0.0),
                )
            )

    @property
    def last(self) -> Sight:
        """The newest one."""
        return self.seen[-1] if self.seen else Sight(0.0, False, (), 0.0, -1.0, 0.0)

    def between(self, begin: float, end: float) -> list[Sight]:
        """Those of some time."""
        return [one for one in self.seen if begin <= one.at <= end]

    def tell(self, gone_at: float, back_at: float) -> str:
        """When it was not ready, relative to the outage, and why; and how far the gauges went."""
        gauges = (
            f"lag up to {max(one.lag for one in self.seen):.0f}, "
            f"commits of up to {max(one.commit for one in self.seen):.1f} s"
        )
        away = [one for one in self.seen if one.at >= gone_at and not one.ready]
        if not away:
            return f"was ready all the time, {gauges}"
        why = sorted({reason.rstrip("0123456789 s") for one in away for reason in one.reasons})
        again = next((one.at for one in self.seen if one.at > away[-1].at and one.ready), None)
        after = f"{again - back_at:.1f} s after the end" if again is not None else "never"
        return f"not ready {away[0].at - gone_at:.1f} s after the beginning ({'; '.join(why)}), ready again {after}, {gauges}"


def _named(series: Mapping[str, float], name: str) -> list[float]:
    return [value for key, value in series.items() if key.startswith(name)]


def aged_seconds(sights: Sequence[Sight]) -> float:
    """How long the watermark stood still and aged with the clock."""
    longest, since = 0.0, sights[0]
    for before, now in pairwise(sights):
        if now.age <= before.age:
            since = now
        longest = max(longest, now.age - since.age)
    return longest
