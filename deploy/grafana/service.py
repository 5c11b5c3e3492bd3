"""Rows of what the teams did: replies, solving, calls, queues."""

from deploy.grafana.figures import OPTIONAL, Row, duration, one_duration, share, shares_by
from deploy.grafana.panels import Line, by_label
from deploy.grafana.queries import QUEUES, by, figure, suspected
from stream.metrics import METRICS
from stream.metrics.business import TITLE_SUFFIX as SUFFIX


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
                "Solved with one reply and not opened again soon (STREAM_FIRST_CONTACT_DAYS) / solved, by the first solving.",
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
