"""How the demo looks: one live table, the last alerts, and the addresses to go on from."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stream.demo.figures import DURATIONS, WHOLE, Alert, Figures
from stream.demo.simulation import TENANT as SIMULATED
from stream.gateway.helpdesk_csv import TENANT as HELPDESK

COLUMNS = (
    (HELPDESK, "30d", "help desk (real)", "last 30 days"),
    (HELPDESK, WHOLE, "help desk (real)", "all so far"),
    (SIMULATED, "24h", "simulated", "last 24 hours"),
    (SIMULATED, "30d", "simulated", "last 30 days"),
)
"""Tenant, window, and how they are titled."""
Columns = Sequence[tuple[str, str, str, str]]
SHORT: Columns = COLUMNS[1:3]
"""What a low terminal has room for, and where live counts stand."""

ALARMED = (SIMULATED, "24h")
"""Tenant and window of the alert."""

NONE = "–"
ALERTS_SHOWN = 4
LEGEND = "CSAT and NPS with n and 95 % interval; times as mean / median with n; – is nothing measured"

WEAKER = "an embedded broker in memory: weaker guarantees than with Apache Kafka"


class Frame:
    """What one picture of the screen is made of."""

    def __init__(self) -> None:
        self.figures = Figures("")
        self.alerts: list[Alert] = []
        self.phase = "starting the broker and the worker"
        self.events_per_second = 0.0
        self.progress = 0.0
        """Share of the replayed time, 0 to 1."""
        self.metrics_url = ""
        self.broker = ""
        """Where its Kafka listens, while it runs."""
        self.footer = "Ctrl-C stops it"
        self._counts: deque[tuple[float, int]] = deque(maxlen=12)

    def seen(self, at: float, events: int) -> None:
        """Note a count at a moment (seconds): the rate is that of the last few."""
        self._counts.append((at, events))
        (first, before), (last, now) = self._counts[0], self._counts[-1]
        self.events_per_second = (now - before) / (last - first) if last > first else 0.0


def duration(seconds: float | None) -> str:
    """A time for people: ``42 s``, ``3.2 min``, ``13.0 h``, ``9.4 d``."""
    if seconds is None:
        return NONE
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.1f} min"
    if seconds < 100 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"


def csat(figures: Figures, tenant: str, window: str) -> str:
    """Share, number of answers and 95 % interval."""
    value = figures.value(tenant, window, "csat_ratio")
    if value is None:
        return NONE
    low, high = (figures.value(tenant, window, f"csat_{end}_ratio") or 0.0 for end in ("low", "high"))
    answers = int(figures.value(tenant, window, "csat_answers") or 0)
    return f"{value:.1%} n={answers:,} [{100 * low:.0f}–{100 * high:.0f}]"


def nps(figures: Figures, tenant: str, window: str) -> str:
    """Points and number of answers."""
    found = figures.as_json(tenant, window)["nps"]
    if found["points"] is None:
        return NONE
    interval = "" if found["low"] is None else f" [{found['low']:+.0f} .. {found['high']:+.0f}]"
    return f"{found['points']:+.0f} n={found['n']:,}{interval}"


def spread(figures: Figures, tenant: str, window: str, metric: str) -> str:
    """Mean, median and number of a duration."""
    middle = DURATIONS[metric]
    mean = figures.value(tenant, window, f"{middle}_seconds_mean")
    if mean is None:
        return NONE
    median = figures.value(tenant, window, f"{middle}_seconds", "0.5")
    number = int(figures.value(tenant, window, f"{middle}_seconds_count") or 0)
    left, right = duration(mean), duration(median)
    unit = right.rpartition(" ")[2]
    left = left.removesuffix(f" {unit}")  # a unit that both have is written once
    return f"{left} / {right} n={number:,}"


def waiting(figures: Figures, tenant: str, count: str, age: str | None) -> str:
    """A live count and the age of its oldest."""
    number = figures.value(tenant, "", count)
    if number is None:
        return NONE
    oldest = figures.value(tenant, "", age) if age else None
    return f"{number:,.0f}" if oldest is None else f"{number:,.0f}, oldest {duration(oldest)}"


def rows(figures: Figures, columns: Columns = COLUMNS) -> list[tuple[str, list[str]]]:
    """Title of each line and its cells, one per column."""
    table: list[tuple[str, list[str]]] = [
        ("CSAT", [csat(figures, tenant, window) for tenant, window, _, _ in columns]),
        ("NPS", [nps(figures, tenant, window) for tenant, window, _, _ in columns]),
    ]
    for title, metric in (
        ("First reply", "first_reply_time"),
        ("Reply", "reply_time"),
        ("Queue wait", "queue_wait_time"),
    ):
        cells = [spread(figures, tenant, window, metric) for tenant, window, _, _ in columns]
        table.append((title, cells))
    for title, count, age in (
        ("Open now", "tickets_open", None),
        ("Unanswered now", "tickets_unanswered", "oldest_unanswered_age_seconds"),
        ("In queues now", "queue_waiting", "oldest_waiting_age_seconds"),
    ):
        cells = [
            waiting(figures, tenant, count, age) if one in SHORT else ""
            for one in columns
            for tenant in one[:1]
        ]
        table.append((title, cells))
    return table


def clock_text(figures: Figures) -> str:
    """The event clock: where the replay has come to."""
    if figures.clock_seconds is None:
        return "no event yet"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=figures.clock_seconds)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def alert_text(alert: Alert) -> Text:
    """One line of the alerts topic."""
    firing = alert.state == "firing"
    value = NONE if alert.value is None else f"{alert.value:.1%}"
    return Text.assemble(
        (f"{alert.at[:16].replace('T', ' ')}  ", "dim"),
        ("FIRING   " if firing else "resolved ", "bold red" if firing else "bold green"),
        f"{alert.rule}  tenant {alert.tenant}: CSAT {value} of n={alert.n:,} (threshold {alert.threshold:.0%})",
    )


def figures_table(figures: Figures, columns: Columns = COLUMNS) -> Table:
    """The figures of both tenants side by side."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("", min_width=14)
    for tenant, _, title, window in columns:
        style = "magenta" if tenant == SIMULATED else "cyan"
        table.add_column(
            Text.assemble((title, f"bold {style}"), "\n", (window, style)), overflow="fold", ratio=1
        )
    alarmed = figures.firing.get(SIMULATED, False)
    day = next(place for place, column in enumerate(columns) if column[:2] == ALARMED)
    for title, cells in rows(figures, columns):
        shown = [Text(cell, style="dim" if cell == NONE else "") for cell in cells]
        if title == "CSAT" and alarmed:
            shown[day].stylize("bold white on red")
        table.add_row(Text(title, style="bold"), *shown)
    return table


def fitting(console: Console, frame: Frame) -> RenderableType:
    """The whole screen, or what matters most of it where the terminal is too low for all."""
    whole = render(frame)
    lines = console.render_lines(whole, pad=False)
    return whole if len(lines) < console.height else render(frame, short=True)


def render(frame: Frame, *, short: bool = False) -> RenderableType:
    """The whole screen; ``short``: what 24 lines of 80 characters have room for."""
    figures = frame.figures
    head = Table.grid(expand=True)
    head.add_column(ratio=1)
    head.add_column(justify="right")
    done = f"{figures.events:,} events applied   {frame.events_per_second:,.0f}/s"
    head.add_row(
        Text.assemble("event time ", (clock_text(figures), "bold yellow")),
        Text(done if short else f"{done}   {frame.phase}"),
    )
    alerts: Sequence[Text] = [alert_text(alert) for alert in frame.alerts[-1 if short else -ALERTS_SHOWN :]]
    firing = any(figures.firing.values())
    state = Text("FIRING" if firing else "quiet", style="bold white on red" if firing else "green")
    foot = Text.assemble(("simulated", "magenta"), " = made up from a fixed seed", overflow="fold")
    if not short:
        foot.append_text(
            Text.assemble(
                "; ",
                ("help desk", "cyan"),
                f" = real comments (Help Desk Tickets, M. Abdellatif, CC BY 4.0)\n{LEGEND}",
            )
        )
    foot.append_text(
        Text.assemble(
            "\nfigures read from ",
            (frame.metrics_url or "…", "underline"),
            f"   {frame.footer}\n",
            WEAKER if short else f"Kafka, rollups and all: {frame.broker or '…'}, {WEAKER}",
        )
    )
    return Panel(
        Group(
            head,
            ProgressBar(total=1.0, completed=frame.progress, complete_style="yellow", finished_style="green"),
            figures_table(figures, SHORT if short else COLUMNS),
            Text.assemble(("Alert csat_low: CSAT < 80 %, n >= 100, 24 hours   ", "bold"), state),
            *(alerts or [Text("no alert so far", style="dim")]),
            *([] if short else [Text("")]),
            foot,
        ),
        title="[bold]contact-centre-stream[/] live demo",
        border_style="blue",
    )


def plain_line(frame: Frame) -> str:
    """The same in one line, for a log."""
    figures = frame.figures
    alert = "FIRING" if any(figures.firing.values()) else "quiet"
    return (
        f"{clock_text(figures)}  {figures.events:,} events ({frame.events_per_second:,.0f}/s)  "
        f"help desk first reply, all: {spread(figures, HELPDESK, WHOLE, 'first_reply_time')}  "
        f"simulated CSAT, 24 h: {csat(figures, SIMULATED, '24h')}  alert {alert}"
    )


def final_tables(frame: Frame) -> RenderableType:
    """What ``--once`` prints: the figures as they ended and the alerts on the way."""
    alerts = [alert_text(alert) for alert in frame.alerts] or [Text("no alert", style="dim")]
    figures = frame.figures
    outcomes = ", ".join(f"{number:,} {name}" for name, number in sorted(figures.outcomes.items()))
    return Group(
        Text(f"Event time {clock_text(figures)}; events: {outcomes}"),
        figures_table(figures),
        Text(f"{LEGEND}\nKafka was {WEAKER}\n", style="dim"),
        Text("Alerts", style="bold"),
        *alerts,
    )
