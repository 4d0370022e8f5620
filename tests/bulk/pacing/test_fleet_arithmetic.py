"""The numbers of docs/fleet-arithmetic.md are those of kvsctl's own limits, prices and packing.

How long the largest installation takes is simulated, too.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from kvsctl.bulk.forecast import Forecaster
from kvsctl.bulk.pacing.pace import Pace, request_units
from kvsctl.bulk.plan import RunPlan
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Verb
from kvsctl.prices import read_usd, write_usd
from tests.support.simulated.quota_service import Quota, refused_share
from tests.support.simulated.simulation import records_of, simulate

_PAGE: Final = (Path(__file__).parents[3] / "docs/fleet-arithmetic.md").read_text("utf-8")

# What the page assumes.
_INSTALLATIONS: Final = 30_000
_TYPICAL, _LARGEST = 5_000, 1_000_000
_RECORD_BYTES: Final = 1_000
_SHARE: Final = 0.7
_RECORDS_PER_SECOND: Final = 20_000
_SAMPLE: Final = 20_000
_PACE: Final = Pace.of(_SHARE)
_BRIDGED: Final = Pace.of(_SHARE, is_bridged=True)


@dataclass(frozen=True)
class Need:
    """What a job needs on one installation. `reads` and `writes` are in quota units."""

    requests: float
    reads: float
    writes: float
    read_bytes: float
    written_bytes: float

    def times(self, count: float) -> "Need":
        return Need(*(value * count for value in vars(self).values()))

    def plus(self, other: "Need") -> "Need":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Need(*(one + another for one, another in pairs))

    @property
    def usd(self) -> float:
        return read_usd(round(self.read_bytes)) + write_usd(round(self.written_bytes))

    @property
    def minutes(self) -> int:
        """The least time: one kind of unit after the other."""
        seconds = sum(
            _PACE.least_seconds(round(self.requests), round(units))
            for units in (self.reads, self.writes)
            if units
        )
        return math.ceil(seconds / 60)


def _written(verb: Verb, record_bytes: int) -> Need:
    """Return what a record needs that is set or deleted, as packed."""
    forecaster = Forecaster(RunPlan(verb, pace=_PACE))
    for record in records_of(_SAMPLE, lambda _: record_bytes):
        forecaster.admit(record)
    found = forecaster.finish()
    whole = Need(found.requests, 0, found.units, 0, found.bytes_sent)
    return whole.times(1 / _SAMPLE)


def _listed() -> Need:
    """Return what a record needs that is listed with its value."""
    page_bytes = DEFAULT_LIMITS.query_page * (_RECORD_BYTES + 1) + 100
    page = Need(1, request_units(page_bytes), 0, page_bytes, 0)
    return page.times(1 / DEFAULT_LIMITS.query_page)


def _needs() -> dict[str, Need]:
    """Return what each job needs per record."""
    return {
        "`set` of all records": _written(Verb.SET, _RECORD_BYTES),
        "`export`": _listed(),
        "`delete --prefix` of all records": _listed().plus(_written(Verb.DELETE, 0)),
    }


@pytest.mark.parametrize("job", _needs())
def test_the_tables_say_what_each_job_needs(job: str) -> None:
    need = _needs()[job]
    fleet = need.times(_TYPICAL * _INSTALLATIONS)
    cells = [
        job,
        f"{need.times(_TYPICAL).requests:,.0f}",
        f"{need.times(_TYPICAL).reads + need.times(_TYPICAL).writes:,.0f}",
        f"{fleet.requests / 1e6:,.1f} million",
        f"{(fleet.read_bytes + fleet.written_bytes) / 1e9:,.0f} GB",
        f"{fleet.usd:,.2f}",
    ]
    assert f"| {' | '.join(cells)} |" in _PAGE
    largest = need.times(_LARGEST)
    units = largest.reads + largest.writes
    assert f"| {job} | {units:,.0f} | {largest.minutes} min | {largest.usd:,.2f} |" in _PAGE


def test_the_text_says_how_many_processes_help() -> None:
    fleet_seconds = _INSTALLATIONS * _TYPICAL / _RECORDS_PER_SECOND
    largest = _needs()["`set` of all records"].times(_LARGEST).minutes
    text = " ".join(_PAGE.split())
    assert f"{fleet_seconds / 60:,.0f} minutes of one process" in text
    assert f"more than {math.ceil(fleet_seconds / 60 / largest)} processes gain nothing" in text
    requests = _needs()["`set` of all records"].times(_TYPICAL * _INSTALLATIONS).requests
    invocations = _BRIDGED.app_invocations_per_minute
    assert invocations is not None
    assert f"kvsctl uses {invocations:,.0f} invocations per minute" in text
    assert f"at least {requests / invocations / 60:,.1f} hours" in text


def test_the_page_states_the_limits_and_the_share_that_it_uses() -> None:
    text = " ".join(_PAGE.split())
    for number in (
        f"{DEFAULT_LIMITS.write_units_per_minute:,} units per minute",
        f"{_SHARE * DEFAULT_LIMITS.write_units_per_minute:,.0f} units",
        f"{_INSTALLATIONS:,} installations",
        f"{_TYPICAL:,} records",
        f"{_LARGEST:,} records",
        f"{_RECORD_BYTES:,} bytes",
        f"{_RECORDS_PER_SECOND:,} records per second",
    ):
        assert number in text
    assert re.search(r"\bTODO\b", _PAGE) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sliding", "fixed", "bucket"])
def test_a_simulated_run_takes_as_long_as_the_arithmetic_says(kind: str) -> None:
    """A tenth of the largest installation, minutes of virtual time, against each kind of quota."""
    records = _LARGEST // 10
    plan = RunPlan(Verb.SET, pace=_PACE, finds_concurrency=True)
    ran = simulate(
        plan,
        Quota(kind),  # type: ignore[arg-type]
        records=records,
        body_bytes=lambda _: _RECORD_BYTES,
    )
    need = _written(Verb.SET, _RECORD_BYTES).times(records)
    least_seconds = _PACE.least_seconds(round(need.requests), round(need.writes))
    assert ran.succeeded == records
    assert refused_share(ran.ticks) < 0.01
    assert least_seconds <= ran.seconds <= 1.05 * least_seconds + 5
