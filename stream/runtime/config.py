"""What the shell needs to know beyond the core's configuration. ``stream.settings`` builds it."""

from pathlib import Path

import msgspec


class Security(msgspec.Struct, frozen=True):
    """How to speak to the brokers."""

    protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class RuntimeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the shell. Times in milliseconds, sizes in bytes."""

    brokers: tuple[str, ...]
    """Addresses ``host:port``."""
    app_id: str
    """Consumer group, and the beginning of transactional ids and internal topics."""
    security: Security = Security()
    commit_interval_ms: int = 1000
    """Between two commits of a partition of the tickets stage."""
    windows_interval_ms: int = 200
    """The same for the windows stage: two chained intervals must still be fresh."""
    tick_interval_ms: int = 250
    instance_id: str = ""
    """Name of a static member of the group; empty for a member that leaves when it stops."""
    session_timeout_ms: int = 10_000
    heartbeat_ms: int = 500
    rebalance_timeout_ms: int = 10_000
    transaction_timeout_ms: int = 10_000
    """After this a dead worker's open transaction is aborted even without a successor; until then it blocks its readers."""
    request_timeout_ms: int = 30_000
    delivery_timeout_ms: int = 120_000
    """How long a broker may be away before a commit counts as failed and the process ends."""
    fetch_bytes: int = 4 * 2**20
    """Per partition and request."""
    max_poll_records: int = 5000
    """Records in one hand-over to the shards: bounds how long the event loop is held."""
    batch_bytes: int = 512 * 1024
    grace_ms: int = 25_000
    """From the order to stop until the process ends by force."""
    allow_volatile: bool = False
    """Run on a broker without transactions, with weaker guarantees, instead of refusing it."""
    replication_factor: int = 1
    """Copies of topics that the worker creates itself."""
