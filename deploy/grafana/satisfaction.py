"""The row of satisfaction: what customers said in surveys."""

from deploy.grafana.figures import OPTIONAL, Row, interval
from deploy.grafana.panels import Line, by_label, number, over_time
from deploy.grafana.queries import TEAMS, by, csat_band, figure

GOOD, POOR = csat_band("good"), csat_band("poor")
"""From where on it is good, under what poor: as STREAM_CSAT_BANDS says."""


def _in_its_band(csat: str) -> list[tuple[Line, str]]:
    """The figure, as a query for each band: one of them finds it."""
    good, poor = f"scalar({GOOD})", f"scalar({POOR})"
    return [
        (Line(f"{csat} >= {good}", "CSAT, good", "percentunit"), "green"),
        (Line(f"({csat} < {good}) >= {poor}", "CSAT, fair", "percentunit"), "orange"),
        (Line(f"({csat} < {good}) < {poor}", "CSAT, poor", "percentunit"), "red"),
    ]


def satisfaction() -> Row:
    """CSAT, NPS, mean score, response."""
    csat = Line(figure("csat_ratio"), "CSAT", "percentunit")
    csat_interval = interval("csat")
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
                _in_its_band(csat.expr),
                [*csat_interval, csat_n],
                decimals=1,
            ),
            over_time(
                "CSAT over time",
                "At every moment the figure of the window that ends there, with its 95 % interval (Wilson) and its number of answers. "
                "Broken lines: good from, poor under (STREAM_CSAT_BANDS).",
                [csat],
                band=csat_interval,
                counts=[csat_n],
                marks=[
                    (Line(GOOD, "good from", "percentunit"), "green"),
                    (Line(POOR, "poor under", "percentunit"), "red"),
                ],
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
                    *interval("survey_response"),
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
