"""From snapshots of the windows partitions to the ``contact_centre_`` families, cached per segment and window."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from stream.core.compare import Side
from stream.core.config import DEFAULT_PROFILE, window_label
from stream.core.impossible import raised_in
from stream.core.measure import SLOTS_PER_METRIC, Series
from stream.core.metric import Metric
from stream.core.snapshot import AlertSnapshot, SegmentSnapshot, Snapshot
from stream.web import comparisons
from stream.web.comparisons import Before
from stream.web.left_out import LeftOut
from stream.web.text import Family, FamilyType, label_names, labels, sample

PREFIX = "contact_centre_"
EXCLUDED = f"{PREFIX}excluded"
ALERT_STATE = f"{PREFIX}alert_state"
AGENT = "agent"
"""The label whose values are people: figures per it are personal data, and many series."""

RESERVED = (
    "window",
    "quantile",
    "metric",
    "reason",
    "alert",
    "severity",
    "le",
    "job",
    "instance",
    "scale",
    "direction",
    "within",
    "criterion",
    "profile",
)
"""Label names that the exporter or Prometheus itself uses: a segment label of this name is exposed as ``segment_<name>``."""

BREATHE_EVERY = 64
"""Segments between two pauses in which the event loop's thread can take the interpreter lock."""

_PAUSE_SECONDS = 0.00005


class _Declared:
    """A family as the registry declares it."""

    __slots__ = ("help", "name", "type")

    def __init__(self, name: str, kind: FamilyType, text: str) -> None:
        self.name = name
        self.type = kind
        self.help = text


class _WindowText:
    """Rendered lines of one segment's window: (family's index, lines), what is not among them, and the tallies that they show."""

    __slots__ = ("earlier", "left_out", "lines", "seen", "tally")

    def __init__(
        self,
        tally: Mapping[int, int],
        seen: frozenset[int],
        earlier: Before | None,
    ) -> None:
        self.tally = tally
        self.seen = seen
        self.earlier = earlier
        self.lines: list[tuple[int, str]] = []
        self.left_out: list[LeftOut] = []


class _SegmentText:
    __slots__ = ("labels", "windows")

    def __init__(self, label_text: str) -> None:
        self.labels = label_text
        self.windows: dict[int, _WindowText] = {}


class FigureFamilies:
    """Renders figures, live counts, exclusions and alerts. Not thread-safe: the exporter holds a lock.

    A tally that is the same as at the last scrape is not computed again, so a scrape costs what has changed. A segment's cached
    texts disappear with the segment.
    """

    def __init__(self, metrics: Sequence[Metric], min_n: int, *, agents: bool = False) -> None:
        """``min_n``: fewer on either side, and a comparison with the window before is not shown.

        ``agents``: whether figures per agent are shown. The states of alerts are always: a rule names its segments.
        """
        self._min_n = min_n
        self._agents = agents
        self._families: list[_Declared] = []
        self._readers: dict[int, tuple[Metric, list[tuple[int, list[tuple[str, Series]]]]]] = {}
        self._live: list[tuple[int, int, int | None, int]] = []
        index: dict[str, int] = {}
        summaries = {
            series.name for metric in metrics for series in metric.series if "quantile" in dict(series.labels)
        }
        for metric in metrics:
            grouped: dict[int, list[tuple[str, Series]]] = {}
            for series in metric.series:
                base = _summary_of(series.name, summaries)
                name = f"{PREFIX}{base or series.name}"
                if name not in index:
                    index[name] = len(self._families)
                    self._families.append(_Declared(name, "summary" if base else "gauge", series.help))
                elif series.name == base:  # the family's own name tells best what the family is
                    self._families[index[name]].help = series.help
                grouped.setdefault(index[name], []).append((f"{PREFIX}{series.name}", series))
            for (
                group
            ) in grouped.values():  # quantiles first, then _sum and _count, as both formats want a summary
                group.sort(key=lambda named: not named[1].labels)
            if grouped:
                self._readers[metric.id] = (metric, list(grouped.items()))
            for live in metric.live_series:
                count = len(self._families)
                self._families.append(_Declared(f"{PREFIX}{live.count_name}", "gauge", live.help))
                if live.age_name is not None:
                    text = f"{live.help}: seconds since the oldest began, to the pane's width"
                    self._families.append(_Declared(f"{PREFIX}{live.age_name}", "gauge", text))
                age = count + 1 if live.age_name is not None else None
                self._live.append((metric.slot(live.slot), count, age, metric.id))
        self._excluded = len(self._families)
        self._families.append(
            _Declared(EXCLUDED, "gauge", "Measures that a metric left out of the window, by reason")
        )
        self._compared = {}
        for one, text in comparisons.declared():
            self._compared[one] = len(self._families)
            self._families.append(_Declared(f"{PREFIX}{one}", "gauge", text))
        self._metrics = {metric.id: metric for metric in metrics}
        self._reasons = {metric.id: tuple(metric.reasons.items()) for metric in metrics}
        self._reserved = {
            *RESERVED,
            *(name for m in metrics for series in m.series for name, _ in series.labels),
        }
        self._profiles = _profile_labels(metrics)
        self._segments: dict[str, _SegmentText] = {}
        self.left_out: list[Counter[LeftOut]] = []
        """Of each snapshot last rendered: what could not be computed -> in how many windows of segments."""

    def render(self, snapshots: Sequence[Snapshot]) -> list[Family]:
        """All families with the samples of the given partitions; a segment shown by one partition only, as they own them."""
        lines: list[list[str]] = [[] for _ in self._families]
        kept: dict[str, _SegmentText] = {}
        since_pause = 0
        self.left_out = [Counter() for _ in snapshots]
        for snapshot, left_out in zip(snapshots, self.left_out, strict=True):
            for name, segment in snapshot.segments.items():
                if not self._agents and any(label == AGENT for label, _ in segment.labels):
                    continue
                text = self._segments.get(name)
                if text is None:
                    text = _SegmentText(_segment_labels(segment.labels, self._reserved))
                kept[name] = text
                self._add_windows(text, segment, lines, left_out)
                self._add_live(text, segment, snapshot.now_ms, lines)
                since_pause += 1
                if since_pause >= BREATHE_EVERY:
                    since_pause = 0
                    time.sleep(_PAUSE_SECONDS)
        self._segments = kept
        families = [
            Family(family.name, family.type, family.help, rendered)
            for family, rendered in zip(self._families, lines, strict=True)
        ]
        alerts = (alert for snapshot in snapshots for alert in snapshot.alerts)
        families.append(_alerts(alerts, self._reserved))
        return families

    def _add_windows(
        self,
        text: _SegmentText,
        segment: SegmentSnapshot,
        lines: list[list[str]],
        left_out: Counter[LeftOut],
    ) -> None:
        cached = text.windows
        if len(cached) > len(segment.windows):
            text.windows = cached = {window: cached[window] for window in segment.windows if window in cached}
        nothing: frozenset[int] = frozenset()
        for window_ms, tally in segment.windows.items():
            seen = segment.seen.get(window_ms, nothing)
            window = cached.get(window_ms)
            earlier = _earlier(window, segment.before.get(window_ms))
            if (
                window is None
                or window.seen != seen
                or window.earlier is not earlier
                or (window.tally is not tally and window.tally != tally)
            ):
                label_text = f'{text.labels},window="{window_label(window_ms)}"'
                window = cached[window_ms] = _WindowText(tally, seen, earlier)
                self._window(label_text, window)
            for index, rendered_lines in window.lines:
                lines[index].append(rendered_lines)
            if window.left_out:
                left_out.update(window.left_out)

    def _window(self, label_text: str, window: _WindowText) -> None:
        own: dict[int, dict[int, int]] = {metric_id: {} for metric_id in sorted(window.seen)}
        for slot, amount in window.tally.items():
            metric_id, own_slot = divmod(slot, SLOTS_PER_METRIC)
            slots = own.get(metric_id)
            if slots is None:
                slots = own[metric_id] = {}
            slots[own_slot] = amount
        excluded: list[str] = []
        for metric_id, slots in own.items():
            metric = self._metrics.get(metric_id)
            if metric is None:  # a metric that is no longer selected
                continue
            labelled = label_text + self._profiles[metric_id]
            for reason_slot, reason in self._reasons[metric_id]:
                number = slots.get(reason_slot)
                if number:
                    pairs = f'{labelled},metric="{metric.name}",reason="{reason}"'
                    excluded.append(f"{EXCLUDED}{{{pairs}}} {number}\n")
            if metric_id in self._readers:
                try:
                    self._figure(metric_id, labelled, slots, window)
                except (
                    Exception
                ) as exc:  # sums that cannot be may raise whatever there is: the other figures are sound
                    window.left_out.append(LeftOut(metric.full_name, raised_in(exc)))
        if excluded:
            window.lines.append((self._excluded, "".join(excluded)))

    def _figure(self, metric_id: int, label_text: str, slots: Mapping[int, int], window: _WindowText) -> None:
        """Add a metric's figures, and then what they are beside those before: each of both whole or not at all."""
        metric, readers = self._readers[metric_id]
        figures = metric.figures(slots)
        result: list[tuple[int, str]] = []
        for index, group in readers:
            rendered: list[str] = []
            for name, series in group:
                for figure in figures:
                    value = series.read(figure)
                    if value is not None:
                        extra = f"{label_text},{labels(series.labels)}" if series.labels else label_text
                        rendered.append(sample(name, extra, value))
                        break  # a series that two figures could give is exposed once
            if rendered:
                result.append((index, "".join(rendered)))
        window.lines += result
        if window.earlier is not None:
            sides = Side(metric, slots, figures), window.earlier.side(metric)
            told = list(comparisons.lines(PREFIX, label_text, *sides, self._min_n))
            window.lines += [(self._compared[name], line) for name, line in told]

    def _add_live(
        self, text: _SegmentText, segment: SegmentSnapshot, now_ms: int, lines: list[list[str]]
    ) -> None:
        live = segment.live
        for slot, count_index, age_index, metric_id in self._live:
            found = live.get(slot)
            if found is None:
                continue
            count, oldest_ms = found
            profile = self._profiles[metric_id]
            family = self._families[count_index]
            lines[count_index].append(f"{family.name}{{{text.labels}{profile}}} {count}\n")
            if age_index is not None and count > 0 and oldest_ms >= 0 and now_ms >= 0:
                name = self._families[age_index].name
                lines[age_index].append(
                    f"{name}{{{text.labels}{profile}}} {max(0, now_ms - oldest_ms) / 1000}\n"
                )


def _earlier(window: _WindowText | None, before: Mapping[int, int] | None) -> Before | None:
    """The window before, as it has been read if it is still the same."""
    known = window.earlier if window is not None else None
    if before is None:
        return None
    if known is not None and (known.tally is before or known.tally == before):
        return known
    return Before(before)


def _profile_labels(metrics: Sequence[Metric]) -> dict[int, str]:
    """Metric id -> what is added to its labels: nothing as long as all are by the program's own definitions."""
    told = any(metric.profile != DEFAULT_PROFILE for metric in metrics)
    return {metric.id: f',profile="{metric.profile}"' if told else "" for metric in metrics}


def _summary_of(name: str, summaries: Collection[str]) -> str | None:
    if name in summaries:
        return name
    base = name.removesuffix("_sum").removesuffix("_count")
    return base if base in summaries and name in {f"{base}_sum", f"{base}_count"} else None


def _segment_labels(pairs: Sequence[tuple[str, str]], reserved: Collection[str]) -> str:
    names = label_names((name for name, _ in pairs), reserved)
    return labels((names[name], value) for name, value in pairs)


def _alerts(alerts: Iterable[AlertSnapshot], reserved: Collection[str]) -> Family:
    lines: list[str] = []
    for alert in alerts:
        own = labels((("alert", alert.name), ("severity", alert.severity)))
        segment = _segment_labels(alert.labels, reserved)
        lines.append(sample(ALERT_STATE, f"{own},{segment}" if segment else own, int(alert.firing)))
    return Family(
        ALERT_STATE, "gauge", "1 while the alert rule fires on the segment, 0 while it does not", lines
    )
