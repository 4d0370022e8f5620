import pytest

from kvsctl.bulk.forecast import Forecast, cost_usd
from kvsctl.model import Verb


def test_writes_are_billed_by_their_bytes_and_reads_at_the_least() -> None:
    forecast = Forecast(
        records=1_000_000,
        duplicates=0,
        requests=40_000,
        units=40_000,
        are_units_least=False,
        bytes_sent=2_000_000_000,
        least_seconds=1.0,
    )
    assert cost_usd(Verb.SET, forecast) == cost_usd(Verb.DELETE, forecast) == pytest.approx(2.18)
    assert cost_usd(Verb.GET, forecast) == pytest.approx(40_000 * 1000 * 0.055 / 1e9)
