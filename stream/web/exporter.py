"""``/metrics``: snapshots and status in, one exposition out. Reads immutable values only, so it may run on any thread."""

import gzip
import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from stream.core.config import CoreConfig
from stream.core.metric import Metric
from stream.core.snapshot import Snapshot
from stream.web.bands import band_families
from stream.web.figures import FigureFamilies
from stream.web.left_out import Unreadable
from stream.web.pipeline import pipeline_families
from stream.web.refusals import Refusals
from stream.web.server import Rendered
from stream.web.status import Status
from stream.web.suspects import suspect_families
from stream.web.text import OPENMETRICS, TEXT, expose, wants_gzip, wants_openmetrics

GZIP_LEVEL = 1
"""The exposition repeats itself: a higher level costs several times the CPU for little more."""


_DEFAULTS = CoreConfig()


class Exporter:
    """Renders what this worker owns at the moment of the scrape. Thread-safe: one scrape at a time."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        status: Callable[[], Status],
        build: Mapping[str, str] | None = None,
        refusals: Refusals | None = None,
        *,
        min_n: int = _DEFAULTS.compare_min_n,
        changelog: str = _DEFAULTS.topics.windows_changelog,
        csat_bands: tuple[int, int] = (60, 80),
        agent_gauges: bool = False,
    ) -> None:
        """``status`` gives the runtime's current one; the windows partitions in it are shown, what moved away is not.

        ``min_n``: fewer on either side, and a figure is not compared with that of the window before. ``changelog``: of the windows, to
        name what cannot be shown. ``csat_bands``: percents, poor under the first, good from the second. ``agent_gauges``: whether figures
        per agent are shown.
        """
        self._figures = FigureFamilies(metrics, min_n, agents=agent_gauges)
        self._unreadable = Unreadable(changelog)
        self._bands = band_families(metrics, csat_bands)
        self._status = status
        self._build = build_labels() if build is None else build
        self._refusals = refusals or Refusals()
        self._lock = threading.Lock()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the worker is not ready though its state is loaded: figures that the last scrape had to do without."""
        return self._unreadable.reasons

    def render(self, accept: str = "", accept_encoding: str = "") -> Rendered:
        """The exposition in the format and encoding that the request's headers ask for."""
        openmetrics = wants_openmetrics(accept)
        with self._lock:
            status = self._status()
            shown = [
                (part.partition, part.view)
                for part in status.parts.values()
                if isinstance(part.view, Snapshot)
            ]
            snapshots = [snapshot for _, snapshot in shown]
            clock_ms = min((one.now_ms for one in snapshots if one.now_ms >= 0), default=-1)
            figures = self._figures.render(snapshots)
            numbers = [partition for partition, _ in shown]
            self._unreadable.see(zip(numbers, self._figures.left_out, strict=True))
            ready = not (status.reasons or self._unreadable.reasons)
            families = [
                *figures,
                *self._bands,
                *suspect_families([one for snapshot in snapshots for one in snapshot.suspects]),
                *pipeline_families(status, clock_ms, self._build, self._refusals.counts(), ready=ready),
            ]
            body = expose(families, openmetrics=openmetrics).encode()
        content_type = OPENMETRICS if openmetrics else TEXT
        if wants_gzip(accept_encoding):
            return Rendered(content_type, "gzip", gzip.compress(body, GZIP_LEVEL, mtime=0))
        return Rendered(content_type, None, body)


def build_labels() -> dict[str, str]:
    """Labels of ``build_info``: versions of the program, Python and the two libraries it stands against."""
    found = {"python": platform.python_version()}
    for label, package in (
        ("version", "contact-centre-stream"),
        ("faust", "faust-streaming"),
        ("aiokafka", "aiokafka"),
    ):
        try:
            found[label] = version(package)
        except PackageNotFoundError:
            found[label] = "unknown"
    return found
