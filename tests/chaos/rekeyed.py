"""Whether the customers stage has heard what the tickets stage has: every answer that stands, once, in its customer's partition."""

from collections import Counter
from collections.abc import Iterable, Sequence

from stream.core.answers import answers_of
from stream.core.config import CoreConfig
from stream.core.customer import decode_customer
from stream.core.partitioner import murmur2_partition
from stream.core.record import SourceRecord
from stream.core.ticket import decode_ticket
from tests.chaos.problems import Problem
from tests.support import topics

Standing = Counter[tuple[object, ...]]
"""Partition of customers, tenant, customer, key, time, scale, score and labels of an answer -> how often it stands there."""


def wrong_answers(
    config: CoreConfig, tickets: Sequence[SourceRecord], customers: Sequence[SourceRecord]
) -> Iterable[Problem]:
    """What is wrong, of everything in the two changelogs."""
    said: Standing = Counter()
    for _, key, row in _rows(tickets, b"tc"):
        for one in answers_of(decode_ticket(row, key), key, config):
            partition = murmur2_partition(one.customer.encode(), config.source_partitions)
            answer = (one.key, one.at, one.scale, one.score, one.labels)
            said[partition, one.tenant, one.customer, *answer] += 1
    heard: Standing = Counter()
    for number, key, row in _rows(customers, b"c"):
        customer = key[key.find(0) + 1 :].decode()
        for given in decode_customer(row, key).answers:
            answer = (given.key, given.at, given.scale, given.score, given.labels)
            heard[number, key[1 : key.find(0)].decode(), customer, *answer] += 1
    if not said:
        yield Problem("answers", "no answer stands on any ticket")
    if said != heard:
        lost, too_many = said - heard, heard - said
        yield Problem(
            "answers",
            f"of {said.total()} answers on tickets {lost.total()} are not with their customers, which have {too_many.total()} others, "
            f"such as {next(iter(lost or too_many))}",
        )


def _rows(records: Sequence[SourceRecord], kinds: bytes) -> Iterable[tuple[int, bytes, bytes]]:
    """Partition, key and value of the rows as they stand, of those kinds (a key's first byte)."""
    for number in sorted({record.partition for record in records}):
        own = topics.latest(record for record in records if record.partition == number)
        for key, row in own.items():
            if key is not None and key[:1] in kinds:  # never empty
                yield number, key, row
