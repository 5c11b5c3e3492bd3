"""A segment of one windows partition: its name in every form that is needed, and what has come in for it."""

from urllib.parse import unquote

import orjson

Tallies = dict[int, dict[int, int]]
"""Minute -> slot -> sum."""


def segment_labels(name: str) -> dict[str, str]:
    """The pairs of a segment's name, in its order; see :func:`stream.core.delta.segment_name`."""
    return {
        unquote(label): unquote(value)
        for label, _, value in (pair.partition("=") for pair in name.split("&"))
    }


class Segment:
    """One segment: its name in the forms that are needed again and again, and what has come in since the last settling."""

    __slots__ = ("extra", "labels", "labels_json", "name", "pending", "raw", "windows")

    def __init__(self, name: str) -> None:
        self.name = name
        self.raw = name.encode()
        self.labels = segment_labels(name)
        self.labels_json = orjson.dumps(self.labels)
        self.pending: Tallies = {}
        """By minute, for every level."""
        self.extra: dict[int, Tallies] = {}
        """Level -> by start: what was too late for some other level."""
        self.windows = 0
        """Rows in the index."""
