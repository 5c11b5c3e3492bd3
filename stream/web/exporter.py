"""``/metrics``: snapshots and status in, one exposition out. Reads immutable values only, so it may run on any thread."""

import gzip
import threading
from collections.abc import Callable, Sequence

from stream.core.snapshot import Snapshot
from stream.metrics.base import Metric
from stream.web.figures import FigureFamilies
from stream.web.pipeline import PipelineStatus, pipeline_families
from stream.web.server import Rendered
from stream.web.text import OPENMETRICS, TEXT, expose, wants_gzip, wants_openmetrics

GZIP_LEVEL = 1
"""The exposition repeats itself: level 1 makes it 12 times smaller, level 6 takes five times the CPU for little more."""


class Exporter:
    """Renders what this worker owns at the moment of the scrape. Thread-safe: one scrape at a time."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        snapshots: Callable[[], Sequence[Snapshot]],
        status: Callable[[], PipelineStatus],
    ) -> None:
        """``snapshots`` gives those of the windows partitions owned now: what moved away is not shown any more."""
        self._figures = FigureFamilies(metrics)
        self._snapshots = snapshots
        self._status = status
        self._lock = threading.Lock()

    def render(self, accept: str = "", accept_encoding: str = "") -> Rendered:
        """The exposition in the format and encoding that the request's headers ask for."""
        openmetrics = wants_openmetrics(accept)
        with self._lock:
            snapshots = self._snapshots()
            clock_ms = min((snapshot.now_ms for snapshot in snapshots), default=-1)
            families = [*self._figures.render(snapshots), *pipeline_families(self._status(), clock_ms)]
            body = expose(families, openmetrics=openmetrics).encode()
        content_type = OPENMETRICS if openmetrics else TEXT
        if wants_gzip(accept_encoding):
            return Rendered(content_type, "gzip", gzip.compress(body, GZIP_LEVEL, mtime=0))
        return Rendered(content_type, None, body)
