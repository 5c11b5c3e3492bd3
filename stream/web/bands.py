"""From where on csat is called good, and under what poor: as gauges, so that whoever draws or judges it reads the setting."""

from collections.abc import Sequence
from typing import Final

from stream.core.metric import Metric
from stream.web.text import Family, labels, sample

BANDS: Final = "contact_centre_csat_band_ratio"
_METRIC: Final = "csat"


def band_families(metrics: Sequence[Metric], percents: tuple[int, int]) -> list[Family]:
    """``percents``: poor under the first, good from the second, fair between. Only where csat is computed."""
    known = any(metric.name == _METRIC for metric in metrics)
    lines = [
        sample(BANDS, labels((("band", name),)), percent / 100)
        for name, percent in zip(("poor", "good"), percents, strict=True)
        if known
    ]
    return [Family(BANDS, "gauge", "Where csat's bands end: under poor it is poor, from good on good", lines)]
