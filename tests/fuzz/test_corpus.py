"""Every input that the fuzzer once found interesting, and where it starts from: no promise is broken."""

import random
from pathlib import Path

from tests.fuzz import lives
from tests.fuzz.mutate import mutated
from tests.fuzz.target import KINDS, check, seeds

LIVES = 100
CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def test_the_corpus_breaks_nothing() -> None:
    assert CORPUS
    for path in CORPUS:
        try:
            check(path.read_bytes())
        except Exception as exc:
            raise AssertionError(f"{path}: {exc!r}") from exc


def test_the_examples_and_their_rows_break_nothing() -> None:
    for seed in seeds():
        check(seed)


def test_every_kind_of_input_has_a_seed() -> None:
    assert {seed[:1] for seed in seeds()} == KINDS.keys()


def test_a_worker_goes_on_with_rows_that_are_sound() -> None:
    for seed in lives.seeds():
        lives.life(lives.slots()[seed[:1]], seed[1:])


def test_a_worker_goes_on_with_rows_of_which_a_value_was_changed_or_ends_with_a_line() -> None:
    rng = random.Random(20261128)
    begun = list(lives.seeds())
    for _ in range(LIVES):
        seed = rng.choice(begun)
        check(seed[:1] + mutated(seed[1:], rng))
