"""What the reasons mean for which something is not in a figure, in words for people."""

from typing import Final

from stream.core.metric import Metric

MEANING: Final = {
    "merged": "the ticket was merged into another one",
    "deleted": "the ticket was deleted",
    "spam": "the ticket was deleted as spam",
    "negative_duration": "it ended before it began: clocks differ",
    "no_calendar": "no business hours apply",
    "bot": "a bot's message while a customer waited: it stops no clock",
    "system": "a message of the system while a customer waited: it stops no clock",
    "private": "a private note while a customer waited: it stops no clock",
    "unknown_survey": "an answer to a survey that nobody said was sent",
    "unknown_wait": "its wait ended, but nobody said since when it waited",
    "short_abandon": "given up at once",
    "no_score": "an answer in words, where a number is needed",
    "other_scale": "an answer on a scale that cannot be read so",
    "no_weight": "a review in which nothing has a weight",
    "no_recent_answer": "the customer had given no other answer in the 90 days before",
    "not_a_customer": "of somebody who was no customer at that time: a guest's, or a leave without a join",
    "unknown_currency": "money of a currency that is not known",
    "amount_too_large": "an amount beyond 10^11",
}
"""Reason -> what it says of what is left out. Metrics of other packages may have reasons of their own."""

TOO_LATE: Final = (
    "what comes when the window is not corrected any more is in no figure and no count of the window, whose sums are deleted by then: "
    "contact_centre_stream_windows_too_late_total counts it by metric and window length, contact_centre_stream_too_late_total what no "
    "window takes any more"
)
"""Of every metric with windows."""


def reasons_of(metric: Metric) -> dict[str, str]:
    """Reason -> meaning, for all that a metric counts as left out; empty where nobody said."""
    return {reason: MEANING.get(reason, "") for reason in metric.reasons.values()}
