"""Rows of what is so now, and of whether the figures can be trusted."""

from deploy.grafana.figures import Row
from deploy.grafana.panels import Line, listing, number, over_time
from deploy.grafana.queries import figure
from deploy.prometheus.build import recorded
from stream.web.figures import PREFIX
from stream.web.pipeline import PREFIX as PIPELINE


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
