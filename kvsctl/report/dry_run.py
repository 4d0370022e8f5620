"""The report of a dry run: what the run would cost."""

from typing import Any

import msgspec

from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.settling.reconcile import EXPIRED


class DryRun(msgspec.Struct, frozen=True):
    """What a run would need. `cost_usd` is a lower bound for reads."""

    forecast: Forecast
    cost_usd: float

    def plus(self, other: "DryRun") -> "DryRun":
        """Return what two runs need, one after the other. Both write."""
        return DryRun(self.forecast.plus(other.forecast), self.cost_usd + other.cost_usd)

    def enter(self, tally: Tally) -> None:
        """Set the counts of the report to the forecast's: what the run would do.

        Records that a listing found for the run count as unsent, not as succeeded, as do records
        that a stopped run listed but did not read.
        """
        forecast = self.forecast
        tally.unsent += tally.succeeded - forecast.duplicates - forecast.expired
        if forecast.expired:
            tally.skipped += forecast.expired
            tally.skipped_by[EXPIRED] += forecast.expired
        tally.succeeded, tally.duplicates = 0, forecast.duplicates
        tally.requests = forecast.reads + forecast.requests
        tally.bytes_sent = forecast.bytes_sent
        if forecast.are_units_least:
            tally.units_read = forecast.units
        else:
            tally.units_write = forecast.units
            tally.units_read = forecast.reads

    @property
    def members(self) -> dict[str, Any]:
        """The members of the JSON report that only a dry run has."""
        return {
            "dry_run": True,
            "least_s": round(self.forecast.least_seconds, 3),
            "cost_usd": round(self.cost_usd, 9),
        }
