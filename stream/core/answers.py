"""The wire between the tickets stage and the customers stage (topic ``<app_id>-answers``, MessagePack, internal).

Answers stand on tickets, and the tickets of one customer are anywhere: what each answer comes to is written once more to the partition
of its customer. What travels is the whole of one answer as it stands now, or that it does not stand any more, so the last word on it
is all that counts. All words on one answer come from one partition, in order. Every commit ends with how far its partition has come,
as on the deltas topic: the customers stage holds back its own watermark until the answers before it are in.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stream.core.config import CoreConfig
from stream.core.delta import DeltaBatch
from stream.core.fact import KINDS, natural_key
from stream.core.partitioner import murmur2_partition
from stream.core.progress import NONE_MS, SourceProgress
from stream.core.record import Output
from stream.core.state_shape import GenerationError
from stream.core.tally import DamagedRowError
from stream.core.ticket import Ticket

PIECE_ANSWERS: Final = 5_000
"""Answers in one record at most: some 500 kB."""

_CSAT: Final = KINDS["csat"]


class AnswerSaid(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One satisfaction answer of one customer as it stands."""

    tenant: str
    customer: str
    key: bytes
    """Natural key of its survey among all answers of the customer."""
    at: int
    """When the survey was first answered, in epoch milliseconds."""
    scale: int
    """Position in :data:`stream.core.fact.SCALES`, or ``NO_SCALE``."""
    score: int | None
    labels: tuple[str | None, ...]
    """Where it counts, as :data:`stream.core.measure.Labels` without the tenant."""
    generation: int
    """Under which it was said: what was not said again under a later one does not stand."""
    stands: bool = True
    gone: int = 0
    """0, or why its ticket is gone: 1 + the position in :data:`stream.core.measure.GONE`. It stands then as one that is left out."""


class AnswerBatch(msgspec.Struct, array_like=True, frozen=True):
    """What changed about answers, and progress of one partition of tickets; fields as in ``DeltaBatch``."""

    generation: int
    source_partition: int
    watermark_ms: int
    idle: bool
    closed: bool
    complete: bool
    forgotten_ms: int
    answers: list[AnswerSaid]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnswerBatch).decode


def answers_of(ticket: Ticket, key: bytes, config: CoreConfig) -> Sequence[AnswerSaid]:
    """The satisfaction answers that stand on a ticket, also on one that is gone, and whose customer is known; ``key`` is the row's."""
    if not ticket.surveys:
        return ()
    gone = 1 + ticket.why_gone() if ticket.gone else 0
    found = []
    for survey in ticket.surveys:
        answer = survey.answer
        first_at = survey.first_at
        if answer is None or first_at is None or answer.kind != _CSAT or survey.withdrawn:
            continue
        customer = answer.customer or (survey.sent.customer if survey.sent is not None else None)
        if customer is None:
            if key[:1] == b"c":  # surveys about no ticket are their customer's
                customer = key[key.find(0) + 1 :].decode()
            elif ticket.creation is not None:
                customer = ticket.creation.requester
        if customer is None:
            continue
        found.append(
            AnswerSaid(
                ticket.tenant,
                customer,
                natural_key(f"{key.decode()}\0{survey.key.hex()}"),
                ticket.base_ms + first_at,
                answer.scale,
                answer.score,
                tuple(ticket.answer_labels(survey, config)[1:]),
                config.generation,
                gone=gone,
            )
        )
    return found


class Answers:
    """What changed about answers until the next flush: the last word on each."""

    __slots__ = ("_words",)

    def __init__(self) -> None:
        self._words: dict[tuple[str, str, bytes], AnswerSaid] = {}

    def __bool__(self) -> bool:
        return bool(self._words)

    def difference(self, old: Sequence[AnswerSaid], new: Sequence[AnswerSaid]) -> None:
        """Say what is new or is another one now; withdraw what is gone, also from a customer whose it is not any more."""
        standing = {_name(one) for one in new}
        for one in old:
            if _name(one) not in standing:
                self._words[_name(one)] = msgspec.structs.replace(one, stands=False)
        for one in new:
            if one not in old:
                self._words[_name(one)] = one

    def take(self, config: CoreConfig, before: DeltaBatch, last: DeltaBatch) -> list[Output]:
        """One or more records per partition of customers; ``last`` is true only of the last one, until then it is ``before``."""
        parts: list[list[AnswerSaid]] = [[] for _ in range(config.source_partitions)]
        for one in self._words.values():
            parts[murmur2_partition(one.customer.encode(), config.source_partitions)].append(one)
        self._words = {}
        outputs = []
        for partition, said in enumerate(parts):
            while len(said) > PIECE_ANSWERS:
                outputs.append(_output(config, partition, before, said[:PIECE_ANSWERS]))
                said = said[PIECE_ANSWERS:]  # noqa: PLW2901 - what is left of it
            outputs.append(_output(config, partition, last, said))
        return outputs


def _name(one: AnswerSaid) -> tuple[str, str, bytes]:
    return one.tenant, one.customer, one.key


def _output(config: CoreConfig, partition: int, said: DeltaBatch, answers: list[AnswerSaid]) -> Output:
    batch = AnswerBatch(
        said.generation,
        said.source_partition,
        said.watermark_ms,
        said.idle,
        said.closed,
        said.complete,
        said.forgotten_ms,
        answers,
    )
    return Output(config.topics.answers, partition, None, _encode(batch), [])


def decode_answers(raw: bytes | None, where: str, generation: int) -> AnswerBatch:
    """A record of the topic; ``where`` names it. Raises DamagedRowError, and GenerationError for a newer one than the worker's."""
    try:
        batch = _decode(raw or b"")
    except ValueError as exc:
        raise DamagedRowError(f"{where} is no record of answers: {exc}") from exc
    if batch.generation > generation:
        raise GenerationError(
            f"{where} holds generation {batch.generation}, this worker has {generation}: a newer version or other settings are at "
            "work; upgrade this worker, or give it the settings of the others"
        )
    return batch


class Heard:
    """What one partition of customers has heard of all partitions of tickets. Without answers to hear, nothing is waited for."""

    def __init__(self, config: CoreConfig, sources: Mapping[int, SourceProgress]) -> None:
        self._generation = config.generation
        self._expected = config.source_partitions if config.answers else 0
        self.sources = {number: one for number, one in sources.items() if number < self._expected}

    def take(self, batch: AnswerBatch) -> bool:
        """Take over what a partition says of itself; True when that is news."""
        before = self.sources.get(batch.source_partition, SourceProgress())
        said = SourceProgress(
            max(batch.watermark_ms, before.watermark_ms),
            batch.idle,
            batch.closed,
            batch.generation if batch.complete else before.complete,
            batch.forgotten_ms,
        )
        self.sources[batch.source_partition] = said
        return said != before

    @property
    def holding_ms(self) -> int | None:
        """Before this all answers are in, NONE_MS while somebody is still to be heard; None: nobody holds anything back."""
        if len(self.sources) < self._expected:
            return NONE_MS
        return min(
            (one.watermark_ms for one in self.sources.values() if not one.idle and not one.closed),
            default=None,
        )

    @property
    def closed(self) -> bool:
        """Whether all partitions have come to the end of their input."""
        return len(self.sources) >= self._expected and all(one.closed for one in self.sources.values())

    @property
    def complete(self) -> bool:
        """Whether all partitions have said all their answers under this generation; the first one has nothing to say again."""
        if self._generation == 1:
            return True
        done = sum(one.complete >= self._generation for one in self.sources.values())
        return done >= self._expected

    @property
    def left(self) -> int:
        """How many have not."""
        return self._expected - sum(one.complete >= self._generation for one in self.sources.values())
