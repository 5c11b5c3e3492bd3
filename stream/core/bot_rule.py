"""When an author whose events say "agent" is taken for a bot: they answer first, at once, evenly, and leave work to others.

One auto-responder that is counted as an agent turns a first reply of hours into one of seconds, and nothing else about the figures
looks wrong. What gives it away is not its speed, as people in a live chat are fast, but its evenness. Of the help-desk data that
is shipped with this program (``stream/demo/data``): half of the auto-responder's replies come within 15 to 17 s, quartiles that
are 1.13 apart as a ratio; among its people with fifteen first replies or more, the fast ones included, the evenest has 1.6, most
have 2 to 3. Times of people are spread by a factor, whatever their middle; a timer's are spread by a few seconds. So are those of two
timers, each about a middle of its own.
"""

from collections.abc import Mapping
from functools import cache
from math import erf, log, sqrt
from typing import Final, NamedTuple

MIN_FIRST_REPLIES: Final = 20
"""Fewer say nothing of how even somebody is: quartiles would rest on a handful of replies."""

MIN_SHARE: Final = 0.2
"""Of a tenant's first replies. Who gives fewer cannot move its figures far; it also bounds how many can be named: five a tenant."""

MIN_WITHIN_A_MINUTE: Final = 0.9
"""Of the author's own. Automatic answers do not wait for a free agent; a few may have been held up."""

MAX_QUARTILE_RATIO: Final = 1.4
"""Upper by lower quartile of the author's delays, well between the 1.13 of the machine and the 1.6 of the evenest person.
A person whose times spread as those of people do (log-normal, sigma 0.5, a ratio of 2) is that even by chance once in 30 times with 20
replies, and never in practice with 100, which an author of this share has in the days that are looked at, unless the tenant is small."""

AT_ONCE_S: Final = 3
"""Upper quartile up to which evenness is not asked for: nobody reads a message and answers it in three seconds, three times out of
four, and in whole seconds such delays are one or two apart whatever they are."""

MIN_TAKEN_OVER: Final = 0.25
"""Of the author's tickets, those that another agent answered later. A team of one gives all first replies and answers on: nobody else
does. Where people merely hand over now and then, evenness decides. On the help-desk data others carry on with 98 of 100."""

MANY: Final = 100
"""First replies from which evenness alone says enough for an auto-responder that settles most tickets by itself to be told from people."""

MIN_TAKEN_OVER_OF_MANY: Final = 0.05
"""Then this is asked for instead. It keeps those out whom hardly anybody follows: a team of one. Of an auto-responder that
leaves one ticket in ten to people, 100 first replies have less than this once in 40 times, 200 once in 300."""

ALONE: Final = 200
"""First replies from which evenness is enough also where nobody ever follows, as with a bot that settles whatever it answers. A team of
one is told from it by its spread: with 200 replies no person of any trial below was as even. Not so replies at once, whose evenness
whole seconds cannot show: calls that one person writes down as they are taken look like them. Of those :data:`MOST_OF_A_DAY` decides."""

MOST_OF_A_DAY: Final = 500
"""First replies at once in a day, more than one a minute for eight hours: whoever gives more is no person."""

EVENEST_SIGMA: Final = 0.34
"""Spread of the logarithm of the times of the evenest person in the data: quartiles that are 1.6 apart."""

MIN_CLUSTERED: Final = 0.3
"""How much larger a share of an author's delays may lie in two short stretches of time than that person's could, wherever they are put.
Two timers of 5 and 30 s have 0.5 more, the machine in the data has 0.35 (some of its replies come after 8 s, most after 16). A person of
this sigma came to 0.17 at most with 100 replies and to 0.13 with 200, in 150 trials at each of nine middles from 2 to 30 s, one of sigma
0.3 to 0.24 and 0.16. Timers whose stretches are as wide as a person's are not told from one: half its replies after 2 s and half after
10, give or take one, or two middles with four seconds of spread each."""

LONGEST_STRETCH_S: Final = 6
"""A stretch is of whole seconds, from one on: nothing can be said of evenness within the first second."""

MAX_QUARTILE_RATIO_OF_MANY: Final = 1.18
"""And this instead, a little more than the machine's 1.13. Of 100 replies of a person whose times spread with sigma 0.4 it came out in none
of 2,000 trials at any of ten middles from 2 to 30 s; with 0.34, as of the evenest person in the data, in 3 of the 2,000 at 6 s, in none
elsewhere, and in none with 200 replies. 1.4 will not do here: in whole seconds, who greets after three or four seconds has it in 9 to 92
of 100 trials, and to hand over one chat in ten is what people do."""

MIN_SHARE_AT_ONCE: Final = 0.8
"""And where evenness is not asked for, nearly every ticket: calls that are written down as they are taken look like replies within three
seconds, of whoever took them; that one person takes them all, and another follows up, is rare, and such replies are none that anybody
waited for."""

WITHIN_S: Final = 60
"""Delays are told apart by the second up to here."""

MIN_DAYS: Final = 7
"""The newest days that are looked at: a week, because nights and week-ends belong to automatic answers ..."""

MIN_TOTAL: Final = 200
"""... and as many more, up to all that are kept, as it takes to see this many first replies of the tenant."""


class FirstReplies(NamedTuple):
    """An author's first replies, among those of the tenant."""

    n: int
    of: int
    """All first replies of the tenant."""
    seconds: Mapping[int, int]
    """Whole seconds from creation to reply -> how many; :data:`WITHIN_S` stands for a minute and more."""
    taken_over: int
    """On how many tickets another agent answered later."""
    busiest_day: int = 0
    """How many of the author's were given in one day."""

    @property
    def within_a_minute(self) -> int:
        """How many came in the first minute."""
        return self.n - self.seconds.get(WITHIN_S, 0)

    def quantile_s(self, share: float) -> int:
        """The end of the second in which the delay at this share of all lies; ``WITHIN_S + 1`` for a minute and more."""
        seen = 0
        for second in sorted(self.seconds):
            seen += self.seconds[second]
            if seen >= share * self.n:
                return second + 1
        return WITHIN_S + 1


def _of_the_evenest(length: float) -> float:
    """The largest share of the evenest person's delays that stretches of so much length together can have: those about the middle."""
    return erf(length / (2 * EVENEST_SIGMA) / sqrt(2))


@cache
def _stretches() -> tuple[tuple[int, int, float, float], ...]:
    """(First second, second behind the last one, length on the scale of logarithms, the evenest person's largest share)."""
    return tuple(
        (first, behind, log(behind / first), _of_the_evenest(log(behind / first)))
        for first in range(1, WITHIN_S)
        for behind in range(first + 1, min(first + LONGEST_STRETCH_S, WITHIN_S) + 1)
    )


def clustered(found: FirstReplies) -> float:
    """By how much the share of delays in two short stretches exceeds the evenest person's; the best of one, and another beside it."""
    n = found.n
    up_to = [0]
    for second in range(WITHIN_S):
        up_to.append(up_to[-1] + found.seconds.get(second, 0))
    first = behind = count = 0
    most = length = least = 0.0
    for start, end, wide, usual in _stretches():
        within = up_to[end] - up_to[start]
        if within - most * n > usual * n:
            most, first, behind, length, least, count = within / n - usual, start, end, wide, usual, within
    for start, end, wide, _ in _stretches():
        share = (up_to[end] - up_to[start] + count) / n
        if share - least > most and (end <= first or start >= behind):
            most = max(most, share - _of_the_evenest(length + wide))
    return most


def looks_like_a_bot(found: FirstReplies) -> bool:
    """The rule: frequent, fast, followed by others, and even.

    Of many first replies fewer need be followed if they are evener still, or come as from two timers; of very many, none.
    """
    n = found.n
    if n < MIN_FIRST_REPLIES or n < MIN_SHARE * found.of or found.within_a_minute < MIN_WITHIN_A_MINUTE * n:
        return False
    lower, upper = found.quantile_s(0.25), found.quantile_s(0.75)
    at_once = upper <= AT_ONCE_S
    if found.taken_over >= MIN_TAKEN_OVER * n and (at_once or upper <= MAX_QUARTILE_RATIO * lower):
        return True
    if at_once and found.busiest_day > MOST_OF_A_DAY:
        return True
    followed = found.taken_over >= MIN_TAKEN_OVER_OF_MANY * n
    if n < (MANY if followed else ALONE):
        return False
    even = upper <= MAX_QUARTILE_RATIO_OF_MANY * lower
    if at_once:
        return followed and (even or n >= MIN_SHARE_AT_ONCE * found.of)
    return even or clustered(found) >= MIN_CLUSTERED
