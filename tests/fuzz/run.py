"""The coverage-guided fuzzer: ``python -m tests.fuzz.run SECONDS``, or ``make fuzz SECONDS=600``.

It starts from the contract's examples, the corpus in this folder, and what earlier runs found interesting (``.cache/fuzz``). An input
that breaks a promise is left there as ``crash-...``: put it into the corpus, where it is an ordinary test from then on.
"""

import random
import sys
from hashlib import sha1
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stream", "schemas"]):
    from tests.fuzz import lives, target
    from tests.fuzz.mutate import mutated

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(__file__).parents[2] / ".cache" / "fuzz"


def main(seconds: int) -> None:
    """Fuzz for so long; the process ends with 0, or with what libFuzzer ends with on a finding."""
    seeds = FOUND / "seeds"
    grown = FOUND / "corpus"
    for folder in (seeds, grown):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (seeds / sha1(seed).hexdigest()).write_bytes(seed)
    dictionary = FOUND / "words.txt"
    dictionary.write_bytes(b"".join(b'"' + _escaped(word) + b'"\n' for word in target.words()))
    options = [
        f"-max_total_time={seconds}",
        "-max_len=6000",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-dict={dictionary}",
        f"-artifact_prefix={FOUND}/",
    ]
    atheris.Setup(
        [sys.argv[0], *options, str(grown), str(CORPUS), str(seeds)], target.check, custom_mutator=_mutate
    )
    atheris.Fuzz()


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Of rows that a worker lives with mostly a value, of everything else bytes."""
    rng = random.Random(seed)
    if data[:1] in lives.slots() and rng.random() < 0.8:
        changed = data[:1] + mutated(data[1:], rng)
        if changed != data and len(changed) <= max_size:
            return changed
    found: bytes = atheris.Mutate(data, max_size)
    return found


def _escaped(word: bytes) -> bytes:
    return b"".join(
        bytes([byte]) if 32 <= byte < 127 and byte not in b'"\\' else b"\\x%02x" % byte for byte in word
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
