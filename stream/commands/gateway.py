"""``stream gateway``: platforms' webhooks to the source topics."""

import asyncio
import signal
from collections.abc import Sequence

import click
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from stream.commands import CommandError, Context, kafka
from stream.commands.publish import HEADERS, partition_counts
from stream.core.partitioner import PARTITIONERS
from stream.gateway.files import Line
from stream.gateway.server import Bounds, Gateway, NotTakenError, TooLargeError
from stream.gateway.webhook import Door, SecretError, secrets_of
from stream.runtime import clients, logs
from stream.settings import Settings, SettingsError

TAKEN_SECONDS = 20.0
"""How long the brokers may take: senders of webhooks wait some 15 to 30 seconds for an answer."""

PROBE_SECONDS = 3.0
"""And until they are not ready."""

log = structlog.get_logger(__name__)


@click.command()
@click.pass_obj
def command(context: Context) -> None:
    """Take events from platforms by signed HTTP and send them to the source topics.

    POST http://STREAM_GATEWAY_HOST:STREAM_GATEWAY_PORT/events takes one CloudEvent, or an array of up to 1,000, signed as Standard
    Webhooks signs (webhook-id, webhook-timestamp, webhook-signature) with a secret of STREAM_WEBHOOK_SECRETS_FILE. 202 means that the
    brokers have it; with any other answer, and with none, send it again: what comes twice changes no figure. TLS is the business of
    the proxy in front.

    Needs no worker and keeps no state: start as many as you like. SIGTERM ends it when what it has taken is with the brokers.
    """
    settings = context.settings
    door = _door(settings)
    logs.set_up(settings.log_level)
    kafka.run(settings, _serve(settings, door))


def _door(settings: Settings) -> Door:
    file = settings.webhook_secrets_file
    if file is None:
        raise SettingsError(
            "STREAM_WEBHOOK_SECRETS_FILE is not set: the gateway takes nothing unsigned. Write a secret into a file with "
            "`python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\"`"
        )
    try:
        return Door(secrets_of(file.read_text(encoding="ascii")))
    except OSError as exc:
        raise SettingsError(f"STREAM_WEBHOOK_SECRETS_FILE={file} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"STREAM_WEBHOOK_SECRETS_FILE={file} holds no secrets: it is no text") from None
    except SecretError as exc:
        raise SettingsError(f"STREAM_WEBHOOK_SECRETS_FILE={file} cannot be used: {exc}") from None


async def _serve(settings: Settings, door: Door) -> None:
    config = settings.runtime()
    names = settings.core().topics
    counts = await partition_counts(config, settings)
    for topic in names.sources:
        if topic not in counts:
            raise CommandError(
                f"topic {topic} does not exist: run `stream topics create`, or check STREAM_TOPIC_PREFIX"
            )
    producer = clients.producer(config)
    await producer.start()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    gateway = Gateway(door, _Brokers(settings, producer, counts), Bounds(settings.gateway_max_body))
    try:
        try:
            await gateway.start(settings.gateway_host, settings.gateway_port)
        except (OSError, OverflowError) as exc:
            raise CommandError(
                f"cannot listen on {settings.gateway_host}:{settings.gateway_port} ({exc}); set STREAM_GATEWAY_HOST and "
                "STREAM_GATEWAY_PORT (0 takes a free port)"
            ) from exc
        await stopping.wait()
        await gateway.stop()
    finally:
        await _end(producer)


async def _end(producer: AIOKafkaProducer) -> None:
    """What is not with the brokers by then was answered with 503: whoever sent it sends it again."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await producer.stop()
    except TimeoutError:
        log.warning("gateway.left", reason="the brokers do not answer")


class _Brokers:
    """Events to their topics."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, counts: dict[str, int]) -> None:
        self._names = settings.core().topics
        self._partition_of = PARTITIONERS.get(settings.partitioner, PARTITIONERS["murmur2"])
        self._producer = producer
        self._counts = counts

    async def send(self, lines: Sequence[Line]) -> None:
        sending = []
        try:
            async with asyncio.timeout(TAKEN_SECONDS):
                for line in lines:
                    topic = str(getattr(self._names, line.topic))
                    count = self._counts.get(topic)
                    if count is None:
                        raise NotTakenError(
                            f"topic {topic} does not exist: run `stream topics create` and start the gateway again"
                        )
                    partition = self._partition_of(line.key, count)
                    sending.append(
                        await self._producer.send(
                            topic, line.value, line.key, partition=partition, headers=HEADERS
                        )
                    )
                await asyncio.gather(*sending)
        except TimeoutError:
            raise NotTakenError(f"the brokers have not answered for {TAKEN_SECONDS:.0f} s") from None
        except MessageSizeTooLargeError as exc:
            raise TooLargeError("an event is larger than the brokers take (max.message.bytes)") from exc
        except KafkaError as exc:
            raise NotTakenError(f"the brokers refused: {exc}") from exc

    async def trouble(self) -> str:
        """Asked anew each time: nobody sends to a gateway that is not ready, so what became of the last body says nothing."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                answered = await self._producer.client.force_metadata_update()
        except TimeoutError:
            answered = False
        return "" if answered else f"the brokers have not answered within {PROBE_SECONDS:.0f} s"
