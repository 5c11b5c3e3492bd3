"""``python -m tests.bench.soak``: days of tickets that come and go, one worker; rows, bytes and memory must stop growing.

The benchmark's day again and again under new ids and dates, as fast as the worker takes it. Windows are revised for two days, so that
tickets are forgotten after some three.
"""

import argparse
import logging
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from stream.core.record import SourceRecord
from tests.bench.job import generate
from tests.bench.recovery import State
from tests.broker.conftest import Product, scrape
from tests.support import topics
from tests.support.kafka import Kafka
from tests.support.ports import free_ports
from tests.support.process import wait_until

FIRST = date(2026, 5, 1)
SETTINGS = {
    "STREAM_PARTITIONS": "4",
    "STREAM_GROUPINGS": "all;team",
    "STREAM_CORRECTION_HORIZON": "1m:6h,1h:2d,1d:2d",
    "STREAM_COMMIT_INTERVAL": "1s",
    "STREAM_SESSION_TIMEOUT": "10s",
}
DAY_SECONDS = 1800


def day_of(records: Sequence[SourceRecord], number: int) -> list[tuple[str, bytes | None, bytes | None]]:
    """The day's records as those of another day, with tickets of its own."""
    today = (FIRST + timedelta(number)).isoformat().encode()
    tomorrow = (FIRST + timedelta(number + 1)).isoformat().encode()
    own = b"%03d-" % number
    return [
        (
            one.topic,
            (one.key or b"").replace(b"t-", own, 1),
            (one.value or b"")
            .replace(b"2026-11-03T", today + b"T")
            .replace(b"2026-11-04T", tomorrow + b"T")
            .replace(b'"t-', b'"' + own),
        )
        for one in records
    ]


def log_bytes(kafka: Kafka, topic: str) -> int:
    """What a topic occupies on the broker's disk."""
    return sum(
        segment.stat().st_size
        for folder in kafka.nodes[0].folder.glob(f"log-*/{topic}-*")
        for segment in folder.glob("*.log")
    )


def main(arguments: Sequence[str]) -> int:
    """Print a line per day."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--days", type=int, default=44)
    parser.add_argument("--tickets", type=int, default=20_000, help="a day, eleven events each")
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with Kafka(lasting=True) as kafka, tempfile.TemporaryDirectory(prefix="soak-") as temporary:
        product = Product(kafka.bootstrap, "soak", Path(temporary), **SETTINGS)
        [port] = free_ports(1)
        worker = product.worker(port=port)
        worker.wait_for("worker.ready", 60)
        records = generate(chosen.tickets, topics=product.core.topics).records
        sent = 0
        try:
            for number in range(chosen.days):
                batch = day_of(records, number)
                writer = threading.Thread(target=topics.write, args=(kafka.bootstrap, batch))
                writer.start()
                writer.join()
                sent += len(batch)

                def caught_up() -> bool:
                    seen = scrape(port)
                    taken = sum(
                        value
                        for name, value in seen.items()
                        if name.startswith("contact_centre_stream_events_total")
                    )
                    return taken >= sent  # noqa: B023 - waited for at once

                wait_until(caught_up, DAY_SECONDS, lambda: worker.output)
                print(_line(number, sent, scrape(port), State(worker), kafka, product), flush=True)
            assert worker.stop(60) == 0, worker.output
        finally:
            product.close()
    return 0


def _line(
    number: int, sent: int, seen: dict[str, float], state: State, kafka: Kafka, product: Product
) -> str:
    def total(name: str, stage: str) -> float:
        prefix = f"contact_centre_stream_{name}{{"
        return sum(value for key, value in seen.items() if key.startswith(prefix) and f'"{stage}' in key)

    names = product.core.topics
    return (
        f"day {number + 1}: {sent / 1e6:.2f} M events, {state.cpu_seconds / sent * 1e6:.0f} CPU s per million; "
        f"tickets {total('state_rows', 'tickets'):,.0f} rows {total('state_bytes', 'tickets') / 2**20:.1f} MiB, "
        f"windows {total('state_rows', 'windows'):,.0f} rows {total('state_bytes', 'windows') / 2**20:.1f} MiB, "
        f"RSS {state.rss_bytes / 2**20:.0f} MiB; changelogs on disk {log_bytes(kafka, names.tickets_changelog) / 2**20:.0f} "
        f"and {log_bytes(kafka, names.windows_changelog) / 2**20:.0f} MiB; series {len(seen)}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
