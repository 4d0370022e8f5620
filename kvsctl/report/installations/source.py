"""How reading went of the store that all installations are compared with."""

from typing import Any

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.styled import painted, separator_of
from kvsctl.report.summary import total_of_units
from kvsctl.texts import counted


def source_members(name: str, tally: Tally, elapsed_seconds: float) -> dict[str, Any]:
    """Return the members of the JSON report. The sums of the report do not include them."""
    return {
        "target": name,
        "records": tally.records,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "requests": tally.requests,
        "retries": tally.retries,
        "units": {"read": tally.units_read, "write": tally.units_write},
        "elapsed_s": round(elapsed_seconds, 3),
    }


def source_line(name: str, tally: Tally, elapsed_seconds: float, environment: Environment) -> str:
    """Return the line of the report for people."""
    parts = [f"source {visible(name)}", counted(tally.records, "record")]
    parts += [f"{tally.failed:,} failed"] if tally.failed else []
    parts += [f"{tally.skipped:,} skipped"] if tally.skipped else []
    parts.append(f"{elapsed_seconds:.2f} s")
    if units := total_of_units(tally):
        parts.append(units)
    return painted([(separator_of(environment).join(parts), "")], environment)
