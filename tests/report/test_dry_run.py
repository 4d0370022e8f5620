from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.model import Outcome, State
from kvsctl.report.document import About
from kvsctl.report.dry_run import DryRun
from kvsctl.report.summary import summary
from tests.support.outcomes import failed, record
from tests.support.terminal import stderr

FORECAST = Forecast(
    records=2,
    duplicates=1,
    requests=1,
    units=3,
    are_units_least=False,
    bytes_sent=25_000,
    least_seconds=61.0,
)


def shown(dry_run: DryRun, tally: Tally) -> list[str]:
    about = About("set", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC))
    with stderr(200) as (environment, _):
        return summary(environment, tally, about, 1.0, dry_run).splitlines()


def tally_of_four() -> Tally:
    tally = Tally()
    tally(RecordsRead(4))
    tally(Settled([failed(3), *(Outcome(record(n), State.UNSENT) for n in range(3))]))
    return tally


def test_the_forecast_fills_the_counts_of_the_report() -> None:
    tally = tally_of_four()
    dry_run = DryRun(FORECAST, 0.02725)
    dry_run.enter(tally)
    tally.check_sum()
    assert (tally.requests, tally.units_write, tally.units_read) == (1, 3, 0)
    assert (tally.unsent, tally.duplicates, tally.bytes_sent) == (2, 1, 25_000)
    assert dry_run.members == {"dry_run": True, "least_s": 61.0, "cost_usd": 0.02725}
    assert shown(dry_run, tally) == [
        "set  DRY RUN, nothing was sent  staging",
        "4 records · 2 to send · 1 failed · 1 duplicate",
        "would need 1 request · 3 write units · 25,000 bytes · at least 1:01 min · 0.03 USD",
    ]


def test_what_a_stopped_listing_has_not_read_is_unsent_beside_what_it_has_found() -> None:
    tally = Tally()
    tally(RecordsRead(4))
    found = [Outcome(record(n), State.SUCCEEDED) for n in range(2)]
    tally(Settled([*found, Outcome(record(2), State.UNSENT), Outcome(record(3), State.UNKNOWN)]))
    DryRun(replace(FORECAST, records=2, duplicates=0), 0.0).enter(tally)
    tally.check_sum()
    assert (tally.succeeded, tally.unsent, tally.unknown) == (0, 3, 1)


def test_units_and_price_of_reads_are_lower_bounds() -> None:
    tally = tally_of_four()
    dry_run = DryRun(replace(FORECAST, are_units_least=True), 0.0)
    dry_run.enter(tally)
    assert (tally.units_write, tally.units_read) == (0, 3)
    assert "at least 3 read units" in shown(dry_run, tally)[2]
    assert "at least 0.00 USD, depending on the size of the answers" in shown(dry_run, tally)[2]


def test_a_small_price_is_not_rounded_to_zero() -> None:
    tally = tally_of_four()
    assert "less than 0.01 USD" in shown(DryRun(FORECAST, 0.0001), tally)[2]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "at least 0 s at 2,800"), (61.0, "at least 1:01 min at 2,800")]
)
def test_the_least_time_names_the_quota_that_it_assumes(seconds: float, said: str) -> None:
    forecast = replace(FORECAST, least_seconds=seconds, units_per_minute=2800.0)
    needs = shown(DryRun(forecast, 1.0), tally_of_four())[2]
    assert f" · {said} units per minute · " in needs


def test_without_a_quota_nothing_is_said_of_the_time() -> None:
    needs = shown(DryRun(replace(FORECAST, least_seconds=0.0), 1.0), tally_of_four())[2]
    assert needs == "would need 1 request · 3 write units · 25,000 bytes · 1.00 USD"


def test_reads_before_writes_are_named_and_writes_are_upper_bounds() -> None:
    tally = tally_of_four()
    dry_run = DryRun(replace(FORECAST, reads=2), 0.02725)
    dry_run.enter(tally)
    assert (tally.requests, tally.units_read, tally.units_write) == (3, 2, 3)
    assert shown(dry_run, tally)[2] == (
        "would need 2 requests to read, at least 2 read units · then at most 1 request to write · "
        "at most 3 write units · at most 25,000 bytes · at least 1:01 min · "
        "0.03 USD if all are written"
    )
