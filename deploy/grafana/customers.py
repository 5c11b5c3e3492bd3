"""The row of customers."""

from deploy.grafana.figures import OPTIONAL, Row, share
from deploy.grafana.panels import Line, by_label, number
from deploy.grafana.queries import by, figure


def customers() -> Row:
    """Who stays, goes, brings others and speaks; metrics that are not computed unless STREAM_METRICS names them."""
    moods = ("positive", "neutral", "negative")
    return Row(
        "Customers",
        [
            share(
                "Retention",
                "Customers at the window's end without those who joined in it / customers at its start.",
                "retention",
                (
                    ("start_customers", "at the start"),
                    ("joined_customers", "joined"),
                    ("end_customers", "at the end"),
                ),
            ),
            share(
                "Churn",
                "Customers who left in the window / customers at its start.",
                "churn",
                (("start_customers", "at the start"), ("lost_customers", "left")),
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
