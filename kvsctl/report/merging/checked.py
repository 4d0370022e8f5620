"""Whether a document is a report that can be added to others."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from kvsctl.errors import ExitStatus, UsageError
from kvsctl.model import State
from kvsctl.report.merging.rules import are_rules
from kvsctl.report.schema import REPORT_SCHEMA

COUNTS: Final = (
    "records",
    *(state.value for state in State),
    "ambiguous",
    "requests",
    "retries",
    "throttled",
    "bytes_sent",
    "bytes_received",
)
"""The members of a report that are whole numbers and add up."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_LAST_YEAR: Final = 9000
_MOST: Final = 1_000_000_000
"""The most seconds, or US dollars, of one report: 31 years."""
_HINT: Final = "Give it files that --report wrote."


def checked_report(document: object, name: str) -> dict[str, Any]:
    """Return a document if it is a report that adds up. `name`: its name in messages.

    Raise UsageError for other documents, for reports of a newer schema, and for a report whose
    records do not have one outcome each.
    """
    if not isinstance(document, dict):
        raise UsageError(f"{name}: not a report", _HINT)
    schema = document.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < REPORT_SCHEMA:
        raise UsageError(f"{name}: not a report", _HINT)
    if schema > REPORT_SCHEMA:
        raise UsageError(
            f"{name}: its schema {schema} is newer than this kvsctl can read", "Update kvsctl."
        )
    for member, is_fit in _MEMBERS.items():
        if not is_fit(document.get(member)):
            raise UsageError(f'{name}: not a report: no valid "{member}"', _HINT)
    for member, is_fit in _FURTHER_MEMBERS.items():
        if member in document and not is_fit(document[member]):
            raise UsageError(f'{name}: not a report: no valid "{member}"', _HINT)
    ends = {state.value: document[state.value] for state in State}
    if document["records"] != sum(ends.values()):
        parts = ", ".join(f"{count} {end}" for end, count in ends.items())
        raise UsageError(f"{name}: does not add up: {document['records']} records, but {parts}")
    return document


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_exit_code(value: object) -> bool:
    return _is_count(value) and value in [*ExitStatus]


def _is_moment(value: object) -> bool:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        return False
    try:
        return datetime.fromisoformat(value).year <= _LAST_YEAR
    except ValueError:  # there is no such day
        return False


def _are_counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_count(each) for each in value.values())


def _are_units(value: object) -> bool:
    return _are_counts(value) and isinstance(value, Mapping) and {*value} == {"read", "write"}


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


_MEMBERS: Final[Mapping[str, Callable[[object], bool]]] = {
    "version": _is_text,
    "command": _is_text,
    "target": _is_text,
    "exit_code": _is_exit_code,
    "started_at": _is_moment,
    "elapsed_s": _is_amount,
    **dict.fromkeys(COUNTS, _is_count),
    "skipped_by": _are_counts,
    "units": _are_units,
    "interrupted": _is_flag,
    "failures": _are_objects,
    "failures_truncated": _is_flag,
}
_FURTHER_MEMBERS: Final[Mapping[str, Callable[[object], bool]]] = {
    "inputs": _are_objects,
    "installations": _are_objects,
    "parts": _are_objects,
    "rules": are_rules,
    "dry_run": _is_flag,
    "least_s": _is_amount,
    "cost_usd": _is_amount,
    **dict.fromkeys(("planned", "equal", "added", "changed", "missing"), _is_count),
}
