"""The customers stage on a real broker: chosen while tickets are there already, killed, and equal to a fold and to a backfill."""

import re
from pathlib import Path

import orjson
import pytest

from stream.core.config import DEFAULT_METRICS
from stream.metrics import BY_NAME, METRICS
from stream.settings import load
from tests.broker.conftest import VOLATILE, Product
from tests.chaos.traffic import logged, traffic
from tests.support import topics
from tests.support.kafka import Kafka

pytestmark = pytest.mark.broker

EVENTS, CUSTOMERS, SEED = 1_500, 120, 3
SETTINGS = {
    "STREAM_PARTITIONS": "2",
    "STREAM_ROLLUP_WINDOWS": "1h,24h",
    "STREAM_CORRECTION_HORIZON": "35d",
    "STREAM_SEGMENT_LABELS": "location",
    "STREAM_GROUPINGS": "all;team;location",
    "STREAM_MARGIN": "40",
}
NAMES = tuple(metric.name for metric in METRICS if metric.entity == "customer")


def test_a_stage_of_its_own_begun_in_the_middle_is_the_fold_and_the_backfill(
    kafka: Kafka, tmp_path: Path
) -> None:
    records = logged(traffic(EVENTS, SEED, CUSTOMERS), 2)
    third = len(records) // 3
    product = Product(kafka.bootstrap, "customers-stage", tmp_path, **SETTINGS)
    try:
        product.send(records[:third])
        product.drain()
        there = topics.names(kafka.bootstrap)
        of_the_stage = {product.core.topics.customers_changelog, product.core.topics.answers}
        assert not of_the_stage & there, "no metric, no stage, no topic"

        product.settings["STREAM_METRICS"] = ",".join((*DEFAULT_METRICS, *NAMES))
        product.core = load(product.settings).core()
        worker = product.worker()
        worker.wait_for("worker.ready")
        product.send(records[third : 2 * third], per_second=800)
        worker.kill()
        product.send(records[2 * third :])
        product.drain(2)
        product.check()
        found = {data["metric"] for data in product.published().values() if data["value"] is not None}
        assert found >= set(NAMES) - {"lifetime_value"}
        assert found >= {"lifetime_value_historic_eur", "lifetime_value_simple_usd"}
        for metric in ("csat_change", "retention_rate"):
            explains(product, metric)
        audit = product.stream("audit")
        assert audit.wait() == 0, audit.output
        assert "tickets and customers folded" in audit.output
        assert product.stream("topics", "check").wait() == 0

        rebuilt = product.stream("worker", "--rebuild", "--drain")
        assert rebuilt.wait() == 0, rebuilt.output
        product.check()

        file, out = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
        file.write_bytes(b"".join((one.value or b"").replace(b"\n", b" ") + b"\n" for one in records))
        backfill = product.stream("backfill", str(file), "--rollups", str(out))
        assert backfill.wait() == 0, backfill.output
        computed = {}
        for line in out.read_bytes().splitlines():
            event = orjson.loads(line)
            key = event["id"].rpartition("/")[0].encode()
            computed[key] = {name: one for name, one in event["data"].items() if name not in VOLATILE}
        published = product.published()
        assert {key for key in computed if computed[key]["n"]} == {
            key for key in published if published[key]["n"]
        }
        wrong = [key for key in computed if computed[key]["n"] and computed[key] != published[key]]
        assert not wrong, (computed[wrong[0]], published[wrong[0]])
    finally:
        product.close()


def explains(product: Product, metric: str) -> None:
    """What ``explain`` says of a figure is what was published of it last."""
    published = [data for data in product.published().values() if data["metric"] == metric and data["n"] > 1]
    rollup = max(published, key=lambda data: (data["n"], len(data["segment"])))
    segment = "&".join(f"{name}={value}" for name, value in rollup["segment"].items())
    window = f"{rollup['window_start'][:16]}/{rollup['window_seconds'] // 3600}h"
    arguments = ("explain", metric, "--segment", segment, "--window", window)
    asked = product.stream(*arguments, "--json")
    assert asked.wait() == 0, asked.output
    found = orjson.loads(asked.output)
    (figure,) = found["figures"]
    told = ("metric", "n", "value", "unit", "parts", "low", "high", "excluded")
    assert {name: figure[name] for name in told} == {name: rollup[name] for name in told}
    text = product.stream(*arguments)
    assert text.wait() == 0, text.output
    assert BY_NAME[metric].definition[:40] in text.output
    (n,) = re.findall(r"^  n +(\S+)$", text.output, re.MULTILINE)
    assert n == f"{rollup['n']:,}"
