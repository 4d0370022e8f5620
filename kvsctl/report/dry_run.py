"""The report of a dry run: what the run would need."""

from typing import Any

import msgspec

from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import Tally


class Rehearsed(msgspec.Struct, frozen=True):
    """What a run would need that was not carried out. `cost_usd` is the least for reads."""

    forecast: Forecast
    cost_usd: float

    def enter(self, tally: Tally) -> None:
        """Puts the forecast where a report has what a run did."""
        forecast = self.forecast
        tally.requests = forecast.requests
        tally.bytes_sent = forecast.bytes_sent
        tally.duplicates, tally.unsent = forecast.duplicates, forecast.records
        if forecast.are_units_least:
            tally.units_read = forecast.units
        else:
            tally.units_write = forecast.units

    @property
    def members(self) -> dict[str, Any]:
        """What the JSON report has beside the members of every report."""
        return {
            "dry_run": True,
            "least_s": round(self.forecast.least_seconds, 3),
            "cost_usd": round(self.cost_usd, 9),
        }
