"""A real Apache Kafka for the tests: KRaft, one broker or more, everything in a temporary folder.

``python -m tests.support.kafka [BROKERS]`` runs one by hand and prints its address until it is interrupted.
"""

import asyncio
import contextlib
import logging
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.support import kafka_jars
from tests.support.ports import free_ports

CLUSTER_ID = "dGVzdHMtY29udGFjdC1jZQ"  # any 16 bytes in base64
START_SECONDS = 180
CLASSES = kafka_jars.LIBS.with_name("classes.jsa")

PROPERTIES = """
process.roles=broker,controller
node.id={node}
listeners=BROKER://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},DETOUR://127.0.0.1:{detour_port}
advertised.listeners=BROKER://127.0.0.1:{port},DETOUR://127.0.0.1:{advertised_port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
log.dirs={folder}/log-{node}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
min.insync.replicas={in_sync}
broker.session.timeout.ms={session_ms}
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.flush.scheduler.interval.ms=9223372036854775807
log.cleaner.dedupe.buffer.size=8388608
log.cleaner.backoff.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
"""

SECURED = """
listener.name.secured.sasl.enabled.mechanisms=PLAIN
listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""Users log in at a listener of their own and may do what they are allowed to; without a login everything may be done."""

SEALED = """
listener.name.sealed.ssl.keystore.type=PKCS12
listener.name.sealed.ssl.keystore.location={folder}/broker.p12
listener.name.sealed.ssl.keystore.password={password}
listener.name.sealed.ssl.key.password={password}
listener.name.sealed.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sealed.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
"""A listener with TLS, at which users log in by SCRAM."""
STORE_PASSWORD = "of-no-secret"

LOG4J = """\
Configuration:
  Appenders:
    Console: {name: STDOUT, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}
"""


class Node:
    """One broker process; it can be killed, stopped for a while and started again on the same disk."""

    def __init__(self, folder: Path, number: int, port: int, detour_port: int, advertised_port: int) -> None:
        self.folder = folder
        self.number = number
        self.port = port
        self.detour_port = detour_port
        self.advertised_port = advertised_port
        self.lasting = False
        """Whether it runs so long that Java's optimising compiler pays for itself; most tests end before."""
        self.classes = f"-XX:SharedArchiveFile={CLASSES}"
        """Java's option for classes that are kept, see :mod:`tests.support.kafka_classes`; it goes without where there are none."""
        self.scram: Sequence[str] = ()
        """Users that log in by SCRAM with their names as passwords."""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> Path:
        """What the broker printed."""
        return self.folder / f"node-{self.number}.txt"

    def command(self, *arguments: str) -> list[str]:
        """The command line of a Java class of Kafka."""
        return [
            kafka_jars.tool("java"),
            "-Xmx512m",
            "-XX:+UseSerialGC",
            f"-XX:TieredStopAtLevel={4 if self.lasting else 1}",
            self.classes,
            f"-Dlog4j2.configurationFile={self.folder}/log4j2.yaml",
            "-cp",
            f"{kafka_jars.ensure()}/*",
            *arguments,
        ]

    @property
    def properties(self) -> Path:
        """The broker's settings file."""
        return self.folder / f"node-{self.number}.properties"

    def format(self) -> None:
        """Prepare the log folder."""
        options = ["format", "-t", CLUSTER_ID, "-c", str(self.properties)]
        for name in self.scram:
            options += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={name}]"]
        done = subprocess.run(
            self.command("kafka.tools.StorageTool", *options),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start the process; :meth:`Kafka.wait` tells when it answers."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command("kafka.Kafka", str(self.properties)),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C of the test run is answered by our own stop
            )

    def send(self, number: int) -> None:
        """Send a signal (SIGSTOP, SIGCONT) to a running broker."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End the process, by SIGTERM first or by SIGKILL at once; its disk stays."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


class Kafka(AbstractContextManager["Kafka"]):
    """A cluster of one or more brokers. ``bootstrap`` is its address once it is entered.

    Three brokers keep three copies of everything, two of which must be in sync. A broker's ``detour_port`` is a second way in;
    clients that take it are told to go on at ``advertised_port``, where a test puts a proxy.
    """

    def __init__(
        self, brokers: int = 1, users: Sequence[str] = (), *, tls: bool = False, lasting: bool = False
    ) -> None:
        """``users`` log in with their names as passwords; what they may do, :mod:`tests.support.acls` says.

        At :attr:`secured` they do so in the clear, and with ``tls`` at :attr:`sealed` by TLS and SCRAM. ``lasting``: see :class:`Node`.
        """
        self._temporary = tempfile.TemporaryDirectory(prefix="kafka-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        ports = iter(free_ports(4 * brokers + 2))
        controller_ports = {number: next(ports) for number in range(1, brokers + 1)}
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in controller_ports.items())
        (self.folder / "log4j2.yaml").write_text(LOG4J)
        self.nodes = [
            Node(self.folder, number, next(ports), next(ports), next(ports)) for number in controller_ports
        ]
        for node in self.nodes:
            node.lasting = lasting
            node.properties.write_text(
                PROPERTIES.format(
                    node=node.number,
                    port=node.port,
                    detour_port=node.detour_port,
                    advertised_port=node.advertised_port,
                    controller_port=controller_ports[node.number],
                    voters=voters,
                    folder=self.folder,
                    replicas=min(3, brokers),
                    in_sync=min(2, brokers),
                    session_ms=9000 if brokers == 1 else 3000,  # one alone has nobody to hand over to
                )
            )
        self.secured = f"127.0.0.1:{next(ports)}"
        self.sealed = f"127.0.0.1:{next(ports)}"
        if users:
            logins = " ".join(f'user_{name}="{name}"' for name in users)
            self._listen("SECURED", self.secured, "SASL_PLAINTEXT", SECURED.format(users=logins))
        if tls:
            self._make_certificate()
            self._listen(
                "SEALED", self.sealed, "SASL_SSL", SEALED.format(folder=self.folder, password=STORE_PASSWORD)
            )
            self.nodes[0].scram = users

    def _listen(self, name: str, address: str, protocol: str, settings: str) -> None:
        """One listener more for the first broker."""
        properties = self.nodes[0].properties
        text = properties.read_text()
        for setting in ("listeners", "advertised.listeners"):
            text = re.sub(f"(?m)^({setting}=.*)$", rf"\1,{name}://{address}", text)
        text = re.sub(r"(?m)^(listener\.security\.protocol\.map=.*)$", rf"\1,{name}:{protocol}", text)
        properties.write_text(text + settings)

    @property
    def ca_file(self) -> Path:
        """PEM file with the authority that signed the broker: itself."""
        return self.folder / "broker.pem"

    def _make_certificate(self) -> None:
        """A key and a certificate by Java's own tool."""
        store = [
            "-alias",
            "broker",
            "-keystore",
            str(self.folder / "broker.p12"),
            "-storepass",
            STORE_PASSWORD,
        ]
        key = ["-keyalg", "EC", "-storetype", "PKCS12", "-dname", "CN=127.0.0.1", "-validity", "30"]
        extensions = ["-ext", "san=ip:127.0.0.1", "-ext", "bc=ca:true"]
        keytool = str(Path(kafka_jars.tool("java")).resolve().parent / "keytool")
        for command in (
            ["-genkeypair", *key, *extensions],
            ["-exportcert", "-rfc", "-file", str(self.ca_file)],
        ):
            subprocess.run([keytool, *command, *store], check=True, capture_output=True)

    @property
    def bootstrap(self) -> str:
        """Addresses as ``STREAM_BROKERS`` wants them."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def __enter__(self) -> Self:
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Node.format, self.nodes))
            for node in self.nodes:
                node.start()
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process that was started here and remove the folder; for that nobody has to leave in order."""
        for node in self.nodes:
            node.end(signal.SIGKILL)
        self._temporary.cleanup()

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Wait until every broker that runs answers and lists all running brokers."""
        running = [node for node in self.nodes if node.process is not None]
        deadline = time.monotonic() + seconds
        for node in running:
            while len(_brokers(node.port)) < len(running):
                assert node.process is not None
                code = node.process.poll()
                if code is not None or time.monotonic() > deadline:
                    state = f"ended with {code}" if code is not None else f"does not answer after {seconds} s"
                    raise RuntimeError(f"Kafka {state}:\n{node.output.read_text()[-4000:]}")
                time.sleep(0.1)


def _brokers(port: int) -> list[int]:
    """Ids of the brokers that one broker knows; empty while it does not answer."""

    async def ask() -> list[int]:
        client = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=2000)
        try:
            await client.start()
            return [broker["node_id"] for broker in (await client.describe_cluster())["brokers"]]
        finally:
            await client.close()

    try:
        with _silence():
            return asyncio.run(ask())
    except (KafkaError, OSError, TimeoutError):
        return []


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """aiokafka logs every refused connection as an error; while a broker starts they are expected."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # leaves the block below: the broker ends with us
    with Kafka(int(sys.argv[1]) if len(sys.argv) > 1 else 1) as kafka:
        print(kafka.bootstrap, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
