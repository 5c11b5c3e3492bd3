"""Who is taken for a bot: a machine that answers first and leaves, and nobody who is merely fast."""

from collections import Counter
from collections.abc import Iterable
from math import exp
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.core.bot_rule import (
    ALONE,
    AT_ONCE_S,
    EVENEST_SIGMA,
    MANY,
    MAX_QUARTILE_RATIO,
    MAX_QUARTILE_RATIO_OF_MANY,
    MIN_CLUSTERED,
    MIN_FIRST_REPLIES,
    MIN_SHARE,
    MIN_SHARE_AT_ONCE,
    MIN_TAKEN_OVER,
    MIN_TAKEN_OVER_OF_MANY,
    MIN_WITHIN_A_MINUTE,
    MOST_OF_A_DAY,
    WITHIN_S,
    FirstReplies,
    clustered,
    looks_like_a_bot,
)


def author(
    delays_s: Iterable[float],
    *,
    share: float = 1.0,
    taken_over: float = 1.0,
    of: int | None = None,
    busiest_day: int = 0,
) -> FirstReplies:
    seconds = Counter(min(int(delay), WITHIN_S) for delay in delays_s)
    n = seconds.total()
    return FirstReplies(
        n, round(n / share) if of is None else of, seconds, round(taken_over * n), busiest_day
    )


def spread(median_s: float, sigma: float, n: int = 200) -> list[float]:
    """Delays of a person: log-normal, exactly as they are distributed and not as chance would have them."""
    return [median_s * exp(sigma * NormalDist().inv_cdf((i + 0.5) / n)) for i in range(n)]


MACHINE = [7, 8, 8, 9, 11, 12, 13, 13, 15, 15, 15, 16, 16, 16, 16, 17, 17, 17, 18, 19, 21, 22, 25, 34]
"""As the auto-responder of the help-desk data answers, in seconds."""
RESPONDER = [11, 13, 15, 15, 15, 16, 16, 16, 17, 17, 18, 21]
"""With its quartiles."""


@pytest.mark.parametrize(
    ("delays_s", "taken_over"),
    [
        (MACHINE, 0.99),
        ([0.0] * 30, 0.9),
        ([1, 2] * 20, 0.5),
        ([45.0] * 50, 1.0),
        ([5] * 95 + [600] * 5, 1.0),  # it was held up now and then
        ([12] * 40, MIN_TAKEN_OVER),  # it settles most tickets by itself
    ],
)
def test_machines_are_named(delays_s: list[float], taken_over: float) -> None:
    assert looks_like_a_bot(author(delays_s, taken_over=taken_over))


@pytest.mark.parametrize("median_s", [4, 5, 8, 12, 20, 30, 45])
@pytest.mark.parametrize("sigma", [0.4, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_people_who_are_merely_fast_are_not(median_s: float, sigma: float, share: float) -> None:
    """A live chat: all answers within a minute, all tickets handed over."""
    assert not looks_like_a_bot(author(spread(median_s, sigma), share=share))


@pytest.mark.parametrize("median_s", [0.5, 1, 2, 3, 4, 5, 8, 12, 20, 30])
@pytest.mark.parametrize("sigma", [EVENEST_SIGMA, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("n", [200, 400])
def test_one_who_is_the_whole_team_is_not(median_s: float, sigma: float, n: int) -> None:
    """Nobody ever follows: neither where they answer within seconds, nor where calls are written down as they are taken."""
    assert not looks_like_a_bot(author(spread(median_s, sigma, n), taken_over=0, busiest_day=n))


def test_one_whose_calls_are_written_down_at_once_and_nobody_else_is_not() -> None:
    assert not looks_like_a_bot(author([0, 1, 2] * 400, taken_over=0, busiest_day=MOST_OF_A_DAY))
    assert not looks_like_a_bot(author([0] * 400, taken_over=0.02, busiest_day=400))


@pytest.mark.parametrize("taken_over", [0, 0.04])
def test_a_bot_whom_nobody_follows_is_named_once_there_are_very_many_replies(taken_over: float) -> None:
    """It settles what it answers: neither a person nor the customer says anything more."""
    assert looks_like_a_bot(author(RESPONDER * 20, share=0.4, taken_over=taken_over))
    assert looks_like_a_bot(author([10] * ALONE, taken_over=taken_over))
    assert not looks_like_a_bot(author([10] * (ALONE - 1), taken_over=taken_over))


def test_who_answers_more_in_a_day_than_anybody_could_is_named_though_it_is_at_once() -> None:
    for named, most in ((True, MOST_OF_A_DAY + 1), (False, MOST_OF_A_DAY)):
        assert looks_like_a_bot(author([0, 1, 2] * 300, taken_over=0, busiest_day=most)) is named
    assert not looks_like_a_bot(author(spread(20, 0.5, 900), taken_over=0, busiest_day=900))


def jitter(middle_s: float, spread_s: float, n: int) -> list[float]:
    """A timer that is off by so much at most, as often each way."""
    return [middle_s + spread_s * (2 * (i + 0.5) / n - 1) for i in range(n)]


TWO_TIMERS = [
    jitter(5, 0.5, 100)
    + jitter(30, 0.5, 100),  # one when a ticket comes in, one for those that were not sorted by then
    jitter(16, 1.5, 100) + jitter(45, 1.5, 100),
    jitter(10, 1, 150) + jitter(50, 1, 50),
]


@pytest.mark.parametrize("delays_s", TWO_TIMERS)
@pytest.mark.parametrize("taken_over", [0, 0.1, 1])
def test_a_bot_with_two_timers_is_named(delays_s: list[float], taken_over: float) -> None:
    assert looks_like_a_bot(author(delays_s, share=0.5, taken_over=taken_over))


def test_one_timer_is_as_clustered_as_it_is_even() -> None:
    assert clustered(author([10] * 100)) > 0.85
    assert clustered(author(RESPONDER * 10)) >= MIN_CLUSTERED
    assert clustered(author([0] * 100)) == 0


@pytest.mark.parametrize(("first", "second"), [(60, 40), (40, 60)])
def test_two_timers_are_as_clustered_whichever_comes_more_often(first: int, second: int) -> None:
    """Within a second each, 0.049 and 0.020 of the scale of logarithms: of the evenest person 8 % lie in as much."""
    assert clustered(author([20] * first + [50] * second)) == pytest.approx(0.92, abs=5e-3)


@given(st.integers(0, 2**32), st.sampled_from([2, 3, 4, 5, 6, 8, 12, 20, 30]), st.floats(EVENEST_SIGMA, 1))
@settings(max_examples=300, deadline=None)
def test_no_person_is_as_clustered_by_chance(seed: int, median_s: float, sigma: float) -> None:
    chance = Random(seed)
    for n in (MANY, ALONE):
        found = author(median_s * exp(chance.gauss(0, sigma)) for _ in range(n))
        assert clustered(found) < MIN_CLUSTERED


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("taken_over", [0.06, 0.1, 0.2])
def test_an_auto_responder_that_settles_most_tickets_by_itself_is_named(
    share: float, taken_over: float
) -> None:
    """On every ticket of a channel, and people answer one in ten of them."""
    assert looks_like_a_bot(author(RESPONDER * 10, share=share, taken_over=taken_over))
    assert looks_like_a_bot(author([1, 2] * 60, taken_over=taken_over))
    assert looks_like_a_bot(author([0] * 120, share=share, taken_over=taken_over))


@pytest.mark.parametrize("median_s", [3, 4, 5, 8, 12, 20, 30])
@pytest.mark.parametrize("sigma", [0.3, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_people_who_hand_over_one_chat_in_ten_are_not(median_s: float, sigma: float, share: float) -> None:
    """Not even those who greet within seconds, so that whole seconds make them look even."""
    assert not looks_like_a_bot(author(spread(median_s, sigma), share=share, taken_over=0.1))


def test_people_whose_calls_are_written_down_at_once_are_not() -> None:
    """Three of them, and a second line that follows up on some."""
    assert not looks_like_a_bot(author([0, 1, 2] * 100, share=0.33, taken_over=0.15))


N = 1_000
OUTER_HALF = [*(3 + i % 12 for i in range(249)), *(21 + i % 36 for i in range(249))]
"""Of about a thousand delays those below the lower and above the upper quartile, no two of them a timer's."""


@pytest.mark.parametrize(
    ("holds", "fails"),
    [
        (author([10] * MIN_FIRST_REPLIES), author([10] * (MIN_FIRST_REPLIES - 1))),
        (author([10] * N, of=int(N / MIN_SHARE)), author([10] * N, of=int(N / MIN_SHARE) + 1)),
        (
            author([10] * int(N * MIN_WITHIN_A_MINUTE) + [60] * (N - int(N * MIN_WITHIN_A_MINUTE))),
            author([10] * (int(N * MIN_WITHIN_A_MINUTE) - 1) + [60] * (N - int(N * MIN_WITHIN_A_MINUTE) + 1)),
        ),
        (
            author([10, 13] * 40, taken_over=MIN_TAKEN_OVER),
            author([10, 13] * 40, taken_over=MIN_TAKEN_OVER - 1 / 80),
        ),
        (author([10] * MANY, taken_over=0.1), author([10] * (MANY - 1), taken_over=0.1)),
        (
            author([1] * N, taken_over=MIN_TAKEN_OVER_OF_MANY),
            author([1] * N, taken_over=MIN_TAKEN_OVER_OF_MANY - 1 / N),
        ),
        (
            author([10] * MANY, taken_over=MIN_TAKEN_OVER_OF_MANY),
            author([10] * MANY, taken_over=MIN_TAKEN_OVER_OF_MANY - 1 / MANY),
        ),
        # 17 s and 20 s are 1.18 apart: seconds count by their ends.
        (
            author([*OUTER_HALF, *[16, 17, 18, 19] * 126], taken_over=0.1),
            author([*OUTER_HALF, *[16, 17, 18, 19, 20] * 101], taken_over=0.1),
        ),
        (
            author([0] * 500 + [1] * 500, of=int(N / MIN_SHARE_AT_ONCE), taken_over=0.1),
            author([0] * 500 + [1] * 500, of=int(N / MIN_SHARE_AT_ONCE) + 1, taken_over=0.1),
        ),
        # 20 s and 28 s are 1.4 apart.
        (author([19] * 40 + [27] * 40), author([19] * 40 + [28] * 40)),
        (author([0] * 500 + [AT_ONCE_S - 1] * 500), author([0] * 500 + [AT_ONCE_S] * 500)),
    ],
    ids=[
        "number",
        "share",
        "within a minute",
        "taken over",
        "many",
        "taken over of many at once",
        "taken over of many",
        "evenness of many",
        "share at once",
        "evenness",
        "at once",
    ],
)
def test_each_condition_decides_at_its_bound(holds: FirstReplies, fails: FirstReplies) -> None:
    assert looks_like_a_bot(holds)
    assert not looks_like_a_bot(fails)


@given(
    st.dictionaries(st.integers(0, WITHIN_S), st.integers(1, 300), min_size=1),
    st.integers(0, 20_000),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_whoever_is_named_is_fast_even_frequent_and_not_alone(
    seconds: dict[int, int], others: int, taken_over: float, busiest_day: int
) -> None:
    n = sum(seconds.values())
    found = FirstReplies(n, n + others, seconds, round(taken_over * n), busiest_day)
    delays = sorted(second for second, count in seconds.items() for _ in range(count))
    lower, upper = delays[-(-n // 4) - 1], delays[-(-3 * n // 4) - 1]
    assert (found.quantile_s(0.25), found.quantile_s(0.75)) == (lower + 1, upper + 1)
    at_once = upper + 1 <= AT_ONCE_S
    followed = found.taken_over / n
    very_even = upper + 1 <= MAX_QUARTILE_RATIO_OF_MANY * (lower + 1)
    assert looks_like_a_bot(found) == (
        n >= MIN_FIRST_REPLIES
        and n / (n + others) >= MIN_SHARE
        and sum(delay < WITHIN_S for delay in delays) / n >= MIN_WITHIN_A_MINUTE
        and (
            (followed >= MIN_TAKEN_OVER and (at_once or upper + 1 <= MAX_QUARTILE_RATIO * (lower + 1)))
            or (at_once and busiest_day > MOST_OF_A_DAY)
            or (
                n >= MANY
                and followed >= MIN_TAKEN_OVER_OF_MANY
                and ((at_once and n / (n + others) >= MIN_SHARE_AT_ONCE) or very_even)
            )
            or (
                n >= (MANY if followed >= MIN_TAKEN_OVER_OF_MANY else ALONE)
                and not at_once
                and (very_even or clustered(found) >= MIN_CLUSTERED)
            )
        )
    )
