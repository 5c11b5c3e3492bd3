"""An archive of old events, the first thing that many people try: what to expect is said, and the figures are the known ones."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import stream.demo
from stream.core.histogram import RELATIVE_ERROR, bucket, quantiles
from tests.broker.conftest import Product, free_ports, scrape
from tests.support.kafka import Kafka
from tests.support.process import wait_until

pytestmark = pytest.mark.broker

HELPDESK = str(Path(stream.demo.__file__).parent / "data" / "helpdesk_comments.csv.gz")

KNOWN = {
    (): {
        "first_reply_time": (354, 16_561_515, 46_783.94, 119),
        "reply_time": (1_280, 288_879_877, 225_687.40, 3_285),
    },
    ("--count-bots",): {
        "first_reply_time": (360, 6_375, 17.71, 16),
        "reply_time": (1_297, 276_082_659, 212_862.50, 2_221),
    },
}
"""Options -> metric -> n, sum, mean, median in seconds: SOURCES.md."""


def test_on_the_wall_clock_it_is_said_that_old_events_come_too_late(kafka: Kafka, tmp_path: Path) -> None:
    product = Product(kafka.bootstrap, "old", tmp_path, STREAM_CLOCK="wall", STREAM_IDLE_AFTER="1s")
    (port,) = free_ports(1)
    try:
        worker = product.worker(port=port)
        worker.wait_for("worker.ready")
        wait_until(
            lambda: any("watermark_age" in name for name in scrape(port)), 30
        )  # idle: it follows the clock
        publish = product.stream("publish", HELPDESK)
        assert publish.wait() == 0
        assert "7,290 events sent\nnote: these events are dated up to 2023-03-07;" in publish.output
        assert "replay with STREAM_CLOCK=event" in publish.output

        def notes() -> list[str]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                found = json.load(answer)["notes"]
                assert isinstance(found, list)
                return found

        # the note grows with each batch: at first only one metric may have met a late measure
        wait_until(
            lambda: any("first_reply_time" in note for note in notes()), 30, lambda: worker.output[-2000:]
        )
        assert "came too late for every window" in notes()[0]
        assert worker.output.count("events.too_late") == 1
        assert "helpdesk" not in worker.output, "no customer's data in the log"
    finally:
        product.close()


@pytest.mark.parametrize("options", KNOWN, ids=["human", "with-the-bot"])
def test_the_known_figures_come_out_of_a_worker(product: Product, options: tuple[str, ...]) -> None:
    # The tickets' last comments are months after their first: days are to be kept until then.
    product.settings["STREAM_CORRECTION_HORIZON"] = "1m:6h,1h:35d,1d:800d"
    publish = product.stream("publish", HELPDESK, *options)
    assert publish.wait() == 0
    assert "note:" not in publish.output, "with STREAM_CLOCK=event they are not too late"
    worker = product.stream("worker", "--drain")
    assert worker.wait(60) == 0, worker.output
    assert worker.output.count("author.looks_like_a_bot") == bool(options)
    assert "p498b2d2b94b7" not in worker.output, "authors are named by key"
    days = [
        one
        for one in product.published().values()
        if one["segment"] == {"tenant": "helpdesk"} and one["window_seconds"] == 86_400
    ]
    for metric, (n, total, mean, median) in KNOWN[options].items():
        found = [one for one in days if one["metric"] == metric]
        assert sum(one["n"] for one in found) == n
        assert sum(one["parts"]["sum"] for one in found) == total
        assert sum(one["parts"]["sum"] for one in found) / n == pytest.approx(mean, abs=0.005)
        assert _median(one["parts"] for one in found) == pytest.approx(median, rel=RELATIVE_ERROR)
    _explains_the_bot(product, named=bool(options))


def _explains_the_bot(product: Product, *, named: bool) -> None:
    """On a day on which it answered two tickets, and people three, one of which had waited for a week."""
    arguments = ("--segment", "tenant=helpdesk", "--window", "2022-12-15/1d")
    explained = product.stream("explain", "first_reply_time", *arguments, "--json")
    assert explained.wait() == 0, explained.output
    found = json.loads(explained.output)
    if not named:
        assert found["suspected_bots"] == []
        assert found["figures"][0]["excluded"]["bot"] == 2
        text = product.stream("explain", "first_reply_time", *arguments)
        assert text.wait() == 0
        assert "excluded   bot 2" in text.output
        return
    assert "bot" not in found["figures"][0]["excluded"], "its two messages are said to be an agent's"
    [suspected] = found["suspected_bots"]
    assert (suspected["tenant"], suspected["author"]) == ("helpdesk", "499eca")
    assert 190 < suspected["first_replies"] <= suspected["of"]
    [figure], [without] = found["figures"], suspected["figures_without"]
    assert (figure["n"], figure["parts"]["sum"]) == (2, 25)
    assert (without["n"], without["parts"]["sum"]) == (3, 860_514)
    text = product.stream("explain", "first_reply_time", *arguments)
    assert text.wait() == 0
    assert "author helpdesk/499eca looks like a bot" in text.output
    assert "first_reply_time without 499eca" in text.output


def _median(parts: Iterable[Mapping[str, int]]) -> float:
    """Seconds, from the buckets of all windows together."""
    counts: Counter[int] = Counter()
    for one in parts:
        for name, count in one.items():
            if name.startswith("bucket_"):
                counts[bucket(int(name.split("_")[1]))] += count
    median = quantiles(counts, (50,))[50]
    assert median is not None
    return median / 1000
