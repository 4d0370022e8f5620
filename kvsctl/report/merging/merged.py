"""Many reports as one, so that the sum of the parts reads like the report of the whole.

The order and the grouping of reports make no difference, except to the order of lists. The sum of
one report is that report.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from kvsctl.bulk.outcomes.tally import KEPT_FAILURES
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.report.merging.checked import COUNTS
from kvsctl.report.merging.rules import merged_rules
from kvsctl.report.schema import REPORT_SCHEMA
from kvsctl.texts import utc_text

SEVERAL: Final = "(several)"
"""The `version`, `command` or `target` of reports that differ in it."""

_GRAVEST_FIRST: Final = (
    ExitStatus.DEFECT,
    ExitStatus.STREAM,
    ExitStatus.INTERRUPTED,
    ExitStatus.TERMINATED,
    ExitStatus.PIPE_CLOSED,
    ExitStatus.USAGE,
    ExitStatus.UNREACHABLE,
    ExitStatus.REFUSED,
    ExitStatus.WORK_LEFT,
    ExitStatus.FAILURES,
    ExitStatus.OK,
)
_NANO: Final = 1_000_000_000
_MILLI: Final = 1_000

_Report = Mapping[str, Any]


def gravest(codes: Sequence[int]) -> ExitStatus:
    """Return the exit status that takes precedence (README: "Exit codes"); OK for none."""
    return min(map(ExitStatus, codes), key=_GRAVEST_FIRST.index, default=ExitStatus.OK)


def merged(reports: Sequence[_Report]) -> dict[str, Any]:
    """Return the sum of reports, as a report. There must be at least one.

    Counts, units, bytes and costs add up; the exit code is the gravest; the time is that from the
    first start to the last end. The first failures are listed, in the order of the reports. Another
    member stays if it is the same in all of them.

    Raise UsageError for a mixture of dry runs and others. Each report must have passed
    `checked_report`, or come from this version of kvsctl.
    """
    if not reports:
        raise ValueError("no reports to add up")
    if len({bool(report.get("dry_run")) for report in reports}) > 1:
        raise UsageError(
            "reports of dry runs do not add up with others", "Merge them on their own."
        )
    started_at, elapsed_seconds = _span(reports)
    failures = [failure for report in reports for failure in report["failures"]][:KEPT_FAILURES]
    document: dict[str, Any] = {
        "schema": REPORT_SCHEMA,
        **{name: _common(reports, name) for name in ("version", "command", "target")},
        "exit_code": int(gravest([report["exit_code"] for report in reports])),
        "started_at": started_at,
        "elapsed_s": elapsed_seconds,
        **{name: sum(report[name] for report in reports) for name in COUNTS},
        "skipped_by": _sums(reports, "skipped_by"),
        "units": {"read": 0, "write": 0} | _sums(reports, "units"),
        "interrupted": any(report["interrupted"] for report in reports),
        "failures": failures,
    }
    document["failures_truncated"] = document["failed"] > len(failures) or any(
        report["failures_truncated"] for report in reports
    )
    ordered = {name: document[name] for name in reports[0] if name in document}
    return ordered | document | _further_members(reports, document)


def _further_members(reports: Sequence[_Report], document: _Report) -> dict[str, Any]:
    """Return members that not every report must have, in order of appearance."""
    names = dict.fromkeys(name for report in reports for name in report if name not in document)
    further = {}
    for name in names:
        given = [report[name] for report in reports if name in report]
        if name in _ADDED:
            further[name] = _ADDED[name](given)
        elif len(given) == len(reports) and all(value == given[0] for value in given):
            further[name] = given[0]
    return further


def _common(reports: Sequence[_Report], name: str) -> str:
    values = {report[name] for report in reports}
    return str(values.pop()) if len(values) == 1 else SEVERAL


def _span(reports: Sequence[_Report]) -> tuple[str, float]:
    """Return the first start, and the seconds from there to the last end."""
    starts = [datetime.fromisoformat(report["started_at"]) for report in reports]
    first = min(starts)
    last = max(
        start + timedelta(milliseconds=round(report["elapsed_s"] * _MILLI))
        for start, report in zip(starts, reports, strict=True)
    )
    return utc_text(first), (last - first) // timedelta(milliseconds=1) / _MILLI


def _sums(reports: Sequence[_Report], name: str) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for report in reports:
        totals.update(report[name])
    return dict(sorted(totals.items()))


def _total_usd(amounts: Sequence[float]) -> float:
    """Add amounts as whole billionths: sums of fractions would depend on their order."""
    return sum(round(amount * _NANO) for amount in amounts) / _NANO


def _each_once(lists: Sequence[Sequence[Any]]) -> list[Any]:
    found: list[Any] = []
    for items in lists:
        found += [item for item in items if item not in found]
    return found


def _joined(lists: Sequence[Sequence[Any]]) -> list[Any]:
    return [item for items in lists for item in items]


_ADDED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "inputs": _each_once,
    "installations": _joined,
    "parts": _joined,
    "planned": sum,
    "equal": sum,
    "added": sum,
    "changed": sum,
    "missing": sum,
    "rules": merged_rules,
    "least_s": max,
    "cost_usd": _total_usd,
}
"""How to add members that not every report has. Others stay if all reports agree on them."""
