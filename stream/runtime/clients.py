"""Options of every Kafka client that the program opens, and what the broker can do."""

import functools
import logging
import ssl
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord

from stream.runtime.config import RuntimeConfig, Security
from stream.runtime.errors import StartError

NOT_ALLOWED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""What a broker answers to a user who may not do something."""


VOLATILE_WAIT_MS, VOLATILE_POLLS = 100, 10
"""How long the last batches of a volatile broker are waited for, all in all a second."""

FIRST_BYTES = 1024
"""Enough to see whether there is a record at all: a broker never gives less than a whole batch."""


@functools.wraps(PartitionRecords._contains_abort_marker)
def _aborts(_records: PartitionRecords, control_batch: Any) -> bool:
    """Whether a control batch ends an aborted transaction; an empty one does not.

    Compaction takes markers out and leaves the batch of a producer that may still be at work. aiokafka refuses to read on there, so that
    nobody could load such a changelog; the Java client takes it as this does.
    """
    marker = next(control_batch, None)
    return marker is not None and ControlRecord.parse(marker.key) == ABORT_MARKER


PartitionRecords._contains_abort_marker = _aborts


def connection(config: RuntimeConfig) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes: addresses, TLS and login."""
    security = config.security
    options: dict[str, Any] = {
        "bootstrap_servers": list(config.brokers),
        "security_protocol": security.protocol,
        "client_id": config.app_id,
    }
    if security.protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(security)
    if security.protocol.startswith("SASL"):
        if security.sasl_password_file is None:
            raise StartError(
                "STREAM_SASL_PASSWORD_FILE is not set, but STREAM_SECURITY_PROTOCOL asks for a login"
            )
        options["sasl_mechanism"] = security.sasl_mechanism
        options["sasl_plain_username"] = security.sasl_username
        options["sasl_plain_password"] = security.sasl_password_file.read_text(encoding="utf-8").strip()
    return options


def _ssl_context(security: Security) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=security.ca_file)
    if security.cert_file is not None:
        context.load_cert_chain(security.cert_file, security.key_file)
    return context


def admin(config: RuntimeConfig) -> AIOKafkaAdminClient:
    """A client for topics and groups; the caller starts and closes it."""
    return AIOKafkaAdminClient(**connection(config), request_timeout_ms=config.request_timeout_ms)


def producer(
    config: RuntimeConfig, transactional_id: str | None = None, *, idempotent: bool = True
) -> AIOKafkaProducer:
    """A producer that waits for all replicas; with an id, for transactions."""
    options: dict[str, Any] = {}
    if transactional_id is not None:
        options = {
            "transactional_id": transactional_id,
            "transaction_timeout_ms": config.transaction_timeout_ms,
        }
    return AIOKafkaProducer(
        **connection(config),
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=0,
        max_batch_size=config.batch_bytes,
        max_request_size=4 * 2**20,
        request_timeout_ms=config.delivery_timeout_ms,
        **options,
    )


def reader(
    config: RuntimeConfig, *, committed: bool, group_id: str | None = None, **options: Any
) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself and begins at the beginning."""
    return AIOKafkaConsumer(
        **connection(config),
        group_id=group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        request_timeout_ms=config.request_timeout_ms,
        **options,
    )


async def ends(
    config: RuntimeConfig, tps: Collection[TopicPartition], *, committed: bool
) -> dict[TopicPartition, int]:
    """Where partitions end now, as a reader of that isolation sees them.

    The embedded broker says where its last batch begins, plus one: behind such an answer that batch is read.
    """
    if not tps:
        return {}
    consumer = reader(config, committed=committed, fetch_max_wait_ms=VOLATILE_WAIT_MS)
    try:
        await consumer.start()
        found: dict[TopicPartition, int] = await consumer.end_offsets(list(tps))
        if config.allow_volatile:
            await _read_last_batches(consumer, found)
        return found
    finally:
        await consumer.stop()


async def with_records(config: RuntimeConfig, partitions: Mapping[str, int]) -> set[str]:
    """Those of the topics (name -> how many partitions) in which a committed record is left."""
    tps = [TopicPartition(name, number) for name, count in partitions.items() for number in range(count)]
    if not tps:
        return set()
    found: set[str] = set()
    consumer = reader(config, committed=True, max_partition_fetch_bytes=FIRST_BYTES, fetch_max_wait_ms=10)
    try:
        await consumer.start()
        consumer.assign(tps)
        begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, begins[tp])
        left = tps
        while left := [tp for tp in left if tp.topic not in found and await consumer.position(tp) < ends[tp]]:
            found |= {
                tp.topic for tp, records in (await consumer.getmany(*left, timeout_ms=200)).items() if records
            }
        return found
    finally:
        await consumer.stop()


async def committed(config: RuntimeConfig, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """The offsets of the workers' group, 0 where it has none."""
    consumer = reader(config, committed=True, group_id=config.app_id)
    try:
        await consumer.start()
        return {tp: await consumer.committed(tp) or 0 for tp in tps}
    finally:
        await consumer.stop()


async def ends_at_rest(
    config: RuntimeConfig, tps: Collection[TopicPartition]
) -> dict[TopicPartition, int] | None:
    """Ends behind which no transaction is open, None while one is: a commit is answered before its markers stand in the logs."""
    everything = await ends(config, tps, committed=False)
    return everything if await ends(config, tps, committed=True) == everything else None


async def _read_last_batches(consumer: AIOKafkaConsumer, found: dict[TopicPartition, int]) -> None:
    """Move each end behind the last record; a transaction's marker shows none, and there the answer was right."""
    waiting = {tp for tp, end in found.items() if end > 0}
    consumer.assign(list(waiting))
    for tp in waiting:
        consumer.seek(tp, found[tp] - 1)
    for _ in range(VOLATILE_POLLS):
        if not waiting:
            return
        for tp, records in (await consumer.getmany(*waiting, timeout_ms=VOLATILE_WAIT_MS)).items():
            if records:
                found[tp] = max(found[tp], records[-1].offset + 1)
                waiting.discard(tp)
                consumer.pause(tp)


def not_allowed(what: str, exc: KafkaError) -> str:
    """The line of a user who may not do something; the brokers name the resource."""
    return f"the brokers do not allow this user to {what} ({exc}): grant what the runbook lists under Permissions"


def no_broker(config: RuntimeConfig) -> str:
    """What to say when no connection could be made; a login or a certificate that is refused looks the same to the client."""
    brokers = ", ".join(config.brokers)
    suspects = ["STREAM_BROKERS"]
    also = ""
    if config.security.protocol != "PLAINTEXT":
        suspects.append("STREAM_SECURITY_PROTOCOL")
    if config.security.protocol.endswith("SSL"):
        suspects.append("STREAM_TLS_CA_FILE")
        also = ", or its certificate is not of a known authority"
    if config.security.protocol.startswith("SASL"):
        suspects += ["STREAM_SASL_MECHANISM", "STREAM_SASL_USERNAME", "STREAM_SASL_PASSWORD_FILE"]
        also += ", or none takes this login"
    return f"no broker answers at {brokers}{also}: check {', '.join(suspects)}"


async def has_transactions(config: RuntimeConfig) -> bool:
    """Whether the broker runs transactional producers: asked by starting one. Raises StartError when it cannot be asked."""
    probe = producer(config, f"{config.app_id}-probe")
    sender = logging.getLogger(
        "aiokafka.producer.sender"
    )  # it reports a refusal as an error; here it is an answer
    level = sender.level
    sender.setLevel(logging.CRITICAL)
    try:
        await probe.start()
    except KafkaConnectionError as exc:
        raise StartError(no_broker(config)) from exc
    except TransactionalIdAuthorizationFailed as exc:
        raise StartError(
            f"the broker does not let this user write transactions; allow transactional ids beginning with {config.app_id}-"
        ) from exc
    except KafkaError:
        return False
    finally:
        sender.setLevel(level)
        await probe.stop()
    return True
