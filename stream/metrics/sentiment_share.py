"""In which mood customers speak of the company in public."""

from typing import Final

from stream.core.config import CoreConfig
from stream.core.customer import CUSTOMER_ALWAYS, SENTIMENTS, Customer
from stream.core.interval import Sample, Share, wilson
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import FigureName, Metric


def _measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    return [
        (one.at, customer.labels_at(one.at, config, one.network), EXCLUDED_SLOTS + one.sentiment, 1)
        for one in customer.mentions
    ]


def _figures(tally: Tally) -> list[Figure]:
    counts = {name: tally.get(EXCLUDED_SLOTS + code, 0) for name, code in SENTIMENTS.items()}
    n = sum(counts.values())
    figures = []
    for name, count in counts.items():
        low, high = wilson(count, n) or (None, None)
        figures.append(
            Figure(
                metric=_figure_name(name),
                n=n,
                value=count / n if n > 0 else None,
                unit="ratio",
                parts={**counts, "mentions": n},
                low=low,
                high=high,
            )
        )
    return figures if n else figures[:1]


def _samples(tally: Tally) -> dict[str, Sample | None]:
    counts = {name: tally.get(EXCLUDED_SLOTS + code, 0) for name, code in SENTIMENTS.items()}
    n = sum(counts.values())
    return {_figure_name(name): Share(count, n) if n > 0 else None for name, count in counts.items()}


def _figure_name(mood: str) -> str:
    return "sentiment_share" if mood == "positive" else f"sentiment_share_{mood}"


def _series(name: str) -> tuple[Series, ...]:
    metric = _figure_name(name)
    base = f"sentiment_{name}"
    return (
        Series(
            f"{base}_ratio",
            f"Mentions in a {name} mood / mentions.",
            lambda figure: figure.value if figure.metric == metric else None,
        ),
        Series(
            f"{base}_low_ratio",
            f"Lower end of {base}_ratio's 95 % interval.",
            lambda figure: figure.low if figure.metric == metric else None,
        ),
        Series(
            f"{base}_high_ratio",
            f"Upper end of {base}_ratio's 95 % interval.",
            lambda figure: figure.high if figure.metric == metric else None,
        ),
    )


METRIC: Final = Metric(
    id=28,
    name="sentiment_share",
    title="Sentiment of mentions",
    unit="ratio",
    definition=(
        "Mentions in a positive mood / mentions; sentiment_share_neutral and sentiment_share_negative are the other two shares. The "
        "network of a mention is its channel. 95 % intervals after Wilson."
    ),
    source="Ours: mentions of a mood / mentions, the plain share",
    null_rule="Null where nobody mentioned the company.",
    excluded_reasons=(),
    reads=CUSTOMER_ALWAYS | {"mention"},
    entity="customer",
    measures=_measures,
    figures=_figures,
    samples=_samples,
    interval=True,
    others=tuple(FigureName(_figure_name(name), "ratio", (0.0, 1.0)) for name in SENTIMENTS),
    series=(
        *(series for name in SENTIMENTS for series in _series(name)),
        Series("sentiment_mentions", "Mentions, in whatever mood.", lambda figure: figure.n),
    ),
)
