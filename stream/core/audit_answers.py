"""Whether the customers stage has heard what the tickets stage says: every answer that stands, once, with its customer.

For the audit. Answers go from their ticket's partition to their customer's over a topic (:mod:`stream.core.answers`). One that is lost
there is in no fact that sums could be compared with, so what tickets say is compared with what customers' rows have.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from stream.core.answers import answers_of
from stream.core.config import PAIR_WITHIN_MS, CoreConfig
from stream.core.customer import Customer
from stream.core.customer_facts import Given
from stream.core.partitioner import murmur2_partition
from stream.core.ticket import Ticket


class _Place(NamedTuple):
    partition: int
    """Of customers."""
    tenant: str
    customer: str
    key: bytes


class AnswerDifference(NamedTuple):
    """An answer that is not with its customer as it stands on its ticket. Customers are not named."""

    partition: int
    """Of customers."""
    tenant: str
    key: bytes
    """Natural key of its survey among all answers of the customer."""
    missing: tuple[Given, ...]
    """What tickets say and no row of a customer in that partition has."""
    extra: tuple[Given, ...]
    """What a customer's row has and no ticket says, or has too often."""


class Rekeyed:
    """The answers of both sides, taken in row by row."""

    def __init__(self, config: CoreConfig) -> None:
        self._config = config
        self._said: Counter[tuple[_Place, Given]] = Counter()
        self._heard: Counter[tuple[_Place, Given]] = Counter()

    def say(self, ticket: Ticket, key: bytes) -> None:
        """Take in what a ticket's row says."""
        config = self._config
        for one in answers_of(ticket, key, config):
            partition = murmur2_partition(one.customer.encode(), config.source_partitions)
            given = Given(one.at, one.key, one.scale, one.score, one.labels, one.generation, one.gone)
            self._said[_Place(partition, one.tenant, one.customer, one.key), given] += 1

    def hear(self, customer: Customer, key: bytes, partition: int) -> None:
        """Take in what a customer's row has; of earlier generations it does not stand."""
        name = key[key.find(0) + 1 :].decode()
        for given in customer.answers:
            if given.generation == self._config.generation:
                self._heard[_Place(partition, customer.tenant, name, given.key), given] += 1

    def compare(self, newest_ms: int) -> tuple[int, list[AnswerDifference]]:
        """How many answers tickets have, and what differs. ``newest_ms``: the newest watermark of both sides.

        Left out are answers so old that either side may have forgotten them, whatever horizons there were.
        """
        from_ms = newest_ms - PAIR_WITHIN_MS
        said, heard = (
            Counter({one: n for one, n in side.items() if one[1].at >= from_ms})
            for side in (self._said, self._heard)
        )
        return said.total(), list(_differences(said - heard, heard - said))


def _differences(
    lost: Counter[tuple[_Place, Given]], too_many: Counter[tuple[_Place, Given]]
) -> Iterator[AnswerDifference]:
    missing, extra = _by_place(lost), _by_place(too_many)
    for place in sorted(missing.keys() | extra.keys()):
        yield AnswerDifference(
            place.partition,
            place.tenant,
            place.key,
            tuple(missing.get(place, ())),
            tuple(extra.get(place, ())),
        )


def _by_place(answers: Counter[tuple[_Place, Given]]) -> dict[_Place, list[Given]]:
    found: dict[_Place, list[Given]] = {}
    for place, given in answers.elements():
        found.setdefault(place, []).append(given)
    return found
