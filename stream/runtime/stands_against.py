"""What ``upstream`` stands against: each function of Faust and aiokafka that is overridden or relied on, why, and its hash.

The versions are pinned; a test fails when one of these functions is not what it was when we looked at it.
"""

import hashlib
import importlib
import inspect
from typing import Any, NamedTuple


class Upstream(NamedTuple):
    """A function that we override or rely on."""

    name: str
    source_sha256: str
    """First 16 hex digits of the hash over ``inspect.getsource``."""
    reason: str

    def current_sha256(self) -> str:
        """The hash of what is installed. Raises AttributeError when it is gone."""
        module, _, path = self.name.partition(":")
        found: Any = importlib.import_module(module)
        for step in path.split("."):
            found = inspect.getattr_static(found, step)
        found = found.fget if isinstance(found, property) else getattr(found, "fun", found)  # mode's task
        return hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:16]


STANDS_AGAINST: tuple[Upstream, ...] = (
    Upstream(
        "aiokafka.consumer.fetcher:FetchResult.getall",
        "3e717e30de5068d5",
        "replaced by _fetched_range: the same, with the range of the log; positions are compared by ranges",
    ),
    Upstream(
        "aiokafka.consumer.fetcher:Fetcher.fetched_records",
        "be4348896b9b66af",
        "drops what is falsy and counts by len(): a range of markers alone must come through",
    ),
    Upstream(
        "aiokafka.consumer.fetcher:PartitionRecords._unpack_records",
        "b803e6d46480732c",
        "next_fetch_offset moves past markers and aborted records: the end of a range",
    ),
    Upstream(
        "aiokafka.consumer.fetcher:PartitionRecords._contains_abort_marker",
        "17e9ad2322ef4e0a",
        "replaced: raises on a control batch that compaction has emptied",
    ),
    Upstream(
        "aiokafka.consumer.group_coordinator:GroupCoordinator._do_heartbeat",
        "dc1d6632aaa68e96",
        "wrapped, to know when the group last answered",
    ),
    Upstream(
        "aiokafka.consumer.group_coordinator:GroupCoordinator._push_error_to_user",
        "743ff515bd7e2e38",
        "wrapped: it waits until somebody fetches, and nobody does before partitions are assigned",
    ),
    Upstream(
        "aiokafka.producer.transaction_manager:TransactionManager.maybe_add_partition_to_txn",
        "e0a118be379a7f75",
        "called without a record, to see whether a topic may be written",
    ),
    Upstream(
        "aiokafka.admin.client:AIOKafkaAdminClient._send_request_to_node",
        "5123e2972003e138",
        "called for a heartbeat without a member, to see whether the group may be joined",
    ),
    Upstream(
        "faust.app.base:App._create_directories",
        "a9f571c3b04abec3",
        "left out: it would leave an empty folder where the worker was started",
    ),
    Upstream(
        "faust.app.base:App._on_partitions_revoked",
        "d5c895bbe57dc73a",
        "suspends the agents and then calls Consumer.wait_empty, where the commit before leaving happens",
    ),
    Upstream("faust.app.base:App._stop_consumer", "55854a5de12c3f52", "the same at the end of the process"),
    Upstream(
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer",
        "c2701bfc3e6f6cad",
        "replaced: read_committed, login and limits are ours; keeps Faust's assignor in _assignor",
    ),
    Upstream(
        "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._fetch_records",
        "39a2c6c79fc1455a",
        "called twice: deltas first",
    ),
    Upstream(
        "faust.transport.drivers.aiokafka:ConsumerRebalanceListener.on_partitions_assigned",
        "1c1f8406ad3698a6",
        "runs in the consumer's thread before anything is fetched: changelogs are paused there",
    ),
    Upstream(
        "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread",
        "0870ec53dea75083",
        "replaced: our thread",
    ),
    Upstream(
        "faust.transport.drivers.aiokafka:Consumer._to_message",
        "7c24f6511b2fcef7",
        "replaced: one message per range",
    ),
    Upstream(
        "faust.transport.consumer:ThreadDelegateConsumer._getmany",
        "f9d47aa9010b5ff2",
        "its answer is regrouped",
    ),
    Upstream(
        "faust.transport.consumer:ThreadDelegateConsumer._seek",
        "4f95c631420410a5",
        "replaced: it would seek from another thread while fetched records are handed out",
    ),
    Upstream(
        "faust.transport.consumer:Consumer.getmany",
        "4b168d84882a70d6",
        "may call perform_seek while partitions move; drops batches of other generations",
    ),
    Upstream(
        "faust.transport.consumer:Consumer._wait_next_records",
        "6218e1969a636b3f",
        "sleeps a second where nothing is assigned yet, most of a hand-over: that wait is ours, in front of it",
    ),
    Upstream(
        "faust.transport.consumer:Consumer._drain_messages",
        "44a2500309e83c63",
        "calls _add_gap, which is left out, and drops messages below the read offset, which seek sets",
    ),
    Upstream(
        "faust.transport.consumer:Consumer._add_gap",
        "4df2573ded7c1c2c",
        "left out: it would build gaps of every range",
    ),
    Upstream(
        "faust.transport.consumer:Consumer._commit_handler",
        "4e5da5df073082d6",
        "never fires: the commit interval is set to years, the shell has its own",
    ),
    Upstream(
        "faust.transport.consumer:Consumer.perform_seek",
        "0e8c130ff4b0afd8",
        "replaced: the rows say where to read on",
    ),
    Upstream(
        "faust.tables.recovery:Recovery._restart_recovery",
        "6bd8a8558a2dffe4",
        "the order of the hooks that are replaced: fence and load, then seek, then flow",
    ),
    Upstream(
        "faust.tables.recovery:Recovery._wait",
        "ec7429b70176f8c6",
        "its time-out looks like a stop and ends recovery for good",
    ),
    Upstream(
        "faust.tables.recovery:Recovery._build_highwaters",
        "91b4cc0d3724ae7b",
        "replaced: fences earlier owners, loads rows",
    ),
    Upstream(
        "faust.tables.recovery:Recovery._build_offsets",
        "27eec86be06cb51f",
        "left out: the loader has read everything",
    ),
    Upstream(
        "faust.tables.recovery:Recovery._seek_offsets",
        "19598ca63d94d250",
        "left out: changelogs are not read by the group",
    ),
    Upstream(
        "faust.tables.recovery:Recovery.on_recovery_completed",
        "6ef567acf072e46d",
        "resumes before it seeks, so batches may come early; the shell starts to commit after it",
    ),
    Upstream("faust.tables.manager:TableManager.recovery", "f0bf5de78b4c3d23", "returns our recovery"),
    Upstream(
        "faust.tables.manager:TableManager.on_start",
        "365dd25fbc0e0684",
        "replaced: the same without its sleep of a second, a third of a start",
    ),
    Upstream(
        "faust.tables.manager:TableManager._update_channels", "88e3941facc934d6", "called by our on_start"
    ),
    Upstream(
        "faust.transport.conductor:ConductorCompiler.build",
        "837cf521368c1ee4",
        "what a batch costs; takes one message at a time and calls the schema",
    ),
)
