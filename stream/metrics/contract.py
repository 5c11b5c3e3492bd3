"""What every metric owes to those that read it: the program's own are tested for it, those of other packages when it starts."""

import re
from collections.abc import Callable
from typing import Final

from stream.core.config import CoreConfig
from stream.core.entity import KINDS
from stream.core.measure import GONE, GONE_SLOT, LABEL_NAMES, Figure
from stream.core.metric import Metric

UNITS: Final = ("ratio", "seconds", "points", "score", "count", "minor")
"""Those of the rollup event."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED_ENDINGS = ("_total", "_bucket", "_info")
_BEGINNING = re.compile(r"[A-Z0-9(]")
_LEAST_WORDS = {"definition": 8, "null_rule": 3, "help": 2}
_WHEN = re.compile(r"(Null|No sample) (without \w|(where|of|unless|until|while) \w+ \w)")
_NAMED_SOURCE = re.compile(r"https://\w[\w.-]+\.\w+/?\S*|[A-Z]\w+\W.*\b(18|19|20)\d\d\b|Ours: (\S+\s+){3}\S+")
"""An address, a name with the year of its publication, or our own with the reason, in four words at least."""


def lacks(metric: Metric, config: CoreConfig) -> list[str]:
    """What a metric lacks, a few words each; empty for a whole one. Raises whatever its own functions raise."""
    found = [
        *(f"its {field} is not written as a name (a-z, 0-9, _)" for field in _misnamed(metric)),
        *(f"it has no {field}" for field in _blank(metric)),
        *(f"its {field} is no sentence with a full stop" for field in _unfinished(metric)),
    ]
    if metric.null_rule.strip() and not _WHEN.match(metric.null_rule):
        found.append("its null_rule does not begin with when that is, as in: Null where nothing was sent")
    if metric.source.strip() and not _NAMED_SOURCE.search(metric.source):
        found.append(
            "its source is neither an address (https://...), nor a publication with its year, nor 'Ours: ' with the reason"
        )
    if metric.unit not in UNITS:
        found.append(f"its unit {metric.unit!r} is none of {', '.join(UNITS)}")
    if metric.version < 1:
        found.append("its version is below 1")
    reasons = [reason for reason in metric.excluded_reasons if reason is not None]
    if len({*reasons, *GONE}) != len(reasons) + len(GONE) or len(metric.excluded_reasons) > GONE_SLOT:
        found.append(
            f"its excluded_reasons are not up to {GONE_SLOT} different ones, beside {', '.join(GONE)} of every metric about tickets"
        )
    kind = next(kind for kind in KINDS if kind.entity == metric.entity)
    groups = frozenset[str]().union(*kind.groups_of.values())
    if not metric.reads <= groups:
        found.append(f"it reads {', '.join(sorted(metric.reads - groups))}: no groups of facts")
    if not metric.reads >= kind.always:
        found.append("it does not read ALWAYS, which decides where a measure counts")
    if metric.measures(kind.new(), config):
        found.append("it measures a ticket of which nothing is known")
    return found + _series_lack(metric) + ([] if metric.live else _figures_lack(metric))


def _misnamed(metric: Metric) -> list[str]:
    reasons = [reason for reason in metric.excluded_reasons if reason is not None]
    named = {"name": [metric.name], "excluded_reasons": reasons}
    return [field for field, names in named.items() if not all(map(_NAME.fullmatch, names))]


def _blank(metric: Metric) -> list[str]:
    texts = ("title", "definition", "source", "null_rule")
    return [field for field in texts if not getattr(metric, field).strip()]


def _unfinished(metric: Metric) -> list[str]:
    texts = ("definition", "null_rule")
    return [field for field in texts if not _is_sentence(getattr(metric, field), _LEAST_WORDS[field])]


def _is_sentence(text: str, least_words: int) -> bool:
    return bool(_BEGINNING.match(text)) and text.rstrip().endswith(".") and len(text.split()) >= least_words


def _series_lack(metric: Metric) -> list[str]:
    found = []
    if metric.live != bool(metric.live_series) or metric.live == bool(metric.series):
        found.append("it has neither series nor live_series, or those of the other kind")
    named = [(series.name, series.help) for series in metric.series]
    named += [(live.count_name, live.help) for live in metric.live_series]
    for name, text in named:
        if not _NAME.fullmatch(name) or name.endswith(_RESERVED_ENDINGS):
            found.append(f"its series {name!r} is no name for a gauge")
        if not _is_sentence(text, _LEAST_WORDS["help"]):
            found.append(f"the help of its series {name} is no sentence with a full stop")
    own = {name for series in metric.series for name, _ in series.labels}
    if own & {"window", *LABEL_NAMES}:
        found.append(f"its series have labels that segments have: {', '.join(sorted(own))}")
    return found


def _figures_lack(metric: Metric) -> list[str]:
    found = []
    empty = metric.figures({})
    names = [figure.metric for figure in empty]
    if not names or len(set(names)) != len(names):
        found.append("it has no figures of an empty window, or two of one name")
    for figure in empty:
        if figure.metric != metric.name and not figure.metric.startswith(f"{metric.name}_"):
            found.append(f"its figure {figure.metric!r} does not begin with its name")
        if figure.unit != metric.unit or not _says_nothing(figure):
            found.append(f"its figure {figure.metric} of an empty window is not empty, or of another unit")
        if any(series.read(figure) not in (None, 0) for series in metric.series):
            found.append(f"a series reads a value from its figure {figure.metric} of an empty window")
    told = {reason: slot + 1 for slot, reason in metric.reasons.items()}
    left_out = metric.figures({slot: slot + 1 for slot in metric.reasons})
    if not left_out or left_out[0].excluded != told:
        found.append("its first figure does not say what was excluded, by reason")
    found += [
        f"its figure {figure.metric} says another thing of what was excluded than the first"
        for figure in left_out[1:]
        if figure.excluded not in ({}, told)
    ]
    return found


_EMPTY: Final[tuple[Callable[[Figure], object], ...]] = (
    lambda figure: figure.n,
    lambda figure: figure.value is not None,
    lambda figure: figure.low is not None or figure.high is not None,
    lambda figure: figure.excluded,
    lambda figure: any(value is not None for value in (figure.quantiles or {}).values()),
)


def _says_nothing(figure: Figure) -> bool:
    return not any(says(figure) for says in _EMPTY)
