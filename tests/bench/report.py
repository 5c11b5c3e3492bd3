"""The benchmark's table and its picture."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCUMENT = DEPLOY / "performance.md"
PICTURE = DEPLOY / "images" / "bench.svg"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

BAR_PX, ROW_PX, LEFT_PX, WIDTH_PX = 16, 26, 290, 760


class Row(NamedTuple):
    """One contender: medians over the rounds, and ``spread`` the lowest and highest CPU figure."""

    name: str
    events: int
    cpu_seconds_per_million: float
    spread: tuple[float, float]
    times_raw: float
    events_per_second: float
    peak_rss_bytes: int


def cores() -> str:
    """How many processors this process may use."""
    return f"{len(os.sched_getaffinity(0))} cores"


def minute_of(text: str) -> int:
    """Minutes since the epoch of an RFC 3339 time."""
    return int(datetime.fromisoformat(text).timestamp()) // 60


def table(stream: str, rows: Sequence[Row]) -> str:
    """A Markdown table of one stream."""
    lines = [
        f"| {stream} | events | CPU s per million (range) | times raw | events/s | peak RSS |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name} | {row.events:,} | {row.cpu_seconds_per_million:.1f} ({row.spread[0]:.1f}-{row.spread[1]:.1f}) | "
        f"{row.times_raw:.1f} | {row.events_per_second:,.0f} | {row.peak_rss_bytes / 2**20:.0f} MiB |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def picture(rows: Sequence[Row]) -> str:
    """CPU seconds per million events as bars, on a scale of square roots: the slowest would hide the others."""
    most = max(row.cpu_seconds_per_million for row in rows) ** 0.5
    height = ROW_PX * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<text x="{LEFT_PX}" y="18" fill="#555">CPU seconds per million events (bars grow with the square root)</text>',
    ]
    for number, row in enumerate(rows):
        top = 30 + number * ROW_PX
        width = (WIDTH_PX - LEFT_PX - 70) * row.cpu_seconds_per_million**0.5 / most
        parts += [
            f'<text x="{LEFT_PX - 8}" y="{top + 13}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect x="{LEFT_PX}" y="{top}" width="{width:.0f}" height="{BAR_PX}" fill="#3b7dd8"/>',
            f'<text x="{LEFT_PX + width + 6:.0f}" y="{top + 13}">{row.cpu_seconds_per_million:.1f}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(tables: Mapping[str, Sequence[Row]], arguments: Sequence[str]) -> None:
    """Put the tables between the marks of the document, and the picture beside it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    command = f"`python -m tests.bench {' '.join(arguments)}`, {cores()}\n"
    body = "\n".join([command, *(table(stream, rows) for stream, rows in tables.items())])
    DOCUMENT.write_text(f"{before}{BEGIN}\n{body}{END}{after}", encoding="utf-8")
    PICTURE.write_text(picture(next(iter(tables.values()))), encoding="utf-8")
