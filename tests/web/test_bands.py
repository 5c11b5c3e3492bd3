"""Where csat's bands end is told to whoever draws them, as the setting has it."""

import pytest

from stream.core.metric import Metric
from stream.metrics import BY_NAME, METRICS
from stream.web.bands import BANDS, band_families
from stream.web.text import expose


@pytest.mark.parametrize("percents", [(60, 80), (55, 71), (0, 100), (70, 70)])
def test_the_bands_of_csat_are_those_of_the_setting(percents: tuple[int, int]) -> None:
    found = dict(
        line.rsplit(" ", 1)
        for line in expose(band_families(METRICS, percents), openmetrics=False).splitlines()[2:]
    )
    poor, good = (float(found[f'{BANDS}{{band="{name}"}}']) for name in ("poor", "good"))
    assert (poor, good) == (percents[0] / 100, percents[1] / 100)
    assert len(found) == 2


@pytest.mark.parametrize("metrics", [(), (BY_NAME["nps"], BY_NAME["csat_mean"])])
def test_there_are_none_where_csat_is_not_computed(metrics: tuple[Metric, ...]) -> None:
    assert BANDS not in expose(band_families(metrics, (60, 80)), openmetrics=False)
