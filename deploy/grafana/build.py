"""Writes the dashboard ``deploy/grafana/dashboards/service-quality.json``.

``python -m deploy.grafana.build`` writes, ``--check`` only compares (exit 1 when the file is not what the code says).

Every query of a figure reads the one series of the chosen segment. "All" for team or channel means the series that is
aggregated over it, never a sum or an average of several.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from deploy.grafana.panels import DATASOURCE, Line, Panel, by_label, listing, number, over_time
from deploy.prometheus.build import recorded
from stream.metrics import METRICS
from stream.metrics.business import TITLE_SUFFIX as SUFFIX
from stream.metrics.profiles import BY_NAME as PROFILES
from stream.web.figures import PREFIX
from stream.web.pipeline import PREFIX as PIPELINE

FILE = Path(__file__).with_name("dashboards") / "service-quality.json"

SEGMENT = 'tenant="$tenant", team=~"$team", channel=~"$channel", queue=""'
TEAMS = 'tenant="$tenant", team!="", channel=~"$channel", queue=""'
QUEUES = 'tenant="$tenant", team="", channel="", queue!=""'
WINDOW = 'window="$window"'
PROFILE = 'profile=~"$profile"'
OWN_PROFILE = 'profile=~"|default"'
"""Live counts have no other; there is no label unless another profile runs."""
AGGREGATED = "^$"
"""Value of "All": the label is absent."""

GOOD_AND_POOR = ((None, "red"), (0.60, "orange"), (0.80, "green"))
"""The bands of the metric definitions: poor under 60 %, good from 80 %."""


def figure(series: str, labels: str = SEGMENT, window: bool = True, more: str = "") -> str:
    """The query of one series of the business, named without the prefix."""
    asked = (labels, WINDOW if window else "", PROFILE if window else OWN_PROFILE, more)
    inside = ", ".join(part for part in asked if part)
    return f"{recorded(PREFIX + series)}{{{inside}}}"


OPTIONAL = "Computed where STREAM_METRICS names it."


class Row(NamedTuple):
    """A titled row and its panels."""

    title: str
    panels: list[Panel]


def satisfaction() -> Row:
    """CSAT, NPS, mean score, response."""
    csat = Line(figure("csat_ratio"), "CSAT", "percentunit")
    csat_interval = (
        Line(figure("csat_low_ratio"), "95 % interval from", "percentunit"),
        Line(figure("csat_high_ratio"), "to", "percentunit"),
    )
    csat_n = Line(figure("csat_answers"), "answers")
    nps = Line(figure("nps"), "NPS")
    nps_interval = (
        Line(figure("nps_low"), "95 % interval from", "none"),
        Line(figure("nps_high"), "to", "none"),
    )
    nps_n = Line(
        " + ".join(figure(f"nps_{part}") for part in ("promoters", "passives", "detractors")), "answers"
    )
    return Row(
        "Satisfaction",
        [
            number(
                "CSAT",
                "Good answers / answers in the window. Good = the top of the survey's own scale.",
                csat,
                [*csat_interval, csat_n],
                bands=GOOD_AND_POOR,
                decimals=1,
            ),
            over_time(
                "CSAT over time",
                "At every moment the figure of the window that ends there, with its 95 % interval (Wilson) and its number of answers.",
                [csat],
                band=csat_interval,
                counts=[csat_n],
                soft_max=1,
            ),
            number(
                "NPS",
                "Promoters (9, 10) minus detractors (0 to 6), in percent of the answers: -100 to 100.",
                nps,
                [*nps_interval, nps_n],
                decimals=0,
            ),
            over_time(
                "NPS over time",
                "With its 95 % interval and its number of answers.",
                [nps],
                band=nps_interval,
                counts=[nps_n],
            ),
            by_label(
                "CSAT by team",
                "With the interval and the number of answers: teams whose intervals overlap may not differ at all.",
                "team",
                [
                    Line(by("team", figure("csat_ratio", TEAMS)), "CSAT", "percentunit"),
                    Line(by("team", figure("csat_low_ratio", TEAMS)), "from", "percentunit"),
                    Line(by("team", figure("csat_high_ratio", TEAMS)), "to", "percentunit"),
                    Line(by("team", figure("csat_answers", TEAMS)), "answers"),
                ],
                width=12,
            ),
            number(
                "Survey response",
                "Answered / sent, for surveys sent in the window. Answers whose sending is not known are not in it.",
                Line(figure("survey_response_ratio"), "response", "percentunit"),
                [
                    Line(figure("survey_response_answered"), "answered"),
                    Line(figure("survey_response_sent"), "sent"),
                    Line(figure("survey_response_answered_without_sent"), "not known to be sent"),
                ],
                decimals=1,
            ),
            number(
                "Mean score",
                "Of all scales, rescaled: 0 % is the worst score everywhere, 100 % the best.",
                Line(figure("csat_mean_ratio"), "mean", "percentunit"),
                [Line(figure("csat_mean_answers"), "answers")],
                decimals=1,
            ),
            by_label(
                "Mean score by scale",
                "On the survey's own scale: scores of different scales are never mixed.",
                "scale",
                [
                    Line(by("scale", figure("csat_mean_score")), "mean score", "none"),
                    Line(by("scale", figure("csat_mean_score_answers")), "answers"),
                ],
                width=12,
            ),
            by_label(
                "Customer effort by scale",
                "Mean effort score on the survey's own scale; the direction says which end is good (STREAM_CES_DIRECTION). "
                + OPTIONAL,
                "scale",
                [
                    Line(by("scale, direction", figure("ces_score")), "mean score", "none"),
                    Line(by("scale, direction", figure("ces_score_answers")), "answers"),
                ],
                width=12,
            ),
            number(
                "Quality score",
                f"Weighted mean of what reviewers gave, for reviews made in the window. {OPTIONAL}",
                Line(figure("quality_score_ratio"), "quality", "percentunit"),
                [Line(figure("quality_score_reviews"), "reviews")],
                decimals=1,
            ),
            by_label(
                "Quality by criterion",
                "Mean of score / max, of the criteria that STREAM_QUALITY_CRITERIA names.",
                "criterion",
                [
                    Line(by("criterion", figure("quality_criterion_ratio")), "score", "percentunit"),
                    Line(by("criterion", figure("quality_criterion_reviews")), "reviews"),
                ],
                width=12,
            ),
        ],
    )


def by(label: str, expr: str) -> str:
    """Keeps one label of a query that gives one series per value of it."""
    return f"max by ({label}) ({expr})"


def duration(title: str, description: str, series: str) -> list[Panel]:
    """Mean, median and 95th percentile, and how they went."""
    base = f"{series}_seconds"
    mean = Line(figure(f"{base}_mean"), "mean", "s")
    n = Line(figure(f"{base}_count"), "n")
    median, high = (
        Line(figure(base, more=f'quantile="{q}"'), name, "s")
        for q, name in (("0.5", "median"), ("0.95", "p95"))
    )
    every = [
        Line(figure(base, more=f'quantile="{q}"'), name, "s")
        for q, name in (("0.5", "median"), ("0.9", "p90"), ("0.95", "p95"), ("0.99", "p99"))
    ]
    return [
        number(title, description, median, [mean, high, n], decimals=1),
        over_time(f"{title} over time", description, [*every, mean], counts=[n]),
    ]


def replies() -> Row:
    """First reply and every reply."""
    return Row(
        "Replies",
        [
            *duration(
                "First reply",
                "From a ticket's creation to the first public reply of a human agent, for first replies given in the window.",
                "first_reply",
            ),
            *duration(
                "Reply",
                "From the first unanswered message of the customer to the next public reply of a human agent, one per wait.",
                "reply",
            ),
            shares_by(
                "First reply within",
                "First replies within the target / first replies, for first replies given in the window.",
                "within",
                "first_reply_within",
                (("replies", "first replies"), ("in_time", "in time")),
            ),
            by_label(
                "Bots counted as agents",
                "Authors who look like it, by their key: first replies in the newest days, and first reply time with and without them. "
                "What to do: the runbook, ContactCentreSuspectedBot.",
                "author",
                [
                    Line(by("author", suspected(one)), name, unit)
                    for one, name, unit in (
                        ("first_replies", "first replies", "short"),
                        ("ratio", "of all", "percentunit"),
                        ("seconds_mean", "mean", "s"),
                        ("seconds_count", "n", "short"),
                        ("without_seconds_mean", "mean without", "s"),
                        ("without_seconds_count", "n without", "short"),
                    )
                ],
                width=12,
            ),
        ],
    )


def suspected(series: str) -> str:
    """The query of one series of suspected bots: of the tenant, whatever the window."""
    return figure(f"suspected_bot_{series}", 'tenant="$tenant"', window=False)


def one_duration(title: str, description: str, series: str) -> Panel:
    """Median with mean, 95th percentile and n."""
    return duration(title, f"{description} {OPTIONAL}", series)[0]


def share(title: str, description: str, series: str, counts: tuple[tuple[str, str], ...]) -> Panel:
    """A share with its interval and its counts: (series without the prefix, what it is called)."""
    return number(
        title,
        f"{description} {OPTIONAL}",
        Line(figure(f"{series}_ratio"), title.lower(), "percentunit"),
        [
            Line(figure(f"{series}_low_ratio"), "95 % interval from", "percentunit"),
            Line(figure(f"{series}_high_ratio"), "to", "percentunit"),
            *(Line(figure(f"{series}_{count}"), name) for count, name in counts),
        ],
        decimals=1,
    )


def shares_by(
    title: str, description: str, label: str, series: str, counts: tuple[tuple[str, str], ...]
) -> Panel:
    """As :func:`share`, one row per value of a label of the metric's own."""
    return by_label(
        title,
        f"{description} {OPTIONAL}",
        label,
        [
            Line(by(label, figure(f"{series}_ratio")), "share", "percentunit"),
            Line(by(label, figure(f"{series}_low_ratio")), "95 % interval from", "percentunit"),
            Line(by(label, figure(f"{series}_high_ratio")), "to", "percentunit"),
            *(Line(by(label, figure(f"{series}_{count}")), name) for count, name in counts),
        ],
        width=12,
    )


def resolution() -> Row:
    """Solving, and what it took; metrics that are not computed unless STREAM_METRICS names them."""
    return Row(
        "Resolution",
        [
            *duration(
                "Full resolution",
                f"From a ticket's creation to its last solving, for tickets solved in the window. {OPTIONAL}",
                "full_resolution",
            ),
            one_duration(
                "First resolution",
                "From a ticket's creation to its first solving, for tickets first solved in the window.",
                "first_resolution",
            ),
            one_duration(
                "Complaints", "Full resolution of tickets of kind complaint.", "complaint_resolution"
            ),
            one_duration(
                "Escalations", "Full resolution of tickets that were escalated.", "escalation_resolution"
            ),
            share(
                "Reopened",
                "Opened again after a solving / solved, for tickets first solved in the window.",
                "reopened",
                (("solved", "solved"), ("reopened", "opened again")),
            ),
            share(
                "First contact resolution",
                "Solved with one reply and not opened again within 7 days / solved, for tickets first solved in the window.",
                "first_contact_resolution",
                (("solved", "solved"), ("at_first_contact", "at first contact")),
            ),
            one_duration(
                "Requester wait",
                "Time new, open or on hold, of tickets solved in the window.",
                "requester_wait",
            ),
            one_duration("Agent wait", "Time pending, of tickets solved in the window.", "agent_wait"),
            one_duration("On hold", "Time on hold, of tickets solved in the window.", "on_hold"),
        ],
    )


def calls() -> Row:
    """Who gave up, who was answered, and the work; metrics that are not computed unless STREAM_METRICS names them."""
    return Row(
        "Calls",
        [
            share(
                "Service level",
                "Answered within the queue's target / answered or given up, for visits that ended in the window; short ones are left out.",
                "service_level",
                (("visits", "answered or given up"), ("in_target", "in target")),
            ),
            shares_by(
                "Service level by threshold",
                "The same for each threshold, over the queues that have it.",
                "within",
                "service_level_within",
                (("judged", "answered or given up"), ("met", "in time")),
            ),
            share(
                "Abandon rate",
                "Given up / answered or given up, for visits that ended in the window; who gave up at once is left out.",
                "abandon",
                (("ended", "ended"), ("abandoned", "given up")),
            ),
            share(
                "Answer rate",
                "Answered / offered, for visits that ended in the window.",
                "answer",
                (("offered", "offered"), ("answered", "answered")),
            ),
            one_duration(
                "Handle time", "Talk, hold and after-call work of visits handled in the window.", "handle"
            ),
        ],
    )


def business_hours() -> Row:
    """Every duration once more; metrics that are not computed unless STREAM_METRICS names them."""
    return Row(
        "Business hours",
        [
            one_duration(
                f"{metric.title.removesuffix(SUFFIX)} (business hours)",
                f"{metric.name}: of that time only what lies in the business hours of the ticket, its team or its tenant; where there are "
                "none it is left out.",
                metric.series[0].name.removesuffix("_seconds"),
            )
            for metric in METRICS
            if metric.business
        ],
    )


def customers() -> Row:
    """Who stays, goes, brings others and speaks; metrics that are not computed unless STREAM_METRICS names them."""
    moods = ("positive", "neutral", "negative")
    return Row(
        "Customers",
        [
            number(
                "Retention",
                f"Customers at the window's end without those who joined in it / customers at its start. {OPTIONAL}",
                Line(figure("retention_ratio"), "retained", "percentunit"),
                [
                    Line(figure("retention_start_customers"), "at the start"),
                    Line(figure("retention_joined_customers"), "joined"),
                    Line(figure("retention_end_customers"), "at the end"),
                ],
                decimals=1,
            ),
            number(
                "Churn",
                f"Customers who left in the window / customers at its start. {OPTIONAL}",
                Line(figure("churn_ratio"), "lost", "percentunit"),
                [
                    Line(figure("churn_start_customers"), "at the start"),
                    Line(figure("churn_lost_customers"), "left"),
                ],
                decimals=1,
            ),
            number(
                "Referrals",
                f"Customers referred / customers who joined. {OPTIONAL}",
                Line(figure("referral_ratio"), "referred", "percentunit"),
                [
                    Line(figure("referral_new_customers"), "joined"),
                    Line(figure("referral_referred_customers"), "referred"),
                ],
                decimals=1,
            ),
            number(
                "Engagement",
                f"Purchases, referrals and mentions with their weights / customers. {OPTIONAL}",
                Line(figure("engagement_score"), "per customer"),
                [
                    Line(figure("engagement_score_customers"), "customers"),
                    Line(figure("engagement_score_acts"), "weighted acts"),
                ],
                decimals=2,
            ),
            number(
                "Moods of mentions",
                f"Mentions in each mood / mentions, with 95 % intervals. {OPTIONAL}",
                Line(figure("sentiment_positive_ratio"), "positive", "percentunit"),
                [
                    *(
                        Line(figure(f"sentiment_{mood}_{end}ratio"), f"{mood} {words}".strip(), "percentunit")
                        for mood in moods
                        for end, words in (("", ""), ("low_", "from"), ("high_", "to"))
                        if (mood, end) != ("positive", "")
                    ),
                    Line(figure("sentiment_mentions"), "mentions"),
                ],
                decimals=1,
                width=12,
            ),
            by_label(
                "Channels of contacts",
                f"Tickets created in the window, by channel. {OPTIONAL}",
                "through",
                [
                    Line(by("through", figure("channel_share_ratio")), "share", "percentunit"),
                    Line(by("through", figure("channel_share_contacts")), "of contacts"),
                ],
                width=12,
            ),
            by_label(
                "Lifetime value",
                f"Of an average customer, in minor units (cents) of each currency. {OPTIONAL}",
                "currency",
                [
                    Line(by("currency", figure(f"lifetime_value_{form}_minor")), form)
                    for form in ("historic", "predictive", "simple")
                ],
                width=12,
            ),
            number(
                "Customers",
                f"Those at the window's start and who joined in it; lifetime values rest on them. {OPTIONAL}",
                Line(figure("lifetime_value_customers"), "customers"),
                [Line(figure("lifetime_value_lost_customers"), "left")],
            ),
            number(
                "Change of a customer's score",
                f"Score - the same customer's previous score, -1 to 1, with its 95 % interval. {OPTIONAL}",
                Line(figure("csat_change_score"), "change", "none"),
                [
                    Line(figure("csat_change_score_low"), "95 % interval from", "none"),
                    Line(figure("csat_change_score_high"), "to", "none"),
                    Line(figure("csat_change_score_pairs"), "pairs"),
                    Line(figure("csat_change_score_better"), "better"),
                    Line(figure("csat_change_score_worse"), "worse"),
                ],
                decimals=2,
            ),
        ],
    )


def queues() -> Row:
    """Speed of answer, per queue too."""
    base = "queue_wait_seconds"
    return Row(
        "Queues",
        [
            *duration(
                "Queue wait",
                "From entering the queue to being answered, for visits answered in the window.",
                "queue_wait",
            ),
            by_label(
                "Queues now",
                "Waiting now and its oldest; and the waits of visits answered in the window.",
                "queue",
                [
                    Line(by("queue", figure("queue_waiting", QUEUES, window=False)), "waiting now"),
                    Line(
                        by("queue", figure("oldest_waiting_age_seconds", QUEUES, window=False)), "oldest", "s"
                    ),
                    Line(by("queue", figure(base, QUEUES, more='quantile="0.5"')), "median", "s"),
                    Line(by("queue", figure(base, QUEUES, more='quantile="0.95"')), "p95", "s"),
                    Line(by("queue", figure(f"{base}_mean", QUEUES)), "mean", "s"),
                    Line(by("queue", figure(f"{base}_count", QUEUES)), "answered"),
                ],
            ),
        ],
    )


def live() -> Row:
    """What is so now, whatever the window."""
    return Row(
        "Now",
        [
            number(
                "Open tickets",
                "Not solved, closed, merged or deleted.",
                Line(figure("tickets_open", window=False), "open"),
                [Line(figure("oldest_open_age_seconds", window=False), "oldest", "s")],
            ),
            number(
                "Unanswered",
                "Tickets whose customer waits for a public reply of a human agent.",
                Line(figure("tickets_unanswered", window=False), "unanswered"),
            ),
            number(
                "Oldest unanswered",
                "How long the customer who has waited longest has been waiting.",
                Line(figure("oldest_unanswered_age_seconds", window=False), "waits", "s"),
                [Line(figure("tickets_unanswered", window=False), "unanswered")],
            ),
            number(
                "Waiting in queues",
                "Customers in a queue, and how long the first of them has been there.",
                Line(figure("queue_waiting", window=False), "waiting"),
                [Line(figure("oldest_waiting_age_seconds", window=False), "oldest", "s")],
            ),
            over_time(
                "Open, unanswered and waiting over time",
                "As it was at each moment.",
                [
                    Line(figure("tickets_open", window=False), "open"),
                    Line(figure("tickets_unanswered", window=False), "unanswered"),
                    Line(figure("queue_waiting", window=False), "in queues"),
                ],
                width=12,
            ),
            listing(
                "Alerts firing",
                "The worker's own rules. Value and n at the moment of the change: topic `alerts`.",
                Line(f'{recorded(f"{PREFIX}alert_state")}{{tenant="$tenant"}} == 1', "firing"),
                hidden=("tenant",),
            ),
        ],
    )


def pipeline() -> Row:
    """Whether the figures above can be trusted."""
    dead = f'sum by (topic, reason) (increase(partition:{PIPELINE}events_total:max{{outcome="dead_lettered"}}[1h])) > 0'
    return Row(
        "Pipeline",
        [
            number(
                "Workers ready",
                "Assigned, recovered and committing.",
                Line(f"sum({PIPELINE}ready)", "ready"),
                [Line('count(up{job="contact-centre-stream"})', "expected")],
            ),
            over_time(
                "Records per second",
                "Source records by what became of them.",
                [Line(f"sum by (outcome) (topic_outcome:{PIPELINE}events:rate5m)", "{{outcome}}", "short")],
                width=9,
            ),
            over_time(
                "Lag",
                "Records between the applied position and the end of the topic.",
                [Line(f"topic:{PIPELINE}lag_records:sum", "{{topic}}")],
                width=9,
            ),
            over_time(
                "Watermark age",
                "How far behind the clock the windows of a source partition are. The oldest decides when rollups become final.",
                [Line(f"partition:{PIPELINE}watermark_age_seconds:max", "partition {{partition}}", "s")],
                width=8,
            ),
            over_time(
                "Duration of a commit",
                "The last one of each stage and worker: state, outputs and positions in one transaction.",
                [Line(f"{PIPELINE}checkpoint_seconds", "{{stage}} {{instance}}", "s")],
                width=8,
            ),
            over_time(
                "Rows of state",
                "Tickets (stage tickets) and segments times panes (stage windows) that the workers keep.",
                [Line(f"sum by (stage) (max without (instance, pod) ({PIPELINE}state_rows))", "{{stage}}")],
                width=8,
            ),
            listing(
                "Dead letters of the last hour",
                "They are in the topic's `.dlq` and in no figure.",
                Line(dead, "records"),
                width=8,
            ),
            listing(
                "Came too late, ever",
                "Measures that came after their window's last correction, by metric: they changed nothing.",
                Line(f"sum by (metric) (partition:{PIPELINE}too_late_total:max) > 0", "measures"),
                width=8,
            ),
            listing(
                "Left out of the figures",
                "Measures that a metric excludes by its definition, in the window.",
                Line(f"{figure('excluded')} > 0", "measures"),
                hidden=("tenant", "team", "channel", "window"),
                width=8,
            ),
        ],
    )


ROWS = (satisfaction, replies, resolution, queues, calls, business_hours, customers, live, pipeline)


def _variable(name: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


def _variables() -> Iterator[builders.DatasourceVariable | builders.QueryVariable | builders.CustomVariable]:
    everything = f'__name__=~"segment:{PREFIX}.+"'
    yield builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    yield _variable("tenant", f"label_values({{{everything}}}, tenant)")
    for name in ("team", "channel"):
        every = dashboard.VariableOption(selected=True, text="All", value="$__all")
        yield (
            _variable(name, f'label_values({{{everything}, tenant="$tenant"}}, {name})')
            .include_all(True)
            .all_value(AGGREGATED)
            .current(every)
        )
    yield _variable("window", f'label_values({{{everything}, tenant="$tenant"}}, window)').current(
        dashboard.VariableOption(selected=True, text="24h", value="24h")
    )
    own = "|default"
    yield (
        builders.CustomVariable("profile")
        .label("profile")
        .values(", ".join([f"default : {own}", *(f"{name} : {name}" for name in PROFILES)]))
        .current(dashboard.VariableOption(selected=True, text="default", value=own))
    )


def build() -> dashboard.Dashboard:
    """The dashboard."""
    board = (
        builders.Dashboard("Service quality")
        .uid("contact-centre-service-quality")
        .description(
            "Live figures of the contact centre: one segment at a time, each with its n and its interval."
        )
        .tags(["contact-centre"])
        .timezone("browser")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time("now-24h", "now")
        .refresh("30s")
    )
    for variable in _variables():
        board = board.with_variable(variable)
    panel_id = 0
    for make in ROWS:
        row = make()
        panel_id += 1
        board = board.with_row(builders.Row(row.title).id(panel_id))
        for panel in row.panels:
            panel_id += 1
            board = board.with_panel(panel.id(panel_id))
    return board.build()


def rendered() -> str:
    """The file's text."""
    return json.dumps(build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` compare it."""
    if arguments == ["--check"]:
        if FILE.exists() and FILE.read_text(encoding="utf-8") == rendered():
            return 0
        print(f"{FILE.name} is not what its code says; run: python -m deploy.grafana.build")
        return 1
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(rendered(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
