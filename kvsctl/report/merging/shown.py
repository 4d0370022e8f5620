"""The totals of a report as a tally, to be shown to people like those of a run."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import (
    OTHER_CODES,
    FailureGroup,
    FailureNote,
    InstallationFailure,
    Tally,
)
from kvsctl.report.dry_run import DryRun
from kvsctl.report.merging.checked import COUNTS


def tally_of(report: Mapping[str, Any]) -> Tally:
    """Return the tally of a report. Failures that it does not list have no code of their own."""
    tally = Tally()
    for name in COUNTS:
        setattr(tally, name, report[name])
    tally.skipped_by = Counter(report["skipped_by"])
    tally.units_read, tally.units_write = report["units"]["read"], report["units"]["write"]
    notes = [_note(place, failure) for place, failure in enumerate(report["failures"])]
    groups: dict[str, FailureGroup] = {}
    for note in notes:
        groups.setdefault(note.code, FailureGroup(note.code, 0, note)).count += 1
    unlisted = tally.failed - len(notes)
    if unlisted > 0 and notes:
        groups[OTHER_CODES] = FailureGroup(OTHER_CODES, unlisted, notes[-1])
    tally.take_over(groups.values(), notes)
    return tally


def dry_run_of(report: Mapping[str, Any]) -> DryRun | None:
    """Return what the run of a report would need; None if it is not the report of a dry run."""
    if not report.get("dry_run"):
        return None
    units = report["units"]
    is_reading = units["read"] > 0 and units["write"] == 0
    reads = 0 if is_reading else units["read"]
    forecast = Forecast(
        records=report["unsent"],
        duplicates=report["duplicates"],
        requests=max(report["requests"] - reads, 0),
        units=units["read"] if is_reading else units["write"],
        are_units_least=is_reading,
        bytes_sent=report["bytes_sent"],
        least_seconds=report.get("least_s", 0),
        reads=reads,
    )
    return DryRun(forecast, report.get("cost_usd", 0))


def _note(place: int, failure: Mapping[str, Any]) -> FailureNote:
    note = FailureNote(
        position=place,
        key=failure.get("key"),
        entity=failure.get("entityName"),
        source=str(failure.get("source")),
        code=str(failure.get("code")),
        message=str(failure.get("message")),
        attempts=failure.get("attempts", 0),
        trace_id=failure.get("trace_id"),
    )
    installation = failure.get("installation")
    if installation is None:
        return note
    return InstallationFailure(**asdict(note), installation=str(installation))
