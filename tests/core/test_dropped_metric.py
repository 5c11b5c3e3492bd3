"""A metric that was not computed for a while: what it had published before is corrected when it is chosen again."""

import msgspec

from schemas import events as ev
from stream.core.config import DAY_MS, HOUR_MS, CoreConfig
from stream.core.pane import FOREVER
from tests.support.histories import START_MS, History, make
from tests.support.log import log
from tests.support.pipeline import Pipeline, stable

CONFIG = CoreConfig(
    clock="event",
    metrics=("csat", "csat_mean"),
    groupings=((),),
    rollup_windows_ms=(DAY_MS,),
    horizons_ms={DAY_MS: FOREVER},
    source_partitions=1,
    delta_partitions=1,
)


def test_an_answer_that_was_retracted_meanwhile_is_in_no_figure_afterwards() -> None:
    answered: History = [
        (
            "surveys",
            make(
                ev.SurveyAnswered,
                START_MS,
                ticket_id="t",
                survey_id="s",
                kind="csat",
                scale=ev.Scale(min=1, max=5),
                score=5,
                revision=0,
            ),
        )
    ]
    retracted: History = [
        ("surveys", make(ev.SurveyRetracted, START_MS + HOUR_MS, ticket_id="t", survey_id="s"))
    ]
    records = log([*answered, *retracted], timestamp_ms=START_MS + DAY_MS)
    pipeline = Pipeline(CONFIG)
    pipeline.feed(records[:1])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    figures = stable(pipeline.rollups)
    assert {one["metric"]: one["n"] for one in figures.values()} == {
        "csat": 1,
        "csat_mean": 1,
        "csat_mean_1_5": 1,
    }

    pipeline.change(msgspec.structs.replace(CONFIG, metrics=("csat",), generation=2))
    pipeline.feed(records[1:])
    pipeline.commit_tickets()
    pipeline.commit_windows()
    pipeline.change(msgspec.structs.replace(CONFIG, generation=3))
    pipeline.build()
    pipeline.close()
    assert stable(pipeline.rollups).keys() == figures.keys()
    assert [one["n"] for one in stable(pipeline.rollups).values()] == [0, 0, 0]
