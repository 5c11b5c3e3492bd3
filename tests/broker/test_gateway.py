"""``stream gateway`` in front of a real broker: what it answers with 202 is there, and the figures count it once."""

import http.client
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stream.core.partitioner import murmur2_partition
from stream.gateway.webhook import MOST_BYTES
from tests.broker.conftest import Product
from tests.gateway.signing import SECRET, signed
from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import Process, wait_until

pytestmark = pytest.mark.broker

BODIES, SENDERS, PAUSE_SECONDS = 400, 8, 0.2
"""How many webhooks come, from so many senders at once, over which gateways and brokers die; and how soon each is sent again."""


def ask(port: int, path: str, body: bytes | None = None, message: str = "msg-1") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    try:
        connection.request(
            "GET" if body is None else "POST", path, body, signed(body, message=message) if body else {}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as exc:
        return 0, str(exc)
    finally:
        connection.close()


def survey(number: int, score: int) -> list[dict[str, object]]:
    """A ticket and its answer."""
    minute = f"{number // 60:02}:{number % 60:02}"
    times = (f"2026-11-05T12:{minute}Z", f"2026-11-05T13:{minute}Z")
    common = {"specversion": "1.0", "source": "/helpdesk"}
    ids = {"tenant": "acme", "ticket_id": f"t-{number}"}
    answer = {"survey_id": f"s-{number}", "kind": "csat", "scale": {"min": 1, "max": 5}, "score": score}
    return [
        {
            **common,
            "id": f"c-{number}",
            "type": "contact-centre.ticket.created.v1",
            "time": times[0],
            "data": {**ids, "channel": "chat", "created_by": "customer"},
        },
        {
            **common,
            "id": f"a-{number}",
            "type": "contact-centre.survey.answered.v1",
            "time": times[1],
            "data": {**ids, **answer, "revision": 0},
        },
    ]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    file = tmp_path / "secrets"
    file.write_text(SECRET + "\n")
    return file


@pytest.fixture
def product(kafka: Kafka, tmp_path: Path) -> Iterator[Product]:
    running = Product(kafka.bootstrap, "gateway", tmp_path, STREAM_METRICS="csat", STREAM_ALERTS="none")
    yield running
    running.close()


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[Kafka]:
    """A broker that may be frozen and killed."""
    with Kafka() as kafka:
        yield kafka


def started(product: Product, secrets: Path, port: int = 0) -> tuple[Process, int]:
    """A gateway that is ready, at a free port unless it is to be the successor of another one.

    One that finds brokers that only just came back may end with a line that says so: it is started again.
    """
    port = port or free_ports(1)[0]

    def start() -> Process:
        return product.stream(
            "gateway", STREAM_WEBHOOK_SECRETS_FILE=str(secrets), STREAM_GATEWAY_PORT=str(port)
        )

    gateway = start()

    def ready() -> bool:
        nonlocal gateway
        if not gateway.running:
            assert gateway.wait(1) == 1, gateway.output
            assert "brokers" in gateway.error, gateway.output
            gateway = start()
        return ask(port, "/readyz")[0] == 200

    wait_until(ready, 60, lambda: gateway.output)
    return gateway, port


def test_signed_events_become_figures_and_count_once(product: Product, secrets: Path) -> None:
    gateway, port = started(product, secrets)
    bodies = [json.dumps(survey(number, score)).encode() for number, score in enumerate((5, 5, 4, 1))]
    for number, body in enumerate(bodies):
        assert ask(port, "/events", body, message=f"m-{number}")[0] == 202, gateway.output
    assert ask(port, "/events", bodies[0], message="m-0")[0] == 200, "the same webhook again"
    assert ask(port, "/events", bodies[1], message="sent anew")[0] == 202, "the same events in another one"
    gateway.send(signal.SIGTERM)
    assert gateway.wait(30) == 0, gateway.output
    records = topics.read(product.bootstrap, [product.core.topics.tickets, product.core.topics.surveys])
    assert len(records) == 10
    partitions = product.core.source_partitions
    assert {record.partition - murmur2_partition(record.key or b"", partitions) for record in records} == {0}
    product.drain()
    days = [
        one
        for one in product.published().values()
        if one["metric"] == "csat" and one["window_seconds"] == 86_400
    ]
    whole = [one for one in days if not one["segment"].get("channel")]
    assert [(one["n"], one["value"]) for one in whole] == [(4, 0.75)]


def test_without_brokers_it_says_so_and_ends_when_told_and_what_it_did_not_take_counts_once(
    own_kafka: Kafka, tmp_path: Path, secrets: Path
) -> None:
    product = Product(own_kafka.bootstrap, "silent", tmp_path, STREAM_METRICS="csat", STREAM_ALERTS="none")
    (node,) = own_kafka.nodes
    body = json.dumps(survey(1, 5)).encode()
    try:
        gateway, port = started(product, secrets)
        node.send(signal.SIGSTOP)
        try:
            assert ask(port, "/readyz")[0] == 503, "nobody has sent anything"
            node.send(signal.SIGCONT)
            wait_until(lambda: ask(port, "/readyz")[0] == 200, 60, lambda: gateway.output)
            node.send(signal.SIGSTOP)
            status, text = ask(port, "/events", body)
            assert (status, json.loads(text)["outcome"]) == (503, "not_taken")
            gateway.send(signal.SIGTERM)
            assert gateway.wait(30) == 0, gateway.output
        finally:
            node.send(signal.SIGCONT)
        gateway, port = started(product, secrets)
        status, text = ask(port, "/events", body)
        assert status == 202, text + gateway.output
        gateway.send(signal.SIGTERM)
        assert gateway.wait(30) == 0, gateway.output
        product.drain()
        assert {one["n"] for one in product.published().values()} == {1}
    finally:
        product.close()


def test_whatever_dies_in_the_middle_of_sending_what_is_sent_until_it_is_taken_counts_once(
    own_kafka: Kafka, tmp_path: Path, secrets: Path
) -> None:
    """A gateway and then the broker end by SIGKILL while bodies are on their way; each sender repeats until it hears 2xx."""
    product = Product(own_kafka.bootstrap, "deaths", tmp_path, STREAM_METRICS="csat", STREAM_ALERTS="none")
    (node,) = own_kafka.nodes
    scores = [1 + number % 5 for number in range(BODIES)]
    answers: list[int] = []
    try:
        gateway, port = started(product, secrets)

        def send(number: int) -> None:
            body = json.dumps(survey(number, scores[number])).encode()
            while (status := ask(port, "/events", body, message=f"m-{number}")[0]) not in {200, 202}:
                answers.append(status)
                time.sleep(PAUSE_SECONDS)
            answers.append(status)

        with ThreadPoolExecutor(SENDERS) as pool:
            sending = [pool.submit(send, number) for number in range(BODIES)]

            def wait_for(share: float) -> None:
                wait_until(lambda: sum(one.done() for one in sending) >= share * BODIES, 60, pause=0.002)

            wait_for(1 / 3)
            gateway.kill()
            gateway, _ = started(product, secrets, port)
            wait_for(2 / 3)
            node.end(signal.SIGKILL)
            node.start()
            for one in sending:
                one.result(60)
        assert 0 in answers, "nobody was struck"
        gateway.send(signal.SIGTERM)
        assert gateway.wait(30) == 0, gateway.output
        records = topics.read(product.bootstrap, [product.core.topics.tickets, product.core.topics.surveys])
        assert len({record.value for record in records}) == 2 * BODIES
        print(
            f"{len(records) - 2 * BODIES} of {len(records)} records are repetitions; answers {Counter(answers)}"
        )
        product.drain()
        whole = [
            one
            for one in product.published().values()
            if one["window_seconds"] == 86_400 and not one["segment"].get("channel")
        ]
        good = sum(score >= 4 for score in scores)
        assert [(one["n"], one["value"]) for one in whole] == [(BODIES, good / BODIES)]
    finally:
        product.close()


def test_an_event_is_as_large_as_the_brokers_take_or_refused_for_good(
    product: Product, secrets: Path
) -> None:
    gateway, port = started(product, secrets)
    ticket, _ = survey(1, 5)
    room = MOST_BYTES - len(json.dumps({**ticket, "note": ""}))
    largest = json.dumps({**ticket, "note": "x" * room}).encode()
    assert ask(port, "/events", largest)[0] == 202, gateway.output
    assert ask(port, "/events", largest + b" ", "msg-2")[0] == 202, "a blank behind it is not its own"
    assert ask(port, "/events", json.dumps({**ticket, "note": "x" * (room + 1)}).encode(), "msg-3")[0] == 413


def test_it_refuses_to_start_without_topics_secrets_or_a_port(product: Product, secrets: Path) -> None:
    cases = [
        ({}, 2, "STREAM_WEBHOOK_SECRETS_FILE is not set"),
        ({"STREAM_TOPIC_PREFIX": "nowhere."}, 1, "run `stream topics create`"),
        ({"STREAM_GATEWAY_HOST": "192.0.2.1"}, 1, "STREAM_GATEWAY_HOST"),
    ]
    for more, code, says in cases:
        given = {"STREAM_WEBHOOK_SECRETS_FILE": str(secrets), "STREAM_GATEWAY_PORT": "0", **more}
        if not more:
            del given["STREAM_WEBHOOK_SECRETS_FILE"]
        process = product.stream("gateway", **given)
        assert process.wait(60) == code, process.output
        assert says in process.error, process.output
    secrets.write_text("hunter2\n")
    process = product.stream("gateway", STREAM_WEBHOOK_SECRETS_FILE=str(secrets))
    assert process.wait(60) == 2, process.output
    assert "whsec_" in process.error
    assert "hunter2" not in process.output
