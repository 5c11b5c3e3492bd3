"""Every input that the fuzzer once found interesting, and where it starts from: no promise is broken."""

from pathlib import Path

from tests.fuzz.target import check, seeds

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
