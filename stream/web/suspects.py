"""Authors who look like bots that are counted as agents: named by gauges, by a line in the log and by a note, always as a key."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from stream.core.snapshot import Suspect
from stream.web.text import Family, labels, sample, visible

log = structlog.get_logger(__name__)

PREFIX: Final = "contact_centre_suspected_bot_"

WHAT_TO_DO: Final = (
    "if it is a bot, its adapter must send author: bot; until then, and for what was sent, name it in STREAM_BOT_AUTHORS; "
    "`stream author` finds whose key it is"
)

_SERIES: tuple[tuple[str, str, Callable[[Suspect], float]], ...] = (
    (
        "first_replies",
        "First replies of an author who looks like a bot that is counted as an agent, in the newest days.",
        lambda one: one.replies.n,
    ),
    (
        "ratio",
        "Their share of the tenant's first replies in these days.",
        lambda one: one.replies.n / one.replies.of,
    ),
    ("seconds_mean", "The tenant's mean first reply time in these days.", lambda one: one.mean_seconds),
    ("seconds_count", "First replies that it is the mean of.", lambda one: one.replies.of),
    (
        "without_seconds_mean",
        "The tenant's mean first reply time in these days, were the author a bot.",
        lambda one: one.mean_seconds_without,
    ),
    ("without_seconds_count", "First replies that it is the mean of.", lambda one: one.n_without),
)

SERIES: Final = tuple(PREFIX + name for name, _, _ in _SERIES)


def suspect_families(suspects: Sequence[Suspect]) -> list[Family]:
    """At most five authors of a tenant: who gives less than a fifth of the first replies is not named."""
    named = [(labels((("tenant", one.tenant), ("author", one.author))), one) for one in suspects]
    return [
        Family(
            PREFIX + name,
            "gauge",
            text,
            [sample(PREFIX + name, text_of, read(one)) for text_of, one in named],
        )
        for name, text, read in _SERIES
    ]


def suspect_text(suspect: Suspect) -> str:
    """What there is against an author, in one line, with the figure as it would be without them."""
    replies = suspect.replies
    name = f"{visible(suspect.tenant)}/{suspect.author}"
    return (
        f"author {name} looks like a bot that is counted as an agent: {replies.n:,} of {replies.of:,} first replies, "
        f"{replies.within_a_minute:,} within a minute, half of them within {replies.quantile_s(0.25) - 1} to "
        f"{replies.quantile_s(0.75)} s; first_reply_time is {suspect.mean_seconds:,.0f} s on average, without them "
        f"{suspect.mean_seconds_without:,.0f} s over {suspect.n_without:,}"
    )


def suspect_notes(suspects: Iterable[Suspect]) -> tuple[str, ...]:
    """What ``/readyz`` says of them."""
    return tuple(f"{suspect_text(one)}; {WHAT_TO_DO}" for one in suspects)


class SuspectLog:
    """Says each author once."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def see(self, suspects: Iterable[Suspect]) -> None:
        """Log those that were not known yet."""
        for one in suspects:
            if (one.tenant, one.author) not in self._said:
                self._said.add((one.tenant, one.author))
                log.warning(
                    "author.looks_like_a_bot",
                    tenant=visible(one.tenant),
                    author=one.author,
                    first_replies=one.replies.n,
                    of=one.replies.of,
                    mean_seconds=round(one.mean_seconds, 1),
                    mean_seconds_without=round(one.mean_seconds_without, 1),
                    n_without=one.n_without,
                    hint=WHAT_TO_DO,
                )
