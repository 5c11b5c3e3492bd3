"""A window's figure as the CloudEvent ``metric.rollup``: same figure, same bytes, apart from revision and times."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

import orjson

from stream.core.config import CoreConfig
from stream.core.measure import Figure
from stream.core.metric import Metric
from stream.core.record import Output
from stream.core.window_store import Place

ROLLUP_TYPE: Final = "contact-centre.metric.rollup.v1"
HEADERS: Final = [("content-type", b"application/cloudevents+json")]

OPEN: Final = "open"
FINAL: Final = "final"
REVISED: Final = "revised"

_STATUS: Final = {status: f',"status":"{status}","revision":'.encode() for status in (OPEN, FINAL, REVISED)}

_dumps = orjson.dumps


def instant(time_ms: int) -> str:
    """``2026-11-05T12:34:56.789Z``."""
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def whole_second(minute: int) -> str:
    """``2026-11-05T12:34:00Z``, of a minute since the epoch."""
    return f"{datetime.fromtimestamp(minute * 60, UTC).isoformat()[:19]}Z"  # a fifth of what strftime takes


def rollup_key(profile: str, metric: str, segment: str, start: int, width: int) -> str:
    """Key of a rollup record, and prefix of its id. ``start`` and ``width`` in minutes."""
    return f"{profile}/{metric}/{segment}/{whole_second(start)}/{width * 60}"


class _WindowText:
    """What all rollups of one window have in common, rendered once."""

    __slots__ = ("key_tail", "text")

    def __init__(self, start: int, width: int) -> None:
        begins = whole_second(start)
        self.key_tail = f"/{begins}/{width * 60}".encode()
        self.text = (
            f',"window_start":"{begins}","window_end":"{whole_second(start + width)}","window_seconds":{width * 60}'
        ).encode()


class Rendered(NamedTuple):
    """A figure as all rollups that say the same of it have it, in whatever window and segment."""

    key_front: bytes
    head: bytes
    """From the metric's name up to the segment."""
    numbers: bytes


class RollupWriter:
    """Renders rollups; keeps what is constant per window, metric and flush."""

    def __init__(
        self,
        config: CoreConfig,
    ) -> None:
        self._topic = config.topics.rollups
        self._source = f"/{config.topics.app_id}"
        self._heads: dict[tuple[int, str], tuple[bytes, bytes]] = {}
        self._windows: dict[tuple[int, int], _WindowText] = {}
        self._middle = b""
        self._tail = b""
        self._key_tail = b""
        self._where = b""

    def begin(self, watermark_ms: int, now_ms: int) -> None:
        """The instant of the next rollups."""
        emitted = instant(now_ms)
        watermark = f'"{instant(watermark_ms)}"' if watermark_ms >= 0 else "null"
        self._middle = (
            f'","source":{_text(self._source)},"type":"{ROLLUP_TYPE}","time":"{emitted}",'
            '"datacontenttype":"application/json","data":{"metric":'
        ).encode()
        self._tail = f',"watermark":{watermark},"emitted_at":"{emitted}"}}}}'.encode()
        if len(self._windows) > 10_000:
            self._windows.clear()

    def render(self, metric: Metric, figure: Figure) -> Rendered:
        """A metric's figure, whose name may carry parameters."""
        head = self._heads.get((metric.id, figure.metric))
        if head is None:
            head = self._heads[metric.id, figure.metric] = (
                f"{metric.profile}/{figure.metric}/".encode(),
                f'{_text(figure.metric)},"profile":{_text(metric.profile)},'
                f'"definition_version":{metric.version},{_definition_labels(metric)}"segment":'.encode(),
            )
        numbers: dict[str, object] = {
            "n": figure.n,
            "value": figure.value,
            "unit": figure.unit,
            "parts": figure.parts,
            "low": figure.low,
            "high": figure.high,
        }
        if figure.quantiles is not None:
            numbers["quantiles"] = figure.quantiles
        numbers["excluded"] = figure.excluded
        return Rendered(*head, b"," + _dumps(numbers)[1:-1])

    def at(self, place: Place) -> None:
        """The window of the next rollups."""
        start, segment, width = place.start, place.segment, place.level.width
        window = self._windows.get((start, width))
        if window is None:
            window = self._windows[start, width] = _WindowText(start, width)
        self._key_tail = segment.raw + window.key_tail
        self._where = segment.labels_json + window.text

    def write(self, figure: Rendered, status: str, revision: int) -> Output:
        """One rollup."""
        key_front, head, numbers = figure
        key = key_front + self._key_tail
        number = b"%d" % revision
        value = b"".join(
            (
                b'{"specversion":"1.0","id":"',
                key,
                b"/",
                number,
                self._middle,
                head,
                self._where,
                _STATUS[status],
                number,
                numbers,
                self._tail,
            )
        )
        return Output(self._topic, None, key, value, HEADERS)


def _definition_labels(metric: Metric) -> str:
    """What tells a definition from others of its name and version."""
    labels = metric.labels
    return f'"definition_labels":{_dumps(dict(labels)).decode()},' if labels else ""


def _text(value: str) -> str:
    return _dumps(value).decode()
